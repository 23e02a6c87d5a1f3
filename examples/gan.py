"""A generative adversarial network: a `compile` of its own for two optimizers, and a `train_step` that uses both.

    python examples/gan.py [epochs] [--device cpu]

The real data are points on a ring; the generator learns to put points there. On a CPU, in 6 seconds: their mean
distance from the ring falls from 0.667 to 0.034.
"""

import argparse

import numpy as np
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers, ops

parser = argparse.ArgumentParser()
parser.add_argument("epochs", nargs="?", type=int, default=200)
parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
options = parser.parse_args()
keras.utils.set_random_seed(0)
NOISE = 8


class GAN(keras.Model):
    def __init__(self, generator, discriminator):
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.seed = keras.random.SeedGenerator(5)
        self.d_tracker = keras.metrics.Mean(name="d_loss")
        self.g_tracker = keras.metrics.Mean(name="g_loss")

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super().compile()
        self.d_optimizer = d_optimizer
        self.g_optimizer = g_optimizer
        self.loss_fn = loss_fn

    @property
    def metrics(self):
        return [self.d_tracker, self.g_tracker]

    def update(self, loss, part, optimizer):
        """One step of one of the two; the other one's weights stay as they are."""
        self.zero_grad()
        loss.backward()
        weights = part.trainable_weights
        with torch.no_grad():
            optimizer.apply([weight.grad for weight in weights], weights)

    def train_step(self, data):
        real = data
        count = real.shape[0]
        ones, zeros = ops.ones((count, 1)), ops.zeros((count, 1))

        fake = self.generator(keras.random.normal((count, NOISE), seed=self.seed), training=True).detach()
        guesses = self.discriminator(ops.concatenate([real, fake]), training=True)
        d_loss = self.loss_fn(ops.concatenate([ones, zeros]), guesses)
        self.update(d_loss, self.discriminator, self.d_optimizer)

        fake = self.generator(keras.random.normal((count, NOISE), seed=self.seed), training=True)
        g_loss = self.loss_fn(ones, self.discriminator(fake, training=True))
        self.update(g_loss, self.generator, self.g_optimizer)

        with torch.no_grad():
            self.d_tracker.update_state(d_loss)
            self.g_tracker.update_state(g_loss)
        return {"d_loss": self.d_tracker.result(), "g_loss": self.g_tracker.result()}


generator = keras.Sequential(
    [keras.Input((NOISE,)), layers.Dense(64, activation="relu"), layers.Dense(64, activation="relu"), layers.Dense(2)],
    name="generator",
)
discriminator = keras.Sequential(
    [keras.Input((2,)), layers.Dense(64), layers.LeakyReLU(), layers.Dense(64), layers.LeakyReLU(), layers.Dense(1)],
    name="discriminator",
)

angles = np.random.default_rng(0).uniform(0, 2 * np.pi, 2048)
ring = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype("float32")

gan = GAN(generator, discriminator).to(options.device)
gan.compile(
    d_optimizer=keras.optimizers.Adam(1e-3, beta_1=0.5),
    g_optimizer=keras.optimizers.Adam(1e-3, beta_1=0.5),
    loss_fn=keras.losses.BinaryCrossentropy(from_logits=True),
)
noise = keras.random.normal((1000, NOISE), seed=9)
before = np.abs(np.linalg.norm(generator.predict(noise, verbose=0), axis=1) - 1).mean()
history = gan.fit(ring, epochs=options.epochs, batch_size=128, verbose=0).history
after = np.abs(np.linalg.norm(generator.predict(noise, verbose=0), axis=1) - 1).mean()
print(f"discriminator's loss {history['d_loss'][-1]:.3f}, generator's loss {history['g_loss'][-1]:.3f}")
print(f"mean distance of generated points from the ring: {before:.3f} -> {after:.3f}")
