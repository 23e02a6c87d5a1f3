"""`tf.nn`: convolutions and pooling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim import ops
from torchkeras_shim.compat.tf.api import tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.shapes import as_sizes
from torchkeras_shim.compat.tf.tensors import like, together
from torchkeras_shim.core.errors import InvalidArgumentError


def layout_of(data_format: str | None) -> str:
    """Returns Keras's name of an order of axes."""
    return "channels_first" if data_format is not None and data_format.upper().startswith("NC") else "channels_last"


def _spatial(sizes: Any, rank: int, data_format: str | None) -> Any:
    """Returns one size per spatial dimension, of one, of as many, or of one for each dimension of the input."""
    sizes = [1] if sizes is None else as_sizes(sizes)
    if len(sizes) == 1:
        return sizes * rank
    if len(sizes) == rank + 2:
        return sizes[2:] if layout_of(data_format) == "channels_first" else sizes[1:-1]
    return sizes


def _padded(x: torch.Tensor, padding: Any, data_format: str | None) -> tuple[torch.Tensor, str]:
    """Returns the input, padded by hand where `padding` says by how much, and Keras's word for the rest."""
    if isinstance(padding, str):
        if padding.upper() not in ("SAME", "VALID"):
            raise ValueError(
                f"Value for attr 'padding' of {padding!r} is not in the list of allowed values: "
                "'SAME', 'VALID', or explicit pairs."
            )
        return x, padding.lower()
    flat = [one for pair in reversed([as_sizes(pair) for pair in padding]) for one in pair]
    return F.pad(x, flat), "valid"


def _convolve(
    x: Any, filters: Any, strides: Any, padding: Any, data_format: str | None, dilations: Any, rank: int
) -> Any:
    x, filters = together("Conv", x, filters)
    if x.ndim != rank + 2:
        lead = x.shape[: x.ndim - rank - 1]
        result = _convolve(
            x.reshape(-1, *x.shape[x.ndim - rank - 1 :]), filters, strides, padding, data_format, dilations, rank
        )
        return result.reshape(*lead, *result.shape[1:])
    x, word = _padded(x, padding, data_format)
    steps, dilation = _spatial(strides, rank, data_format), _spatial(dilations, rank, data_format)
    return ops.conv(x, filters, steps, word, layout_of(data_format), dilation)


@tf_op("nn.conv1d")
def conv1d(
    input: Any, filters: Any, stride: Any, padding: Any, data_format: str | None = "NWC", dilations: Any = None
) -> Any:
    """Convolves sequences."""
    return _convolve(input, filters, stride, padding, data_format, dilations, 1)


@tf_op("nn.conv2d")
def conv2d(
    input: Any, filters: Any, strides: Any, padding: Any, data_format: str | None = "NHWC", dilations: Any = None
) -> Any:
    """Convolves images."""
    return _convolve(input, filters, strides, padding, data_format, dilations, 2)


@tf_op("nn.conv3d")
def conv3d(
    input: Any, filters: Any, strides: Any, padding: Any, data_format: str | None = "NDHWC", dilations: Any = None
) -> Any:
    """Convolves volumes."""
    return _convolve(input, filters, strides, padding, data_format, dilations, 3)


@tf_op("nn.convolution")
def convolution(
    input: Any,
    filters: Any,
    strides: Any = None,
    padding: Any = "VALID",
    data_format: str | None = None,
    dilations: Any = None,
) -> Any:
    """Convolves sequences, images or volumes."""
    return _convolve(input, filters, strides, padding, data_format, dilations, like(filters).ndim - 2)


@tf_op("nn.depthwise_conv2d")
def depthwise_conv2d(
    input: Any, filter: Any, strides: Any, padding: Any, data_format: str | None = None, dilations: Any = None
) -> Any:
    """Convolves each channel by itself."""
    x, kernel = together("DepthwiseConv2dNative", input, filter)
    x, word = _padded(x, padding, data_format)
    steps, dilation = _spatial(strides, 2, data_format), _spatial(dilations, 2, data_format)
    return ops.depthwise_conv(x, kernel, steps, word, layout_of(data_format), dilation)


@tf_op("nn.separable_conv2d")
def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    dilations: Any = None,
) -> Any:
    """Convolves each channel, then mixes the channels."""
    mixed = depthwise_conv2d(input, depthwise_filter, strides, padding, data_format, dilations)
    return _convolve(mixed, pointwise_filter, 1, "VALID", data_format, None, 2)


def _convolve_back(
    x: Any, filters: Any, output_shape: Any, strides: Any, padding: str, data_format: str | None, rank: int
) -> Any:
    """The gradient of a convolution: of the shape that is asked for."""
    x, filters = together("ConvBackpropInput", x, filters)
    first = layout_of(data_format) == "channels_first"
    sizes = as_sizes(output_shape)
    sizes = [len(x) if sizes[0] in (-1, None) else sizes[0], *sizes[1:]]
    channels = sizes[1] if first else sizes[-1]
    if filters.shape[-2] != channels:
        raise InvalidArgumentError(
            f"input and filter must have the same depth: {channels} "
            f" vs {filters.shape[-2]} [Op:Conv{rank}DBackpropInput]"
        )
    spatial = sizes[2:] if first else sizes[1:-1]
    steps = _spatial(strides, rank, data_format)
    move = x if first else torch.movedim(x, -1, 1)
    weight = filters.permute(rank + 1, rank, *range(rank))
    window = filters.shape[:rank]
    full = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[rank - 1](move, weight, None, steps)
    for axis, (size, length, kernel, step) in enumerate(zip(spatial, move.shape[2:], window, steps, strict=True)):
        before = 0 if padding.upper() == "VALID" else max((length - 1) * step + kernel - size, 0) // 2
        missing = before + size - full.shape[axis + 2]
        if missing > 0:
            full = F.pad(full, [0, 0] * (rank - axis - 1) + [0, missing])
        full = full.narrow(axis + 2, before, size)
    return full if first else torch.movedim(full, 1, -1)


@tf_op("nn.conv2d_transpose")
def conv2d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str | None = "NHWC",
    dilations: Any = None,
) -> Any:
    """The gradient of `conv2d`, of a given shape."""
    _no_dilations(dilations)
    return _convolve_back(input, filters, output_shape, strides, padding, data_format, 2)


@tf_op("nn.conv1d_transpose")
def conv1d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str | None = "NWC",
    dilations: Any = None,
) -> Any:
    """The gradient of `conv1d`, of a given shape."""
    _no_dilations(dilations)
    return _convolve_back(input, filters, output_shape, strides, padding, data_format, 1)


@tf_op("nn.conv3d_transpose")
def conv3d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str | None = "NDHWC",
    dilations: Any = None,
) -> Any:
    """The gradient of `conv3d`, of a given shape."""
    _no_dilations(dilations)
    return _convolve_back(input, filters, output_shape, strides, padding, data_format, 3)


def _no_dilations(dilations: Any) -> None:
    if dilations is not None and set(as_sizes(dilations)) != {1}:
        raise NotImplementedError(
            f"Transposed convolutions with dilations are not supported. Received: {dilations}. "
            "Use keras.layers.Conv2DTranspose."
        )


def _pooled(
    function: Callable[..., Any], x: Any, ksize: Any, strides: Any, padding: Any, data_format: str | None, rank: int
) -> Any:
    x = like(x)
    if not isinstance(padding, str):
        raise NotImplementedError("Explicit paddings of a pooling are not supported. Write tf.pad before it.")
    window, steps = _spatial(ksize, rank, data_format), _spatial(strides, rank, data_format)
    return function(x, window, steps, padding.lower(), layout_of(data_format))


def _make_pools(rank: int, layout: str) -> None:
    for kind, function in {"max_pool": ops.max_pool, "avg_pool": ops.average_pool}.items():

        def call(
            input: Any,
            ksize: Any,
            strides: Any,
            padding: Any,
            data_format: str | None = layout,
            function: Any = function,
        ) -> Any:
            return _pooled(function, input, ksize, strides, padding, data_format, rank)

        call.__name__ = f"{kind}{rank}d"
        call.__doc__ = f"The {'largest value' if kind == 'max_pool' else 'mean'} of each window, in {rank} dimensions."
        tf_op(f"nn.{call.__name__}")(call)


for _rank, _name in {1: "NWC", 2: "NHWC", 3: "NDHWC"}.items():
    _make_pools(_rank, _name)


@tf_op("nn.max_pool")
def max_pool(input: Any, ksize: Any, strides: Any, padding: Any, data_format: str | None = None) -> Any:
    """The largest value of each window."""
    return _pooled(ops.max_pool, input, ksize, strides, padding, data_format, like(input).ndim - 2)


@tf_op("nn.avg_pool")
def avg_pool(input: Any, ksize: Any, strides: Any, padding: Any, data_format: str | None = None) -> Any:
    """The mean of each window; padding does not count."""
    return _pooled(ops.average_pool, input, ksize, strides, padding, data_format, like(input).ndim - 2)


@tf_op("nn.pool")
def pool(
    input: Any,
    window_shape: Any,
    pooling_type: str,
    strides: Any = None,
    padding: str = "VALID",
    data_format: str | None = None,
    dilations: Any = None,
) -> Any:
    """The largest value or the mean of each window."""
    _no_dilations(dilations)
    function = {"MAX": ops.max_pool, "AVG": ops.average_pool}[pooling_type]
    return _pooled(function, input, window_shape, strides, padding, data_format, like(input).ndim - 2)


@tf_op("nn.bias_add")
def bias_add(value: Any, bias: Any, data_format: str | None = None) -> Any:
    """Adds one number per channel."""
    x, bias = together("BiasAdd", value, bias)
    return x + (bias.reshape(-1, *[1] * (x.ndim - 2)) if layout_of(data_format) == "channels_first" else bias)


@tf_op("nn.max_pool_with_argmax")
def max_pool_with_argmax(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    output_dtype: Any = "int64",
    include_batch_in_index: bool = False,
) -> Any:
    """The largest value of each window, and its place in the image: `(y * width + x) * depth + channel`."""
    if data_format != "NHWC":
        raise ValueError(f"max_pool_with_argmax takes data_format='NHWC'. Received: data_format={data_format!r}")
    x = like(input)
    count, height, width, depth = x.shape
    size, step = (_two(one) for one in (ksize, strides))
    before, edges = [0, 0], []
    for axis, whole in reversed(list(enumerate((height, width)))):
        rest = max((-(-whole // step[axis]) - 1) * step[axis] + size[axis] - whole, 0) if padding == "SAME" else 0
        before[axis] = rest // 2
        edges += [rest // 2, rest - rest // 2]
    padded = torch.nn.functional.pad(x.permute(0, 3, 1, 2), edges, value=-float("inf"))
    values, places = torch.nn.functional.max_pool2d(padded, size, step, return_indices=True)
    rows, columns = places // padded.shape[-1] - before[0], places % padded.shape[-1] - before[1]
    found = (rows * width + columns) * depth + torch.arange(depth).reshape(1, -1, 1, 1)
    if include_batch_in_index:
        found = found + torch.arange(count).reshape(-1, 1, 1, 1) * (height * width * depth)
    return values.permute(0, 2, 3, 1), found.permute(0, 2, 3, 1).to(as_dtype(output_dtype).torch_dtype)


def _two(value: Any) -> list[int]:
    sizes = as_sizes(value)
    return sizes * 2 if len(sizes) == 1 else sizes[1:3] if len(sizes) == 4 else sizes
