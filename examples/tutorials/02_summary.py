"""A wider network, and what it consists of: how many weights there are, and where.

python -m torchkeras_shim examples/tutorials/02_summary.py
"""

import tensorflow as tf

(training_images, training_labels), (test_images, test_labels) = tf.keras.datasets.fashion_mnist.load_data()
training_images = training_images / 255.0
test_images = test_images / 255.0

# The first layer says what an image looks like, so the weights exist before any image has been seen.
model = tf.keras.models.Sequential(
    [
        tf.keras.layers.Flatten(input_shape=(28, 28)),
        tf.keras.layers.Dense(256, activation=tf.nn.relu),
        tf.keras.layers.Dense(10, activation=tf.nn.softmax),
    ]
)

# 28 * 28 * 256 + 256 weights in the second layer, 256 * 10 + 10 in the third: 203,530.
print(model.summary())

model.compile(optimizer=tf.keras.optimizers.Adam(), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(training_images, training_labels, epochs=5)
model.evaluate(test_images, test_labels)
