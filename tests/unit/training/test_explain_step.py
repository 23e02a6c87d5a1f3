"""`explain_step` tells what ran how, and leaves the model as it was."""

from __future__ import annotations

import numpy as np

import torchkeras_shim as keras
from torchkeras_shim import layers

X, Y = np.ones((64, 4), "float32"), np.ones((64, 1), "float32")


def text_of(model):
    lines: list[str] = []
    model.explain_step(lines.append)
    return "\n".join(lines)


def test_it_names_strategies_reasons_places_and_parts():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(1)], name="small")
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, Y, batch_size=4, epochs=4, verbose=0)
    text = text_of(model)
    assert "Steps of model 'small' on cpu" in text
    assert "ms per step" in text
    assert "evaluate  -           has not run" in text
    assert "Data: x: float32 of shape (64, 4) lives on cpu" in text
    assert "Last epoch of fit: 16 steps" in text
    assert "Host reads of device values per step: 0" in text
    for part in ("forward", "loss", "backward", "update of the weights", "metrics"):
        assert f"\n{part} " in text


def test_it_leaves_no_trace():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(X, Y, batch_size=4, verbose=0)
    weights = model.get_weights()
    state = [np.asarray(variable.detach()).copy() for variable in model.optimizer.variables]
    before = np.random.get_state()[1].copy()
    text_of(model)
    for one, other in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(state, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, np.asarray(other.detach()))
    np.testing.assert_array_equal(before, np.random.get_state()[1])


def test_it_finds_host_reads_and_their_places():
    def peek(x):
        return x * x.detach().sum().item()

    model = keras.Sequential([keras.Input((4,)), layers.Lambda(peek), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    text = text_of(model)
    assert "Host reads of device values per step: 1" in text
    assert "test_explain_step.py:" in text


def test_a_step_of_the_users_own_is_timed_as_a_whole():
    class Own(keras.Sequential):
        def train_step(self, data):
            return super().train_step(data)

    model = Own([keras.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    text = text_of(model)
    assert "the model has a `train_step` of its own" in text
    assert "the model's own train_step" in text


def test_it_says_what_to_do_before_any_data():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    assert "call `fit` or `evaluate`" in text_of(model)
