"""A generative adversarial network with two tapes: points on a circle."""

import tensorflow as tf
from tensorflow.keras import layers

tf.random.set_seed(0)
NOISE, BATCH = 4, 128


def real_points(count):
    angle = tf.random.uniform([count], 0.0, 6.2832)
    return tf.stack([tf.cos(angle), tf.sin(angle)], axis=1)


generator = tf.keras.Sequential(
    [layers.Dense(32, activation="relu"), layers.Dense(32, activation="relu"), layers.Dense(2)]
)
discriminator = tf.keras.Sequential(
    [layers.Dense(64), layers.LeakyReLU(), layers.Dense(64), layers.LeakyReLU(), layers.Dense(1)]
)
cross_entropy = tf.keras.losses.BinaryCrossentropy(from_logits=True)
generator_optimizer = tf.keras.optimizers.Adam(1e-3, beta_1=0.5)
discriminator_optimizer = tf.keras.optimizers.Adam(2e-3, beta_1=0.5)


@tf.function
def train_step(points):
    noise = tf.random.normal([BATCH, NOISE])
    with tf.GradientTape() as gen_tape, tf.GradientTape() as disc_tape:
        generated = generator(noise, training=True)
        real_output = discriminator(points, training=True)
        fake_output = discriminator(generated, training=True)
        gen_loss = cross_entropy(tf.ones_like(fake_output), fake_output)
        disc_loss = cross_entropy(tf.ones_like(real_output), real_output)
        disc_loss += cross_entropy(tf.zeros_like(fake_output), fake_output)
    gradients = disc_tape.gradient(disc_loss, discriminator.trainable_variables)
    discriminator_optimizer.apply_gradients(zip(gradients, discriminator.trainable_variables))
    gradients = gen_tape.gradient(gen_loss, generator.trainable_variables)
    generator_optimizer.apply_gradients(zip(gradients, generator.trainable_variables))
    return gen_loss, disc_loss


def distance():
    return float(tf.reduce_mean(tf.abs(tf.norm(generator(tf.random.normal([500, NOISE])), axis=1) - 1.0)))


before = distance()
for step in range(400):
    gen_loss, disc_loss = train_step(real_points(BATCH))
print(f"distance from the circle: {before:.3f} -> {distance():.3f}")
