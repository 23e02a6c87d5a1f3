"""What the layers say when they are given something wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from torchkeras_shim import layers
from torchkeras_shim.core.symbolic import KerasTensor


def images(*shape):
    return torch.zeros(shape)


@pytest.mark.parametrize(
    ("layer", "good", "bad", "message"),
    [
        (layers.Dense(3, name="hidden"), (2, 4), (2, 5), "layer 'hidden'.*axis -1 of input shape to have value 4.*5"),
        (layers.Dense(3, name="hidden"), (2, 4), (4,), "layer 'hidden'.*expected min_ndim=2, found ndim=1"),
        (layers.Conv2D(3, 3, name="c"), (2, 8, 8, 1), (2, 8, 8), "layer 'c'.*expected min_ndim=4, found ndim=3"),
        (layers.Conv2D(3, 3, name="c"), (2, 8, 8, 1), (2, 8, 8, 2), "layer 'c'.*axis -1 .*value 1.*8, 8, 2"),
        (layers.Conv1D(3, 3, name="c"), (2, 8, 4), (2, 8, 5), "layer 'c'.*axis -1 .*value 4"),
        (layers.BatchNormalization(name="bn"), (2, 4), (2, 5), "layer 'bn'.*value 4"),
        (layers.BatchNormalization(name="bn"), (2, 4), (2, 3, 4), "layer 'bn'.*expected ndim=2, found ndim=3"),
        (layers.MaxPooling2D(name="p"), (2, 4, 4, 1), (2, 4, 4), "layer 'p'.*expected ndim=4, found ndim=3"),
        (layers.GlobalMaxPooling1D(name="p"), (2, 4, 1), (2, 4), "layer 'p'.*expected ndim=3, found ndim=2"),
        (layers.Conv2D(3, 3, name="c"), (2, 8, 8, 1), (2, 2, 8, 1), "'c'.*output size would be zero or negative"),
        (layers.MaxPooling2D(3, name="p"), (2, 4, 4, 1), (2, 2, 4, 1), "'p'.*output size would be zero or negative"),
        (layers.Reshape((4, 1), name="r"), (2, 4), (2, 5), "'r'.*5 elements per sample and the target has 4"),
        (layers.Permute((2, 1), name="p"), (2, 3, 4), (2, 3), "layer 'p'.*expected ndim=3"),
    ],
)
def test_wrong_shape_after_a_right_one(layer, good, bad, message):
    for _ in range(2):  # the general way, then the fast one
        layer(images(*good))
    with pytest.raises(ValueError, match=message):
        layer(images(*bad))


def test_channels_first_data_gets_a_hint():
    layer = layers.Conv2D(4, 3, name="stem")
    layer(images(1, 8, 8, 3))
    with pytest.raises(ValueError, match=r"looks channels-first.*x\.permute\(0, 2, 3, 1\).*channels_first"):
        layer(images(1, 3, 8, 8))
    back = layers.Conv2D(4, 3, data_format="channels_first")
    back(images(1, 3, 8, 8))
    with pytest.raises(ValueError, match=r"looks channels-last.*x\.permute\(0, 3, 1, 2\)"):
        back(images(1, 8, 8, 3))
    with pytest.raises(ValueError, match=r"'tall'.*looks channels-first: pass `x\.permute\(0, 2, 3, 1\)`"):
        layers.Conv2D(4, 5, name="tall")(images(1, 3, 32, 32))
    with pytest.raises(ValueError) as small:
        layers.MaxPooling2D()(images(2, 1, 1, 512))  # no window fits in the other layout either
    assert "channels-first" not in str(small.value)
    with pytest.raises(ValueError, match="looks channels-first"):
        layers.MaxPooling2D(4)(images(1, 3, 32, 32))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Dense(2, lora_rank=-4), "`lora_rank` must be a positive integer"),
        (lambda: layers.Dense(2, quantization_config={}), "quantization_config"),
        (lambda: layers.EinsumDense("ab,bc->ac", 2, gptq_unpacked_column_size=1), "quantization_config=1"),
        (lambda: layers.Conv2DTranspose(2, 3, lora_rank=1), "lora_rank"),
        (lambda: layers.Dropout(0.5, seed="a"), "seed"),
        (lambda: layers.Dense(2, activation="rleu"), "Did you mean 'relu'"),
        (lambda: layers.Dense(2, kernel_initializer="glorot"), "Could not interpret initializer"),
        (lambda: layers.Conv2D(2, 3, padding="full"), "`padding` argument must be one of.*'full'"),
        (lambda: layers.MaxPooling2D(padding="causal"), "'causal' exists for one spatial dimension only"),
    ],
)
def test_arguments_that_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.Dense(2, name="it"), (None, None)),
        (layers.Conv2D(2, 3, name="it"), (None, 8, 8, None)),
        (layers.BatchNormalization(name="it"), (None, None)),
    ],
)
def test_unknown_width(layer, shape):
    with pytest.raises(ValueError, match=r"'it'.*should be defined"):
        layer(KerasTensor(shape))


@pytest.mark.parametrize("layer", [layers.BatchNormalization(axis=3), layers.LayerNormalization(axis=3)])
def test_axis_out_of_bounds(layer):
    with pytest.raises(ValueError, match=r"axis 3 is out of bounds for input shape \(2, 4\)"):
        layer(images(2, 4))


@pytest.mark.parametrize("wrong", [5, -1])
def test_embedding_says_which_integers_it_has(wrong):
    layer = layers.Embedding(5, 2, name="words")
    with pytest.raises(IndexError, match=f"'words' has 5 rows, for the integers 0 to 4.*{wrong}.*input_dim"):
        layer(torch.tensor([[1, wrong]]))


def test_softmax_mask_that_does_not_fit():
    for shape in [(3,), (1, 2, 4)]:
        with pytest.raises(ValueError, match="must be broadcastable"):
            layers.Softmax()(torch.zeros(2, 4), mask=torch.ones(shape, dtype=torch.bool))


def test_static_sizes_are_checked_before_any_data():
    with pytest.raises(ValueError, match="total size"):
        layers.Reshape((5,))(KerasTensor((None, 4)))
    with pytest.raises(ValueError, match="zero or negative"):
        layers.Conv2D(2, 5)(KerasTensor((None, 4, 4, 1)))
    with pytest.raises(ValueError, match="zero or negative"):
        layers.MaxPooling2D(5)(KerasTensor((None, 4, 4, 1)))


def test_wrong_numpy_data_is_named_too():
    layer = layers.Dense(2, name="d")
    layer(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"layer 'd'.*\(2, 4\)"):
        layer(np.zeros((2, 4)))
