"""A variational autoencoder whose `train_step` is written with a tape."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

tf.random.set_seed(1)
np.random.seed(1)


class Sampling(layers.Layer):
    def call(self, inputs):
        mean, log_var = inputs
        epsilon = tf.random.normal(shape=tf.shape(mean))
        return mean + tf.exp(0.5 * log_var) * epsilon


inputs = keras.Input((16,))
x = layers.Dense(32, activation="relu")(inputs)
mean, log_var = layers.Dense(2)(x), layers.Dense(2)(x)
encoder = keras.Model(inputs, [mean, log_var, Sampling()([mean, log_var])], name="encoder")
latent = keras.Input((2,))
decoder = keras.Model(
    latent, layers.Dense(16, activation="sigmoid")(layers.Dense(32, activation="relu")(latent)), name="decoder"
)


class VAE(keras.Model):
    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.decoder = encoder, decoder
        self.loss_tracker = keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.loss_tracker]

    def train_step(self, data):
        with tf.GradientTape() as tape:
            mean, log_var, z = self.encoder(data)
            reconstruction = self.decoder(z)
            loss = tf.reduce_mean(
                tf.reduce_sum(keras.losses.binary_crossentropy(data[..., None], reconstruction[..., None]), axis=1)
            )
            kl = -0.5 * (1 + log_var - tf.square(mean) - tf.exp(log_var))
            loss += tf.reduce_mean(tf.reduce_sum(kl, axis=1))
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights))
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}


patterns = (np.random.rand(4, 16) > 0.5).astype("float32")
data = patterns[np.random.randint(0, 4, 1024)]
vae = VAE(encoder, decoder)
vae.compile(optimizer=keras.optimizers.Adam(0.01))
losses = vae.fit(data, epochs=15, batch_size=64, verbose=0).history["loss"]
print(f"loss: {losses[0]:.2f} -> {losses[-1]:.2f}")
