"""Layers that keep the shape of their inputs say so without a run, and say what a run would say."""

from __future__ import annotations

import inspect

import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import activations, layers
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.tables import PUBLIC_NAMES
from torchkeras_shim.layers import inference

LAYERS = [
    layers.BatchNormalization,
    layers.Dropout,
    layers.ReLU,
    layers.LeakyReLU,
    layers.ELU,
    layers.PReLU,
    layers.Add,
    layers.Subtract,
    layers.Multiply,
    layers.Average,
    layers.Maximum,
    layers.Minimum,
]
ACTIVATIONS = sorted(
    name
    for name, function in vars(activations).items()
    if inspect.isfunction(function) and activations.keeps_shape(function)
)


def made(cls):
    return cls(0.5) if cls is layers.Dropout else cls()


def given(layer, shape=(None, 3, 4), dtype="float32"):
    spec = KerasTensor(shape, dtype)
    return [spec, KerasTensor(shape, dtype)] if isinstance(layer, layers.Add.__mro__[1]) else spec


def same(one, other):
    return (one.shape, one.dtype) == (other.shape, other.dtype)


def test_the_list_is_whole():
    says_so = {cls for cls in PUBLIC_NAMES if inspect.isclass(cls) and getattr(cls, "_keeps_shape", False) is True}
    assert says_so >= set(LAYERS)
    assert says_so - set(LAYERS) <= {layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D}


@pytest.mark.parametrize("cls", LAYERS)
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "float16"])
@pytest.mark.parametrize("shape", [(None, 3, 4), (2, 4), (None, None, 2, 4)])
def test_a_layer_says_what_a_run_says(cls, policy, shape):
    keras.config.set_dtype_policy(policy)
    try:
        layer = made(cls)
        if cls is layers.PReLU and None in shape[1:]:
            layer = cls(shared_axes=[1])
        for dtype in (layer.compute_dtype, "float32"):
            specs = given(layer, shape, dtype)
            assert same(layer.compute_output_spec(specs), inference.infer_output(layer, specs))
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_says_what_a_run_says(name):
    layer = layers.Activation(name)
    for dtype in ("float32", "bfloat16", "int32"):
        specs = given(layer, dtype=dtype)
        try:
            expected = inference.infer_output(layer, specs)
        except (RuntimeError, TypeError, ValueError):  # of integers
            with pytest.raises((RuntimeError, TypeError, ValueError)):
                layer.compute_output_spec(specs)
        else:
            assert same(layer.compute_output_spec(specs), expected)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("cls", [layers.Conv1D, layers.SeparableConv1D, layers.Conv1DTranspose])
def test_a_convolution_leaves_its_activation_out_and_has_it_again(name, cls):
    layer = cls(5, 2, activation=name)
    assert same(layer(given(layer)), KerasTensor((None, 4 if cls is layers.Conv1DTranspose else 2, 5), "float32"))
    x = torch.randn(1, 3, 4)
    with_activation = layer(x)
    layer.activation = None
    assert torch.equal(with_activation, activations.get(name)(layer(x)))


class Halves(layers.ReLU):
    def call(self, inputs):
        return super().call(inputs)[..., ::2]


class Norms(layers.BatchNormalization):
    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training).norm(dim=-1)


class Joins(layers.Add):
    def _merge_function(self, inputs):
        return torch.cat(list(inputs), dim=-1)


@pytest.mark.parametrize(("cls", "shape"), [(Halves, (None, 3, 2)), (Norms, (None, 3)), (Joins, (None, 3, 8))])
def test_subclasses_of_users_are_run(cls, shape):
    layer = cls()
    assert layer(given(layer)).shape == shape


def test_other_forwards_are_run():
    layer = layers.ReLU()
    layer.forward = lambda inputs: inputs[..., :1]
    assert layer.compute_output_spec(given(layer)).shape == (None, 3, 1)


@pytest.mark.parametrize("activation", ["glu", lambda x: x.sum(-1), torch.nn.Flatten(), torch.nn.functional.glu])
def test_activations_that_change_the_shape_are_run(activation):
    x = torch.zeros(2, 3, 4)
    for layer in (layers.Activation(activation), layers.Conv1D(4, 1, activation=activation)):
        assert layer(given(layer)).shape[1:] == tuple(layer(x).shape[1:])


def test_inputs_that_broadcast_are_merged():
    first, second = KerasTensor((None, 3, 4), "float32"), KerasTensor((None, 1, 4), "float32")
    assert layers.Multiply()([second, first]).shape == (None, 3, 4)
    assert layers.Add()([KerasTensor((None, 3), "int32"), KerasTensor((None, 3), "float32")]).dtype == "float32"


def test_wrong_inputs_are_refused_as_before():
    layer = layers.BatchNormalization()
    layer(KerasTensor((None, 3), "float32"))
    with pytest.raises(ValueError, match="incompatible with the layer"):
        layer(KerasTensor((None, 4), "float32"))
    with pytest.raises(ValueError, match="list"):
        layers.Add()(KerasTensor((None, 4), "float32"))
