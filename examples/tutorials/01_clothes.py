"""Teach a network to tell clothes apart: Fashion-MNIST, in three layers.

python -m torchkeras_shim examples/tutorials/01_clothes.py
"""

import tensorflow as tf

print(tf.__version__)

# 28 x 28 grey images of ten kinds of clothing, and the number of the kind.
mnist = tf.keras.datasets.fashion_mnist
(training_images, training_labels), (test_images, test_labels) = mnist.load_data()

# Networks learn more easily from numbers between 0 and 1 than from 0 to 255.
training_images = training_images / 255.0
test_images = test_images / 255.0

model = tf.keras.models.Sequential(
    [
        tf.keras.layers.Flatten(),
        tf.keras.layers.Dense(128, activation=tf.nn.relu),
        tf.keras.layers.Dense(10, activation=tf.nn.softmax),
    ]
)

model.compile(optimizer=tf.keras.optimizers.Adam(), loss="sparse_categorical_crossentropy", metrics=["accuracy"])

# On the full data set the accuracy ends near 0.91 on the images that it has seen ...
model.fit(training_images, training_labels, epochs=5)

# ... and near 0.88 on those that it has not.
test_loss, test_accuracy = model.evaluate(test_images, test_labels)
print(f"Test loss: {test_loss:.4f}, test accuracy: {test_accuracy:.4f}")

# Ten probabilities for each image; the largest one is the guess.
classifications = model.predict(test_images)
print(classifications[0])
print("guess:", classifications[0].argmax(), "label:", test_labels[0])
