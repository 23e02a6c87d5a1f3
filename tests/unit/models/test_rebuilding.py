"""`add` and `pop` of a `Sequential`, with and without `rebuild`."""

from __future__ import annotations

import numpy as np
import pytest

import torchkeras_shim as keras
from torchkeras_shim import layers

X = np.ones((2, 4), "float32")


def stack(declared):
    model = keras.Sequential([*([keras.Input((4,))] if declared else []), layers.Dense(3), layers.Dense(2)])
    if not declared:
        model(X)
    return model


@pytest.mark.parametrize("declared", [True, False])
def test_pop_leaves_a_built_model(declared):
    model = stack(declared)
    model.pop()
    assert model.built
    assert model.output_shape == (None if declared else 2, 3)
    assert model.input_shape[1:] == (4,)
    assert model.predict(X, verbose=0).shape == (2, 3)


@pytest.mark.parametrize("declared", [True, False])
def test_without_rebuild_the_next_call_builds(declared):
    model = stack(declared)
    model.pop(rebuild=False)
    assert not model.built
    model.add(layers.Dense(5), rebuild=False)
    assert not model.built
    with pytest.raises(AttributeError, match="has no defined output shape yet"):
        _ = model.output_shape
    assert model(X).shape == (2, 5)
    assert model.built
    assert model.output_shape[1:] == (5,)
    assert len(model.weights) == 4


def test_the_last_layer_may_go():
    model = stack(True)
    model.pop()
    model.pop()
    assert model.layers == []
    assert not model.built
    model.add(layers.Dense(1))
    assert model.output_shape == (None, 1)
