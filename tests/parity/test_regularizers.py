"""Regularizers against real Keras: penalties, gradients, names and configs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.parity.oracle import assert_close, imported, keras
from torchkeras_shim import regularizers

CASES = [
    ("L1", {}),
    ("L1", {"l1": 0.3}),
    ("L2", {}),
    ("L2", {"l2": 0.3}),
    ("L1L2", {}),
    ("L1L2", {"l1": 0.1, "l2": 0.2}),
    ("OrthogonalRegularizer", {}),
    ("OrthogonalRegularizer", {"factor": 0.5, "mode": "columns"}),
]
X = np.random.default_rng(0).standard_normal((4, 3)).astype("float32")


@pytest.mark.parametrize(("name", "kwargs"), CASES)
def test_penalties_and_configs(name, kwargs):
    ours, theirs = getattr(regularizers, name)(**kwargs), getattr(keras.regularizers, name)(**kwargs)
    penalty = ours(torch.tensor(X))
    assert penalty.shape == ()
    assert_close(penalty, theirs(keras.ops.convert_to_tensor(X)))
    expected = keras.regularizers.serialize(theirs)
    serialized = regularizers.serialize(ours)
    for key, value in expected["config"].items():
        assert serialized["config"].pop(key) == (value if isinstance(value, str) else pytest.approx(value))
    assert serialized["config"] == {}
    assert {k: v for k, v in serialized.items() if k != "config"} == {
        k: v for k, v in expected.items() if k != "config"
    }
    assert regularizers.deserialize(expected).get_config() == pytest.approx(theirs.get_config())


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="the gradients are taken with JAX")
@pytest.mark.parametrize(("name", "kwargs"), [case for case in CASES if case != ("L1L2", {})])
def test_gradients(name, kwargs):
    x = torch.tensor(X, requires_grad=True)
    getattr(regularizers, name)(**kwargs)(x).backward()
    assert_close(x.grad, imported("jax").grad(getattr(keras.regularizers, name)(**kwargs))(X))


def test_every_name_of_keras_is_known():
    theirs = imported("keras.src.regularizers")

    assert set(theirs.ALL_OBJECTS_DICT) <= set(regularizers.REGULARIZERS.names())
    assert [n for n in dir(keras.regularizers) if not n.startswith("_") and not hasattr(regularizers, n)] == []


def test_an_unknown_mode_is_refused_as_in_keras():
    for module in (regularizers, keras.regularizers):
        with pytest.raises(ValueError, match=r'Expected one of {"rows", "columns"}\. Received: mode=sideways'):
            module.OrthogonalRegularizer(0.1, mode="sideways")


@pytest.mark.parametrize("value", [-0.1, float("inf"), float("nan"), "a"])
def test_wrong_factors_are_refused_as_in_keras(value):
    for name in ("L1", "L2", "L1L2", "OrthogonalRegularizer"):
        with pytest.raises(ValueError, match="expected a non-negative float"):
            getattr(regularizers, name)(value)
        with pytest.raises(ValueError, match="expected a non-negative float"):
            getattr(keras.regularizers, name)(value)
