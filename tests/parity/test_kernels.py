"""Convolution, pooling and normalization functions against Keras's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.parity.oracle import assert_close, keras
from torchkeras_shim.ops import convolution, normalization, pooling

RANDOM = np.random.RandomState(0)


def values(*shape, dtype="float32"):
    return RANDOM.standard_normal(shape).astype(dtype)


def layouts(x):
    """The same data in both layouts."""
    return {"channels_last": x, "channels_first": np.ascontiguousarray(np.moveaxis(x, -1, 1))}


CONV = [
    # spatial, kernel (spatial..., in / groups, out), arguments
    ((9,), (3, 4, 6), {}),
    ((9,), (3, 4, 6), {"padding": "same", "strides": 2}),
    ((10,), (4, 2, 6), {"padding": "same"}),
    ((9,), (3, 4, 6), {"padding": "same", "dilation_rate": 2}),
    ((8, 8), (3, 3, 4, 6), {}),
    ((8, 8), (3, 3, 4, 6), {"strides": 2, "padding": "same"}),
    ((7, 8), (3, 3, 4, 6), {"strides": 2, "padding": "same"}),
    ((7, 8), (2, 3, 4, 6), {"padding": "same"}),
    ((7, 9), (5, 4, 4, 6), {"strides": (3, 2), "padding": "same"}),
    ((9, 9), (3, 3, 4, 6), {"dilation_rate": 2}),
    ((9, 9), (2, 2, 4, 6), {"dilation_rate": (3, 1), "padding": "same"}),
    ((8, 8), (3, 3, 2, 6), {"padding": "same"}),
    ((8, 8), (3, 3, 1, 8), {"strides": 2}),
    ((8, 8), (1, 1, 4, 6), {"strides": 2, "padding": "same"}),
    ((6, 6, 6), (3, 3, 3, 4, 6), {"strides": 2, "padding": "same"}),
    ((6, 5, 6), (3, 2, 3, 4, 6), {}),
]


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(("spatial", "kernel", "arguments"), CONV, ids=str)
def test_conv(spatial, kernel, arguments, data_format):
    x, w = layouts(values(2, *spatial, 4))[data_format], values(*kernel)
    expected = keras.ops.conv(x, w, data_format=data_format, **arguments)
    assert_close(convolution.conv(x, w, data_format=data_format, **arguments), expected, atol=2e-5)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    ("spatial", "kernel", "arguments"),
    [
        ((9,), (3, 4, 2), {"padding": "same"}),
        ((8, 8), (3, 3, 4, 1), {}),
        ((8, 8), (3, 3, 4, 2), {"strides": 2, "padding": "same"}),
        ((8, 7), (2, 3, 4, 3), {"dilation_rate": 2, "padding": "same"}),
    ],
    ids=str,
)
def test_depthwise_and_separable_conv(spatial, kernel, arguments, data_format):
    x, w = layouts(values(2, *spatial, 4))[data_format], values(*kernel)
    expected = keras.ops.depthwise_conv(x, w, data_format=data_format, **arguments)
    assert_close(convolution.depthwise_conv(x, w, data_format=data_format, **arguments), expected, atol=2e-5)
    mix = values(*(1,) * len(spatial), 4 * kernel[-1], 5)
    expected = keras.ops.separable_conv(x, w, mix, data_format=data_format, **arguments)
    assert_close(convolution.separable_conv(x, w, mix, data_format=data_format, **arguments), expected, atol=5e-5)


TRANSPOSED = [
    {"strides": s, "padding": p, "output_padding": o}
    for s in (1, 2, 3)
    for p in ("valid", "same")
    for o in (None, 0, 1)
    if not (o is not None and o >= s)
] + [{"dilation_rate": 2}, {"dilation_rate": 2, "padding": "same"}]


@pytest.mark.parametrize("arguments", TRANSPOSED, ids=str)
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_conv_transpose(size, arguments):
    for spatial in [(5,), (5, 4), (3, 4, 2)]:
        if len(spatial) == 3 and size not in (2, 3):
            continue
        x, w = values(2, *spatial, 3), values(*(size,) * len(spatial), 2, 3)
        for data_format, data in layouts(x).items():
            expected = keras.ops.conv_transpose(data, w, data_format=data_format, **arguments)
            ours = convolution.conv_transpose(data, w, data_format=data_format, **arguments)
            assert_close(ours, expected, atol=2e-5, message=f"{spatial} {data_format}")


POOL = [
    ((9,), {"pool_size": 2}),
    ((9,), {"pool_size": 3, "strides": 2, "padding": "same"}),
    ((8,), {"pool_size": 2, "strides": 1, "padding": "same"}),
    ((8, 8), {"pool_size": 2}),
    ((7, 7), {"pool_size": 2, "padding": "same"}),
    ((7, 8), {"pool_size": 3, "strides": 2, "padding": "same"}),
    ((8, 7), {"pool_size": (2, 3), "strides": 1, "padding": "same"}),
    ((8, 7), {"pool_size": (4, 3), "strides": (1, 2), "padding": "same"}),
    ((8, 7), {"pool_size": (3, 4), "strides": (2, 1), "padding": "same"}),
    ((7, 9), {"pool_size": 2, "strides": 3, "padding": "same"}),
    ((7, 9), {"pool_size": 1, "strides": 2, "padding": "same"}),
    ((5, 5), {"pool_size": 6, "strides": 2, "padding": "same"}),
    ((7, 9), {"pool_size": (3, 2), "strides": (2, 3)}),
    ((5, 6, 7), {"pool_size": 2}),
    ((5, 6, 7), {"pool_size": (3, 2, 2), "strides": (2, 1, 2), "padding": "same"}),
]


@pytest.mark.parametrize("name", ["max_pool", "average_pool"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(("spatial", "arguments"), POOL, ids=str)
def test_pool(name, spatial, arguments, data_format):
    x = layouts(values(2, *spatial, 3) - 3)[data_format]  # mostly negative: padding with zeros would win a maximum
    # Keras on JAX cannot take strides=None here.
    expected = getattr(keras.ops, name)(x, data_format=data_format, **{"strides": arguments["pool_size"], **arguments})
    assert_close(getattr(pooling, name)(x, data_format=data_format, **arguments), expected)


@pytest.mark.parametrize("window", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_same_pooling_of_every_size(window, stride):
    """Against TensorFlow's definition, written out."""
    for size in range(3, 10):
        x = values(size)
        start = -(max((-(-size // stride) - 1) * stride + window - size, 0) // 2)
        parts = [x[max(i, 0) : i + window] for i in range(start, start + -(-size // stride) * stride, stride)]
        for name, function in (("max_pool", np.max), ("average_pool", np.mean)):
            ours = getattr(pooling, name)(x.reshape(1, size, 1), window, stride, "same")
            assert_close(ours.flatten(), [function(part) for part in parts])


def test_pool_of_integers():
    x = RANDOM.randint(-9, 9, (1, 4, 4, 2)).astype("int32")
    ours = pooling.max_pool(x, 2)
    assert ours.dtype == torch.int32
    np.testing.assert_array_equal(ours.cpu().numpy(), x.reshape(1, 2, 2, 2, 2, 2).max(axis=(2, 4)))


@pytest.mark.parametrize("axis", [-1, 1, 0])
def test_batch_normalization(axis):
    x = values(3, 4, 5)
    n = x.shape[axis]
    mean, variance, offset, scale = values(n), values(n) ** 2, values(n), values(n)
    for extra in ({}, {"offset": offset}, {"scale": scale}, {"offset": offset, "scale": scale, "epsilon": 0.1}):
        expected = keras.ops.batch_normalization(x, mean, variance, axis, **extra)
        assert_close(normalization.batch_normalization(x, mean, variance, axis, **extra), expected)


def test_batch_normalization_lets_gradients_into_the_statistics():
    x = torch.tensor(values(6, 3), requires_grad=True)
    normalization.batch_normalization(x, x.mean(0), x.var(0, correction=0), -1, epsilon=0.0).sum().backward()
    assert_close(x.grad, np.zeros((6, 3)), atol=1e-5)


@pytest.mark.parametrize("axis", [-1, 2, [1, 2], [1, 3], [-2, -1], 1])
def test_layer_normalization(axis):
    x = values(2, 3, 4, 5)
    axes = [axis] if isinstance(axis, int) else axis
    gamma, beta = values(*(x.shape[a] for a in axes)), values(*(x.shape[a] for a in axes))
    plain = keras.ops.layer_normalization(x, axis=axis, epsilon=1e-3)
    assert_close(normalization.layer_normalization(x, axis=axis, epsilon=1e-3), plain, atol=2e-6)
    expected = keras.ops.layer_normalization(x, gamma, beta, axis=axis)
    assert_close(normalization.layer_normalization(x, gamma, beta, axis=axis), expected, atol=5e-6)


@pytest.mark.parametrize("axis", [-1, 1, [1, 2], [2, 3]])
def test_rms_normalization(axis):
    x = values(2, 3, 4, 5)
    assert_close(normalization.rms_normalization(x, axis=axis), keras.ops.rms_normalization(x, axis=axis))


def test_errors():
    with pytest.raises(ValueError, match="evenly divisible"):
        convolution.conv(values(1, 4, 4, 5), values(2, 2, 3, 1))
    with pytest.raises(ValueError, match="zero or negative"):
        convolution.conv(values(1, 2, 2, 3), values(3, 3, 3, 1))
    with pytest.raises(ValueError, match="looks channels-first"):
        convolution.conv(values(1, 3, 9, 9), values(5, 5, 9, 1))
    with pytest.raises(ValueError, match="zero or negative"):
        pooling.max_pool(values(1, 2, 2, 3), 3)
    with pytest.raises(ValueError, match="must match the kernel's"):
        convolution.conv_transpose(values(1, 2, 2, 3), values(3, 3, 3, 1))
    with pytest.raises(ValueError, match="'causal' exists for one"):
        convolution.conv(values(1, 4, 4, 3), values(2, 2, 3, 1), padding="causal")
