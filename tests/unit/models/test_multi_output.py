"""Models with several inputs and outputs, as subclasses: losses, weights, metrics and names by output."""

from __future__ import annotations

import numpy as np
import pytest

import torchkeras_shim as keras
from torchkeras_shim import layers


class Two(keras.Model):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.a = layers.Dense(1, name="a")
        self.b = layers.Dense(3, activation="softmax", name="b")

    def call(self, inputs):
        x = inputs["left"] if isinstance(inputs, dict) else inputs
        a, b = self.a(x), self.b(x)
        return {"a": a, "b": b} if self.kind is dict else self.kind((a, b))


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 4)).astype("float32")
    return x, rng.normal(size=(20, 1)).astype("float32"), rng.integers(0, 3, 20)


def test_dict_outputs():
    x, a, b = data()
    model = Two(dict)
    model.compile(
        "sgd",
        loss={"a": "mse", "b": "sparse_categorical_crossentropy"},
        loss_weights={"a": 2.0, "b": 0.5},
        metrics={"a": ["mae"], "b": ["accuracy"]},
    )
    history = model.fit({"left": x}, {"a": a, "b": b}, verbose=0).history
    assert set(history) == {"loss", "a_loss", "b_loss", "a_mae", "b_accuracy"}
    logs = model.evaluate({"left": x}, {"a": a, "b": b}, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(2.0 * logs["a_loss"] + 0.5 * logs["b_loss"], rel=1e-5)
    outputs = model.predict({"left": x}, verbose=0)
    assert {k: v.shape for k, v in outputs.items()} == {"a": (20, 1), "b": (20, 3)}


@pytest.mark.parametrize("kind", [list, tuple])
def test_list_outputs(kind):
    x, a, b = data()
    model = Two(kind)
    model.compile("sgd", loss=["mse", "sparse_categorical_crossentropy"], metrics=[["mae"], ["accuracy"]])
    history = model.fit(x, (a, b), verbose=0).history
    assert "loss" in history
    assert sum(name.endswith("accuracy") for name in history) == 1
    outputs = model.predict(x, verbose=0)
    assert isinstance(outputs, kind)
    assert [o.shape for o in outputs] == [(20, 1), (20, 3)]


@pytest.mark.parametrize(
    "arguments",
    [
        {"loss": {"a": "mse", "c": "mse"}},
        {"loss": {"a": "mse", "b": "mse"}, "loss_weights": {"c": 1.0}},
        {"loss": {"a": "mse", "b": "mse"}, "metrics": {"c": ["mae"]}},
        {"loss": ["mse", "mse", "mse"]},
    ],
)
def test_names_that_are_no_outputs(arguments):
    x, a, b = data()
    model = Two(dict)
    model.compile("sgd", **arguments)
    with pytest.raises(ValueError, match="output"):
        model.fit({"left": x}, {"a": a, "b": b}, verbose=0)
