"""`model.jit_compile`: how steps are to run, as `compile` was told, or from now on."""

from __future__ import annotations

import numpy as np
import pytest

import torchkeras_shim as keras


def test_it_is_read_and_set():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mse")
    assert model.jit_compile is False
    x, y = np.ones((4, 2)), np.ones((4, 1))
    before = model.evaluate(x, y, verbose=0)
    model.jit_compile = "captured"
    assert model.jit_compile == "captured"
    assert model.evaluate(x, y, verbose=0) == before == 1
    with pytest.raises(ValueError, match="`jit_compile` must be True, False"):
        model.jit_compile = "nonsense"
    assert model.jit_compile == "captured"
