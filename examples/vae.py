"""A variational autoencoder: its own `train_step` in torch's style, with `Mean` metrics for the parts of the loss.

pip install -e ".[examples]" && python examples/vae.py [epochs]
"""

import sys

import torch
from sklearn.datasets import load_digits

import torchkeras_shim as keras
from torchkeras_shim import layers, ops

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 30
keras.utils.set_random_seed(0)
LATENT = 4


class Sampling(layers.Layer):
    """Draws from the normal distribution that the encoder describes."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.generator = keras.random.SeedGenerator(1)

    def call(self, inputs):
        mean, log_variance = inputs
        noise = keras.random.normal(ops.shape(mean), seed=self.generator)
        return mean + ops.exp(0.5 * log_variance) * noise


def make_encoder():
    inputs = keras.Input((64,))
    x = layers.Dense(128, activation="relu")(inputs)
    mean = layers.Dense(LATENT, name="mean")(x)
    log_variance = layers.Dense(LATENT, name="log_variance")(x)
    return keras.Model(inputs, [mean, log_variance, Sampling()([mean, log_variance])], name="encoder")


def make_decoder():
    return keras.Sequential(
        [keras.Input((LATENT,)), layers.Dense(128, activation="relu"), layers.Dense(64, activation="sigmoid")],
        name="decoder",
    )


class VAE(keras.Model):
    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.total_tracker = keras.metrics.Mean(name="loss")
        self.image_tracker = keras.metrics.Mean(name="image_loss")
        self.kl_tracker = keras.metrics.Mean(name="kl_loss")

    @property
    def metrics(self):
        """What `fit` resets at the start of each epoch."""
        return [self.total_tracker, self.image_tracker, self.kl_tracker]

    def call(self, inputs):
        return self.decoder(self.encoder(inputs)[0])

    def measure(self, images, training):
        mean, log_variance, sample = self.encoder(images, training=training)
        rebuilt = self.decoder(sample, training=training)
        image_loss = ops.mean(ops.sum(ops.binary_crossentropy(images, rebuilt), axis=1))
        kl_loss = ops.mean(ops.sum(-0.5 * (1 + log_variance - mean**2 - ops.exp(log_variance)), axis=1))
        return image_loss + kl_loss, image_loss, kl_loss

    def report(self, losses):
        with torch.no_grad():
            for tracker, loss in zip(self.metrics, losses, strict=True):
                tracker.update_state(loss)
        return {tracker.name: tracker.result() for tracker in self.metrics}

    def train_step(self, data):
        self.zero_grad()
        losses = self.measure(data, training=True)
        losses[0].backward()
        weights = self.trainable_weights
        with torch.no_grad():
            self.optimizer.apply([weight.grad for weight in weights], weights)
        return self.report(losses)

    def test_step(self, data):
        return self.report(self.measure(data, training=False))


images = load_digits().data.astype("float32") / 16
vae = VAE(make_encoder(), make_decoder())
vae.compile(optimizer=keras.optimizers.Adam(2e-3))
history = vae.fit(images[:1500], epochs=epochs, batch_size=64, verbose=0).history
for name, values in history.items():
    print(f"{name}: {values[0]:.2f} -> {values[-1]:.2f}")
print("on images it has not seen:", vae.evaluate(images[1500:], verbose=0, return_dict=True))

drawn = vae.decoder.predict(keras.random.normal((3, LATENT), seed=3), verbose=0).reshape(3, 8, 8)
for row in range(8):
    print("   ".join("".join(" .:*#"[min(int(value * 5), 4)] * 2 for value in image[row]) for image in drawn))
