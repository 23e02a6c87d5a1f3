"""`training=` in a functional model: what a file of Keras's says of it by itself, and what a user says."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers

X = torch.ones(4, 64)


class Reporting(layers.Layer):
    """Returns whether it is in training mode; `training` has a default, as in Keras's own layers."""

    def call(self, inputs, training=False):
        return inputs * (1.0 if training else 0.0)


def with_recorded(layer, value):
    """A model whose config says what Keras writes: the default of `training`, where the caller gave none."""
    inputs = keras.Input((64,))
    config = json.loads(keras.Model(inputs, layer(inputs)).to_json())
    config["config"]["layers"][1]["inbound_nodes"][0]["kwargs"]["training"] = value
    return keras.models.model_from_json(json.dumps(config), custom_objects={"Reporting": Reporting})


@pytest.mark.parametrize(
    "make", [lambda: layers.Dropout(0.5), lambda: layers.GaussianNoise(1.0), lambda: Reporting(name="it")]
)
def test_a_default_in_a_file_does_not_fix_the_mode(make):
    model = with_recorded(make(), False)
    idle = model(X)
    assert idle.unique().numel() == 1
    assert not torch.equal(model(X, training=True), idle)
    np.testing.assert_array_equal(model.predict(X, verbose=0), idle)
    losses = []

    class Watching(type(model)):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            losses.append((y_pred.detach() == idle).all())
            return (y_pred * 0).sum()

    watching = Watching(model.inputs, layers.Dense(64, "linear", kernel_initializer="identity")(model.outputs[0]))
    watching.compile("sgd")
    watching.fit(X, X, verbose=0)
    assert losses
    assert not any(losses)


def test_a_recurrent_layer_from_a_file_drops_out():
    inputs = keras.Input((5, 64))
    config = json.loads(keras.Model(inputs, layers.LSTM(3, dropout=0.5)(inputs)).to_json())
    config["config"]["layers"][1]["inbound_nodes"][0]["kwargs"] = {"training": False, "mask": None}
    model = keras.models.model_from_json(json.dumps(config))
    x = torch.ones(2, 5, 64)
    torch.testing.assert_close(model(x), model(x))
    assert not torch.equal(model(x, training=True), model(x, training=True))


@pytest.mark.parametrize("training", [True, False])
def test_what_a_user_says_holds(training):
    inputs = keras.Input((64,))
    model = keras.Model(inputs, layers.BatchNormalization()(inputs, training=training))
    model = keras.models.model_from_json(model.to_json())
    for mode in (True, False):
        assert bool(model(X, training=mode).any()) is not training  # a constant, normalized by its own mean, is zero


def test_a_nested_model_may_stay_in_inference_mode():
    inner_inputs, inputs = keras.Input((64,)), keras.Input((64,))
    inner = keras.Model(inner_inputs, layers.Dropout(0.5)(inner_inputs))
    model = keras.Model(inputs, inner(inputs, training=False))
    model = keras.models.model_from_json(model.to_json())
    torch.testing.assert_close(model(X, training=True), X)
