"""The functions of `keras.backend` before Keras 3: convolutions, windows and padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim import layers, ops
from torchkeras_shim.backend import image_data_format
from torchkeras_shim.compat.legacy.symbolic_shapes import recorded, sized, tensor


def _format(data_format: str | None) -> str:
    found = data_format or image_data_format()
    if found not in ("channels_first", "channels_last"):
        raise ValueError(f"Unknown data_format: {data_format}. Expected 'channels_first' or 'channels_last'.")
    return found


def bias_add(x: Any, bias: Any, data_format: str | None = None) -> Any:
    """Adds a bias: one number for each channel, or one for each place and channel."""
    rank = len(x.shape)
    if len(bias.shape) not in (1, rank - 1):
        raise ValueError(f"Unexpected bias dimensions {len(bias.shape)}, expect to be 1 or {rank - 1} dimensions")
    if _format(data_format) == "channels_first" and rank > 2:
        around = tuple(bias.shape[:-1]) or (1,) * (rank - 2)
        bias = ops.reshape(bias, (1, bias.shape[-1], *around))  # not moved: Keras 2 read the values in their order
    return ops.add(x, bias)


def conv1d(
    x: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """A convolution; `"causal"` looks back only."""
    data_format = _format(data_format)
    if padding == "causal":
        before = (dilation_rate * (kernel.shape[0] - 1), 0)
        last = data_format == "channels_last"
        x = ops.pad(x, ((0, 0), before, (0, 0)) if last else ((0, 0), (0, 0), before))
        padding = "valid"
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv2d(
    x: Any,
    kernel: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = (1, 1),
) -> Any:
    """A convolution."""
    return ops.conv(x, kernel, strides, padding, _format(data_format), dilation_rate)


def conv3d(
    x: Any,
    kernel: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = (1, 1, 1),
) -> Any:
    """A convolution."""
    return ops.conv(x, kernel, strides, padding, _format(data_format), dilation_rate)


def conv2d_transpose(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = (1, 1),
) -> Any:
    """What a convolution would have made `x` of: a tensor of the given shape."""
    return _transposed(2, x, kernel, output_shape, (strides, padding, data_format, dilation_rate))


def conv3d_transpose(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """What a convolution would have made `x` of: a tensor of the given shape."""
    return _transposed(3, x, kernel, output_shape, (strides, padding, data_format, 1))


def _transposed(rank: int, x: Any, kernel: Any, output_shape: Any, options: tuple[Any, ...]) -> Any:
    strides, padding, data_format, dilation_rate = options
    strides, dilation = ((n,) * rank if isinstance(n, int) else tuple(n) for n in (strides, dilation_rate))
    first = _format(data_format) == "channels_first"
    if padding not in ("same", "valid"):
        raise ValueError(f"Invalid padding: {padding}. Expected 'same' or 'valid'.")

    def run(sizes: tuple[int, ...], x: Any, kernel: Any) -> Any:
        x = x if first else x.movedim(-1, 1)
        inner = [(size - 1) * rate + 1 for size, rate in zip(kernel.shape, dilation, strict=False)]
        convolve = F.conv_transpose2d if rank == 2 else F.conv_transpose3d
        weights = kernel.movedim(-1, 0).movedim(-1, 1)  # what goes in, what comes out, places
        whole = convolve(x, weights, stride=strides, dilation=dilation)
        for axis, size in enumerate(sizes):
            lacking = max((-(-size // strides[axis]) - 1) * strides[axis] + inner[axis] - size, 0)
            start = lacking // 2 if padding == "same" else 0
            found = whole.narrow(2 + axis, start, min(size, whole.shape[2 + axis] - start))
            missing = size - found.shape[2 + axis]
            whole = F.pad(found, (*(0, 0) * (rank - 1 - axis), 0, missing))
        return whole if first else whole.movedim(1, -1)

    wanted = list(output_shape)[2:] if first else list(output_shape)[1:-1]
    return sized(run, wanted, tensor(x), tensor(kernel))


def depthwise_conv2d(
    x: Any,
    depthwise_kernel: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = (1, 1),
) -> Any:
    """A convolution of each channel."""
    return ops.depthwise_conv(x, depthwise_kernel, strides, padding, _format(data_format), dilation_rate)


def separable_conv1d(
    x: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """A convolution of each channel, and one over the channels."""
    return ops.separable_conv(
        x, depthwise_kernel, pointwise_kernel, strides, padding, _format(data_format), dilation_rate
    )


def separable_conv2d(
    x: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = (1, 1),
) -> Any:
    """A convolution of each channel, and one over the channels."""
    return ops.separable_conv(
        x, depthwise_kernel, pointwise_kernel, strides, padding, _format(data_format), dilation_rate
    )


def pool2d(
    x: Any,
    pool_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: str = "max",
) -> Any:
    """The largest or the mean value of windows."""
    if pool_mode not in ("max", "avg"):
        raise ValueError(f"Invalid pooling mode: {pool_mode}. Expected 'max' or 'avg'.")
    pool = ops.max_pool if pool_mode == "max" else ops.average_pool
    return pool(x, pool_size, strides, padding, _format(data_format))


def pool3d(
    x: Any,
    pool_size: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: str = "max",
) -> Any:
    """The largest or the mean value of windows."""
    return pool2d(x, pool_size, strides, padding, data_format, pool_mode)


def local_conv1d(inputs: Any, kernel: Any, kernel_size: Any, strides: Any, data_format: str | None = None) -> Any:
    """A convolution whose kernel is another one at each place: `(places, size * channels, filters)`."""
    return _local(inputs, kernel, tuple(kernel_size), tuple(strides), (kernel.shape[0],), _format(data_format))


def local_conv2d(
    inputs: Any,
    kernel: Any,
    kernel_size: Any,
    strides: Any,
    output_shape: Any,
    data_format: str | None = None,
) -> Any:
    """A convolution whose kernel is another one at each place: `(places, rows * columns * channels, filters)`."""
    return _local(inputs, kernel, tuple(kernel_size), tuple(strides), tuple(output_shape), _format(data_format))


@recorded
def _local(x: Any, kernel: Any, sizes: Any, strides: Any, places: Sequence[int], data_format: str) -> Any:
    x, kernel = ops.convert_to_tensor(x), ops.convert_to_tensor(kernel)
    x = x.movedim(1, -1) if data_format == "channels_first" else x
    for axis, (size, stride, count) in enumerate(zip(sizes, strides, places, strict=True)):
        x = x.narrow(1 + axis, 0, (count - 1) * stride + size).unfold(1 + axis, size, stride)
    rank = len(sizes)
    if data_format == "channels_last":  # (batch, places, channels, window): the values of a window in their order
        x = x.movedim(1 + rank, -1)
    x = x.flatten(1, rank).flatten(2)
    found = torch.einsum("bpi,pio->bpo", x, kernel).reshape(x.shape[0], *places, -1)
    return found.movedim(-1, 1) if data_format == "channels_first" else found


def resize_images(
    x: Any, height_factor: int, width_factor: int, data_format: str, interpolation: str = "nearest"
) -> Any:
    """Pictures that are larger by whole factors."""
    return layers.UpSampling2D((height_factor, width_factor), data_format=data_format, interpolation=interpolation)(x)


def resize_volumes(x: Any, depth_factor: int, height_factor: int, width_factor: int, data_format: str) -> Any:
    """Volumes that are larger by whole factors."""
    first = 2 if _format(data_format) == "channels_first" else 1
    for axis, factor in enumerate((depth_factor, height_factor, width_factor)):
        x = ops.repeat(x, factor, axis=first + axis)
    return x


def temporal_padding(x: Any, padding: Sequence[int] = (1, 1)) -> Any:
    """Zeros before and after a series."""
    return ops.pad(x, ((0, 0), tuple(padding), (0, 0)))


def spatial_2d_padding(x: Any, padding: Any = ((1, 1), (1, 1)), data_format: str | None = None) -> Any:
    """Zeros around pictures."""
    around = tuple(tuple(pair) for pair in padding)
    first = _format(data_format) == "channels_first"
    return ops.pad(x, ((0, 0), (0, 0), *around) if first else ((0, 0), *around, (0, 0)))


def spatial_3d_padding(x: Any, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None) -> Any:
    """Zeros around volumes."""
    return spatial_2d_padding(x, padding, data_format)


#: The functions, by name.
NAMES: dict[str, Any] = {
    one.__name__: one
    for one in (
        bias_add, conv1d, conv2d, conv2d_transpose, conv3d, conv3d_transpose, depthwise_conv2d, local_conv1d,
        local_conv2d, pool2d, pool3d, resize_images, resize_volumes, separable_conv1d, separable_conv2d,
        spatial_2d_padding, spatial_3d_padding, temporal_padding,
    )
}  # fmt: skip
