"""Activation functions against real Keras: values, gradients, arguments, names and configs."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

from tests.parity.oracle import assert_close, imported, keras
from torchkeras_shim import activations

X = np.random.default_rng(0).standard_normal((3, 4)).astype("float32") * 3
EDGES = np.array([-30.0, -6.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0, 30.0, 88.0], dtype="float32")

CASES = [
    ("relu", {}),
    ("relu", {"negative_slope": 0.3}),
    ("relu", {"max_value": 2.0}),
    ("relu", {"max_value": 6}),
    ("relu", {"threshold": 0.5}),
    ("relu", {"negative_slope": 0.1, "max_value": 3.0, "threshold": 1.0}),
    ("relu", {"negative_slope": 0.1, "max_value": 6.0}),
    ("leaky_relu", {}),
    ("leaky_relu", {"negative_slope": 0.05}),
    ("relu6", {}),
    ("softmax", {}),
    ("softmax", {"axis": 0}),
    ("softmax", {"axis": (0, 1)}),
    ("celu", {}),
    ("celu", {"alpha": 2.0}),
    ("elu", {}),
    ("elu", {"alpha": 0.5}),
    ("selu", {}),
    ("softplus", {}),
    ("softsign", {}),
    ("squareplus", {}),
    ("squareplus", {"b": 1.0}),
    ("soft_shrink", {}),
    ("soft_shrink", {"threshold": 1.0}),
    ("sparse_plus", {}),
    ("silu", {}),
    ("swish", {}),
    ("gelu", {}),
    ("gelu", {"approximate": True}),
    ("glu", {}),
    ("tanh", {}),
    ("tanh_shrink", {}),
    ("threshold", {"threshold": 0.5, "default_value": -1.0}),
    ("sigmoid", {}),
    ("exponential", {}),
    ("hard_sigmoid", {}),
    ("hard_silu", {}),
    ("hard_swish", {}),
    ("hard_tanh", {}),
    ("hard_shrink", {}),
    ("hard_shrink", {"threshold": 1.0}),
    ("linear", {}),
    ("mish", {}),
    ("log_softmax", {}),
    ("log_softmax", {"axis": 0}),
    ("log_softmax", {"axis": (1, 0)}),
    ("log_sigmoid", {}),
    ("sparsemax", {}),
    ("sparsemax", {"axis": 0}),
    ("sparse_sigmoid", {}),
]
IDS = [f"{name}-{kwargs}" for name, kwargs in CASES]


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis 0")  # of size 1
@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=IDS)
def test_values(name, kwargs):
    theirs = getattr(keras.activations, name)
    for values in (X, EDGES[None, :]):
        x = torch.tensor(values)
        expected = theirs(keras.ops.convert_to_tensor(values), **kwargs)
        assert_close(getattr(activations, name)(x, **kwargs), expected, rtol=2e-5)
        assert_close(getattr(activations, name)(values, **kwargs), expected, rtol=2e-5)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="the gradients are taken with JAX")
@pytest.mark.parametrize("name", sorted({name for name, _ in CASES} - {"threshold", "linear"}))
def test_gradients(name):

    weight = np.random.default_rng(1).standard_normal(X.shape if name != "glu" else (3, 2)).astype("float32")
    x = torch.tensor(X, requires_grad=True)
    (getattr(activations, name)(x) * torch.tensor(weight)).sum().backward()
    expected = imported("jax").grad(lambda value: (getattr(keras.activations, name)(value) * weight).sum())(X)
    assert_close(x.grad, expected, rtol=1e-4, atol=1e-5)


def test_every_activation_of_keras_is_here_with_its_signature():
    for name in dir(keras.activations):
        if name.startswith("_"):
            continue
        ours, theirs = (
            inspect.signature(getattr(activations, name)),
            inspect.signature(getattr(keras.activations, name)),
        )
        assert list(ours.parameters) == list(theirs.parameters), name
        for parameter in theirs.parameters.values():
            assert ours.parameters[parameter.name].default == parameter.default, name


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES}))
def test_names_and_configs_are_keras_s(name):
    ours, theirs = getattr(activations, name), getattr(keras.activations, name)
    assert activations.serialize(ours) == keras.activations.serialize(theirs)
    assert activations.get(name) is ours
    assert activations.get(activations.serialize(ours)) is ours
    assert activations.deserialize(keras.saving.serialize_keras_object(theirs)) is ours


def test_a_function_of_the_user_is_written_as_keras_writes_it():
    def mine(x):
        return x

    assert activations.serialize(mine) == keras.activations.serialize(mine)
