"""Weights as numpy sees them."""

from __future__ import annotations

import numpy as np
import pytest

import torchkeras_shim as keras

VALUES = np.array([[1.0, -2.0], [3.0, 4.0]], "float32")


@pytest.mark.parametrize(
    "function",
    [np.min, np.max, np.sum, np.mean, np.std, np.var, np.prod, np.any, np.all, np.sort, np.argmax, np.linalg.norm],
)
def test_functions_of_numpy_take_weights(function):
    result = function(keras.Variable(VALUES))
    assert not hasattr(result, "requires_grad")
    np.testing.assert_array_equal(result, function(VALUES))


def test_functions_of_numpy_take_weights_among_arguments():
    weight = keras.Variable(VALUES)
    np.testing.assert_array_equal(np.concatenate([weight, VALUES], axis=1), np.concatenate([VALUES, VALUES], axis=1))
    np.testing.assert_array_equal(np.mean(weight, axis=0), VALUES.mean(0))
    np.testing.assert_array_equal(np.where(VALUES > 0, weight.value, weight), VALUES)
