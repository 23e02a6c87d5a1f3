"""Contrastive learning without labels: two random views of each digit are to be near each other, and far from the rest.

    pip install -e ".[examples]" && python examples/contrastive.py [epochs]

What the encoder has learned is measured by the nearest of 5 labelled images of each digit, in terms of its features.
"""

import sys

import numpy as np
import torch
from sklearn.datasets import load_digits

import torchkeras_shim as keras
from torchkeras_shim import layers, ops

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 40
keras.utils.set_random_seed(0)


class RandomView(layers.Layer):
    """Moves an image by up to a pixel, changes its brightness and adds noise: another view of the same thing."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed = keras.random.SeedGenerator(1)

    def call(self, images):
        padded = ops.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]])
        windows = ops.stack([padded[:, i : i + 8, j : j + 8] for i in range(3) for j in range(3)], axis=1)
        chosen = keras.random.randint((images.shape[0],), 0, 9, seed=self.seed)
        images = ops.sum(windows * ops.one_hot(chosen, 9)[:, :, None, None, None], axis=1)
        brightness = keras.random.uniform((images.shape[0], 1, 1, 1), 0.6, 1.4, seed=self.seed)
        return images * brightness + keras.random.normal(images.shape, stddev=0.2, seed=self.seed)


class Contrastive(keras.Model):
    def __init__(self, temperature=0.2, **kwargs):
        super().__init__(**kwargs)
        self.temperature = temperature
        self.view = RandomView()
        self.encoder = keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                layers.Conv2D(32, 3, activation="relu"),
                layers.Conv2D(64, 3, strides=2, activation="relu"),
                layers.Flatten(),
                layers.Dense(64, activation="relu"),
            ],
            name="encoder",
        )
        self.projection = keras.Sequential(
            [keras.Input((64,)), layers.Dense(64, activation="relu"), layers.Dense(32)], name="projection"
        )
        self.loss_tracker = keras.metrics.Mean(name="contrastive_loss")
        self.accuracy = keras.metrics.SparseCategoricalAccuracy(name="found")

    @property
    def metrics(self):
        return [self.loss_tracker, self.accuracy]

    def call(self, images):
        return self.encoder(images)

    def train_step(self, images):
        self.zero_grad()
        first, second = (self.projection(self.encoder(self.view(images))) for _ in range(2))
        similarities = ops.normalize(first, axis=1) @ ops.normalize(second, axis=1).T / self.temperature
        partners = ops.arange(images.shape[0])  # the second view of image i is at place i
        losses = [
            keras.losses.sparse_categorical_crossentropy(partners, table, from_logits=True)
            for table in (similarities, similarities.T)
        ]
        loss = ops.mean(losses[0] + losses[1]) / 2
        loss.backward()
        weights = self.trainable_weights
        with torch.no_grad():
            self.optimizer.apply([weight.grad for weight in weights], weights)
            self.loss_tracker.update_state(loss)
            self.accuracy.update_state(partners, similarities)
        return {metric.name: metric.result() for metric in self.metrics}


def probe(encoder):
    """How often the labelled image whose features are the most similar shows the same digit."""
    features = ops.normalize(encoder.predict(images, verbose=0), axis=1)
    nearest = ops.argmax(features[1200:] @ features[labelled].T, axis=1)
    return float(np.mean(labels[labelled][ops.convert_to_numpy(nearest)] == labels[1200:]))


digits = load_digits()
images, labels = (digits.images / 16).astype("float32")[..., None], digits.target
labelled = np.concatenate([np.flatnonzero(labels[:1200] == digit)[:5] for digit in range(10)])

model = Contrastive()
print(f"nearest neighbours by features of the untrained encoder: {probe(model.encoder):.3f}")
model.compile(optimizer=keras.optimizers.Adam(3e-3))
history = model.fit(images[:1200], epochs=epochs, batch_size=200, verbose=0).history
for name, values in history.items():
    print(f"{name}: {values[0]:.3f} -> {values[-1]:.3f}")
print(f"nearest neighbours by features of the trained encoder: {probe(model.encoder):.3f}")
