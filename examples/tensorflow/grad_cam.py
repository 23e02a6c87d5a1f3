"""Grad-CAM: which part of an image made a network decide."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

tf.random.set_seed(0)
rng = np.random.default_rng(0)
labels = rng.integers(0, 2, 400)
images = rng.random((400, 16, 16, 1)).astype("float32") * 0.2
for image, label in zip(images, labels):
    image[(2 if label else 9) : (7 if label else 14), 4:12] += 0.8  # a bar at the top or at the bottom

model = keras.Sequential(
    [
        keras.layers.Input((16, 16, 1)),
        keras.layers.Conv2D(8, 3, activation="relu", padding="same", name="last_conv"),
        keras.layers.Flatten(),
        keras.layers.Dense(2),
    ]
)
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
model.fit(images, labels, epochs=4, verbose=0)

grad_model = keras.models.Model(model.inputs, [model.get_layer("last_conv").output, model.outputs[0]])
with tf.GradientTape() as tape:
    activations, predictions = grad_model(images[:1])
    channel = predictions[:, tf.argmax(predictions[0])]
grads = tape.gradient(channel, activations)
pooled = tf.reduce_mean(grads, axis=(0, 1, 2))
heatmap = tf.squeeze(activations[0] @ pooled[..., tf.newaxis])
heatmap = (tf.maximum(heatmap, 0) / tf.math.reduce_max(heatmap)).numpy()
print("accuracy:", model.evaluate(images, labels, verbose=0, return_dict=True)["accuracy"])
print("heatmap:", heatmap.shape, "of", np.uint8(255 * heatmap).max())
