"""Gradients to the image: a picture takes on the texture of another one."""

import numpy as np
import tensorflow as tf

tf.random.set_seed(0)
rng = np.random.default_rng(0)
content = tf.constant(rng.random((1, 24, 24, 3)).astype("float32"))
style = tf.constant(np.tile(np.indices((24, 24)).sum(0)[None, :, :, None] % 4 / 3.0, (1, 1, 1, 3)).astype("float32"))

extractor = tf.keras.Sequential(
    [
        tf.keras.layers.Conv2D(8, 3, activation="relu", padding="same"),
        tf.keras.layers.Conv2D(8, 3, activation="relu", padding="same"),
    ]
)
extractor.trainable = False


def gram_matrix(features):
    result = tf.linalg.einsum("bijc,bijd->bcd", features, features)
    shape = tf.shape(features)
    return result / tf.cast(shape[1] * shape[2], tf.float32)


target = gram_matrix(extractor(style))
image = tf.Variable(content)
optimizer = tf.keras.optimizers.Adam(learning_rate=0.02)


@tf.function()
def train_step(image):
    with tf.GradientTape() as tape:
        loss = tf.add_n([tf.reduce_mean((gram_matrix(extractor(image)) - target) ** 2)])
        loss += 1e-5 * tf.image.total_variation(image)[0]
    gradient = tape.gradient(loss, image)
    optimizer.apply_gradients([(gradient, image)])
    image.assign(tf.clip_by_value(image, clip_value_min=0.0, clip_value_max=1.0))
    return loss


losses = [float(train_step(image)) for _ in range(60)]
print(f"loss: {losses[0]:.5f} -> {losses[-1]:.5f}")
print(f"from {float(tf.reduce_min(image)):.2f} to {float(tf.reduce_max(image)):.2f}")
