"""What Keras's layers can be asked that nothing in a training asks them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers

MASK = np.array([[True, False, True]])


@pytest.mark.parametrize(
    ("layer", "inputs", "mask", "wanted"),
    [
        (layers.Masking(0.0), np.array([[[0.0, 0.0], [1.0, 0.0]]], "float32"), None, [[False, True]]),
        (layers.Embedding(4, 2, mask_zero=True), np.array([[0, 3]]), None, [[False, True]]),
        (layers.Add(), [np.ones((1, 3, 2)), np.ones((1, 3, 2))], [MASK, ~MASK], [[True, True, True]]),
        (layers.Concatenate(), [np.ones((1, 3, 2)), np.ones((1, 3, 2))], [MASK, None], [[True, True, True]]),
        (
            layers.Concatenate(axis=1),
            [np.ones((1, 3, 2))] * 2,
            [MASK, ~MASK],
            [[True, False, True, False, True, False]],
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_masks_are_computed_of_arrays(layer, inputs, mask, wanted):
    found = layer.compute_mask(inputs, mask)
    assert isinstance(found, torch.Tensor)
    np.testing.assert_array_equal(found, wanted)


def test_an_input_may_be_a_tensor_that_is_there():
    start = keras.Input((3,), batch_size=2)
    assert keras.Input(tensor=start) is start
    assert layers.InputLayer(input_tensor=start, shape=[3], dtype="float32").batch_shape == (2, 3)
    for name, value in [("shape", (4,)), ("batch_size", 5), ("dtype", "float16"), ("batch_shape", (2, 4))]:
        with pytest.raises(ValueError, match=f"cannot provide an incompatible `{name}`"):
            layers.InputLayer(input_tensor=start, **{name: value})


@pytest.mark.parametrize("layer", [layers.MultiHeadAttention(2, 4), layers.GroupQueryAttention(4, 2, 1)])
def test_shapes_of_attention_are_checked_before_a_build(layer):
    assert layer.compute_output_shape((2, 4, 8), (2, 3, 8), (2, 3, 5)) == (2, 4, 8)
    with pytest.raises(ValueError, match="must be equal"):
        layer.compute_output_shape((2, 4, 8), (2, 3, 8), (2, 2, 8))
    assert layer.sliding_window is None


def test_query_and_value_of_grouped_queries_are_of_one_width():
    with pytest.raises(ValueError, match="`query_shape` and `value_shape` must be equal, but are 8, 7"):
        layers.GroupQueryAttention(4, 2, 1).compute_output_shape((2, 4, 8), (2, 3, 7))


class OnHost(layers.Layer):
    """Cannot be run without data."""

    def call(self, inputs):
        if not inputs.any():
            raise RuntimeError("There is nothing to sort.")
        return torch.from_numpy(np.sort(inputs.detach().numpy())), inputs[:, 0, 0]

    def compute_output_shape(self, input_shape):
        return input_shape, input_shape[:1]


def test_a_shape_of_the_user_s_counts_where_a_layer_cannot_be_run_without_data():
    inputs = keras.Input((None, 3))
    outputs = OnHost()(inputs)
    assert [one.shape for one in outputs] == [(None, None, 3), (None,)]
    found = keras.Model(inputs, outputs)(torch.tensor([[[3.0, 1.0, 2.0]]]))
    assert [one.tolist() for one in found] == [[[[1.0, 2.0, 3.0]]], [3.0]]


def test_a_first_argument_that_is_a_name_is_explained():
    with pytest.raises(ValueError, match=r"(?s)first argument of `add_weight\(\)` is the shape.*name='w'"):
        layers.Layer().add_weight("w", initializer="zeros")


def test_state_of_metrics_of_inner_layers():
    layer = layers.Layer()
    layer.inner, layer.own = layers.Layer(), keras.metrics.Mean()
    layer.inner.own = keras.metrics.Mean()
    assert len(layer.metrics_variables) == 4


def test_the_shape_of_crossed_hashes():
    assert layers.HashedCrossing(4, output_mode="one_hot").compute_output_shape(((2,), (2,))) == (2, 4)
    assert layers.HashedCrossing(4).compute_output_shape([(None, 1), (None, 1)]) == (None, 1)


@pytest.mark.parametrize("dtype", ["uint16", "uint32"])
def test_extremes_of_unsigned_integers(dtype):
    values = np.array([[7, 65535], [3, 0]], dtype)
    for name in ("max", "min", "amax", "amin", "argmax", "argmin"):
        found = getattr(keras.ops, name)(values, axis=1)
        np.testing.assert_array_equal(found, getattr(np, name)(values, axis=1))
    assert keras.ops.max(values).dtype == getattr(torch, dtype)


def test_normalize_over_everything():
    values = np.array([[3.0, 0.0], [0.0, 4.0]], "float32")
    np.testing.assert_allclose(keras.ops.normalize(values, axis=None), values / 5.0, rtol=1e-6)
