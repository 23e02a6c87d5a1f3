"""Pairs of images, cropped and turned alike as pix2pix does it, and a network that maps one on the other."""

import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

tf.random.set_seed(0)
SIZE = 16
folder = Path(tempfile.mkdtemp())
for number in range(48):
    image = np.zeros((SIZE + 4, SIZE + 4, 3), "uint8")
    row, column = np.random.RandomState(number).randint(2, SIZE - 4, 2)
    image[row : row + 6, column : column + 6, number % 3] = 255
    pair = np.concatenate([image, 255 - image], axis=1)
    tf.io.write_file(str(folder / f"{number}.png"), tf.io.encode_png(pair))


def load(path):
    image = tf.io.decode_png(tf.io.read_file(path), channels=3)
    width = tf.shape(image)[1] // 2
    target, source = image[:, :width, :], image[:, width:, :]
    return tf.cast(source, tf.float32), tf.cast(target, tf.float32)


def random_jitter(source, target):
    stacked = tf.stack([source, target], axis=0)
    cropped = tf.image.random_crop(stacked, size=[2, SIZE, SIZE, 3])
    source, target = cropped[0], cropped[1]
    if tf.random.uniform(()) > 0.5:
        source, target = tf.image.flip_left_right(source), tf.image.flip_left_right(target)
    return source / 127.5 - 1, target / 127.5 - 1


dataset = tf.data.Dataset.list_files(str(folder / "*.png"))
dataset = dataset.map(load, num_parallel_calls=tf.data.AUTOTUNE).cache().map(random_jitter).shuffle(48).batch(8)

initializer = tf.random_normal_initializer(0.0, 0.1)
inputs = tf.keras.layers.Input(shape=[None, None, 3])
down = tf.keras.layers.Conv2D(16, 4, strides=2, padding="same", kernel_initializer=initializer, activation="relu")(
    inputs
)
up = tf.keras.layers.Conv2DTranspose(
    16, 4, strides=2, padding="same", kernel_initializer=initializer, activation="relu"
)(down)
outputs = tf.keras.layers.Conv2D(3, 3, padding="same", activation="tanh")(tf.keras.layers.Concatenate()([up, inputs]))
generator = tf.keras.Model(inputs, outputs)
optimizer = tf.keras.optimizers.Adam(0.003)

losses = []
for epoch in range(8):
    for source, target in dataset:
        with tf.GradientTape() as tape:
            l1 = tf.reduce_mean(tf.abs(target - generator(source, training=True)))
        gradients = tape.gradient(l1, generator.trainable_variables)
        optimizer.apply_gradients(zip(gradients, generator.trainable_variables))
        losses.append(float(l1))
print(f"loss: {losses[0]:.3f} -> {np.mean(losses[-6:]):.3f}")
