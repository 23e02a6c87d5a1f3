"""Layers and a model of your own: weights, a penalty, a training mode, a config; saved and loaded again.

pip install -e ".[examples]" && python examples/subclassed_model.py [epochs]
"""

import os
import sys
import tempfile

import numpy as np
from sklearn.datasets import load_digits

import torchkeras_shim as keras
from torchkeras_shim import layers, ops

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
keras.utils.set_random_seed(0)


@keras.saving.register_keras_serializable(package="digits")
class Gated(layers.Layer):
    """A dense layer times a gate. What opens the gates costs something: an added loss."""

    def __init__(self, units, cost=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.cost = cost

    def build(self, input_shape):
        width = input_shape[-1]
        self.kernel = self.add_weight(shape=(width, self.units), initializer="he_normal", name="kernel")
        self.gate = self.add_weight(shape=(width, self.units), initializer="glorot_uniform", name="gate")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, inputs):
        gate = ops.sigmoid(ops.matmul(inputs, self.gate))
        self.add_loss(self.cost * ops.mean(gate))
        return ops.relu(ops.matmul(inputs, self.kernel) + self.bias) * gate

    def get_config(self):
        return {**super().get_config(), "units": self.units, "cost": self.cost}


@keras.saving.register_keras_serializable(package="digits")
class Dimmed(layers.Layer):
    """In training, makes each sample brighter or darker by a random factor; otherwise does nothing."""

    def __init__(self, amount=0.3, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.amount = amount
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=None):
        if not training:
            return inputs
        factors = keras.random.uniform((ops.shape(inputs)[0], 1), 1 - self.amount, 1 + self.amount, seed=self.generator)
        return inputs * factors

    def get_config(self):
        return {**super().get_config(), "amount": self.amount, "seed": self.seed}


@keras.saving.register_keras_serializable(package="digits")
class Reader(keras.Model):
    """Gated layers in a plain list, which is tracked like an attribute."""

    def __init__(self, widths, classes, **kwargs):
        super().__init__(**kwargs)
        self.widths = list(widths)
        self.classes = classes
        self.dimmed = Dimmed()
        self.blocks = [Gated(width) for width in widths]
        self.scores = layers.Dense(classes, activation="softmax")

    def call(self, inputs):
        x = self.dimmed(inputs)  # the mode is handed on: no need to pass `training`
        for block in self.blocks:
            x = block(x)
        return self.scores(x)

    def get_config(self):
        return {**super().get_config(), "widths": self.widths, "classes": self.classes}


digits = load_digits()
x, y = digits.data.astype("float32") / 16, digits.target

model = Reader([64, 64], 10, name="reader")
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x[:1500], y[:1500], epochs=epochs, validation_data=(x[1500:], y[1500:]), verbose=2)
model.summary()

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "reader.keras")
    model.save(path)
    loaded = keras.saving.load_model(path)  # the registered classes are found by their names
same = np.array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
print("loaded:", type(loaded).__name__, loaded.widths, "predicts the same:", same)
print(f"accuracy {loaded.evaluate(x[1500:], y[1500:], verbose=0)[1]:.3f}")
