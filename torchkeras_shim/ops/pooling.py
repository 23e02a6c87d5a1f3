"""Max and average pooling of one to three spatial dimensions, with TensorFlow's padding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core import config
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_float, as_tensor
from torchkeras_shim.ops.windows import TO_FIRST, TO_LAST, empty_output_error, standardize_tuple

__all__ = ["average_pool", "max_pool"]

_MAX: dict[int, Callable[..., torch.Tensor]] = {1: torch.max_pool1d, 2: torch.max_pool2d, 3: torch.max_pool3d}


def _average_volumes(x: torch.Tensor, *arguments: Any) -> torch.Tensor:
    """`F.avg_pool3d`, which on the CPU has no kernel for half types."""
    if x.dtype in (torch.float16, torch.bfloat16) and x.device.type == "cpu":
        return F.avg_pool3d(x.float(), *arguments).to(x.dtype)
    return F.avg_pool3d(x, *arguments)


_AVERAGE: dict[int, Callable[..., torch.Tensor]] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: _average_volumes}


def pool(
    mode: str,
    inputs: torch.Tensor,
    window: tuple[int, ...],
    strides: tuple[int, ...],
    same: bool,
    channels_last: bool,
) -> torch.Tensor:
    """Pools. The form that layers call: every argument is already in its final shape.

    `same` needs neither padded copies nor a count of what was padded. torch's `ceil_mode` takes windows that reach over
    the end, as TensorFlow's odd padding element does, and leaves what lies outside out of maximum and mean. With a
    stride of 1 there is no such window: there one more element is padded at both ends and the first window dropped.

    Args:
        mode: `"max"` or `"average"`.
        inputs: Of rank 3, 4 or 5.
        window: One size per spatial dimension.
        strides: One per spatial dimension.
        same: Whether the padding is `"same"`, not `"valid"`.
        channels_last: The layout.
    """
    rank = len(window)
    if rank == 1 and channels_last:  # as an image of height 1, see convolution.convolve
        return pool(mode, inputs.unsqueeze(1), (1, *window), (1, *strides), same, True).squeeze(1)
    x = inputs.permute(*TO_FIRST[rank]) if channels_last else inputs
    amounts: int | list[int] = 0
    shifted: list[int] = []
    if same:
        amounts, shifted = _same_amounts(x.shape, window, strides)
    if mode == "max":
        outputs = _MAX[rank](x, window, strides, amounts, 1, same)
    else:
        outputs = _AVERAGE[rank](x, window, strides, amounts, same, False)
    for axis in shifted:
        outputs = outputs.narrow(axis, 1, outputs.shape[axis] - 1)
    return outputs.permute(*TO_LAST[rank]) if channels_last else outputs


def _same_amounts(shape: Sequence[int], window: Sequence[int], strides: Sequence[int]) -> tuple[list[int], list[int]]:
    """Returns what to pad at both ends of each spatial dimension, and the axes whose first window is one too many."""
    amounts, shifted = [], []
    for axis, size in enumerate(window):
        stride = strides[axis]
        length = shape[axis + 2]
        # TensorFlow's total, of which half goes before; written out, as this runs in every call.
        total = max((-(-length // stride) - 1) * stride + size - length, 0)
        if total % 2 and stride == 1:
            amounts.append(total // 2 + 1)
            shifted.append(axis + 2)
        else:
            amounts.append(total // 2)
    return amounts, shifted


@op
def max_pool(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Returns the maximum of each window.

    Args:
        inputs: A tensor of shape (batch, spatial..., channels), or (batch, channels, spatial...) if channels-first.
        pool_size: The window's size.
        strides: The distance between windows; the window's size by default.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Raises:
        ValueError: If the input is smaller than the window.

    Example:
        >>> max_pool(torch.arange(4.0).reshape(1, 4, 1), 2).flatten()
        tensor([1., 3.])
    """
    return _pool_op("max", inputs, pool_size, strides, padding, data_format)


@op
def average_pool(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Returns the mean of each window; padding does not count.

    Args:
        inputs: A tensor of shape (batch, spatial..., channels), or (batch, channels, spatial...) if channels-first.
        pool_size: The window's size.
        strides: The distance between windows; the window's size by default.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Raises:
        ValueError: If the input is smaller than the window.

    Example:
        >>> average_pool(torch.arange(3.0).reshape(1, 3, 1), 2, padding="same").flatten()
        tensor([0.5000, 2.0000])
    """
    return _pool_op("average", inputs, pool_size, strides, padding, data_format)


def _pool_op(mode: str, inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str | None) -> Any:
    x = as_tensor(inputs)
    rank = x.ndim - 2
    if rank not in _MAX:
        raise ValueError(f"Expected inputs of rank 3, 4 or 5. Received: inputs of shape {tuple(x.shape)}.")
    window = standardize_tuple(pool_size, rank, "pool_size")
    steps = window if strides is None else standardize_tuple(strides, rank, "strides")
    if padding not in ("valid", "same"):
        raise ValueError(f"Invalid padding '{padding}', must be 'same' or 'valid'.")
    channels_last = config.standardize_data_format(data_format) == "channels_last"
    check_output_size(x, window, steps, padding, channels_last)
    if x.is_floating_point():
        return pool(mode, x, window, steps, padding == "same", channels_last)
    if mode == "average":
        return pool(mode, as_float(x), window, steps, padding == "same", channels_last)
    # torch pools floats only. float64 holds every integer below 2^53 exactly.
    return pool(mode, x.to(torch.float64), window, steps, padding == "same", channels_last).to(x.dtype)


def check_output_size(
    x: torch.Tensor, window: Sequence[int], strides: Sequence[int], padding: str, channels_last: bool
) -> None:
    """Raises if an unpadded input is smaller than the window."""
    spatial = x.shape[1:-1] if channels_last else x.shape[2:]
    if padding == "valid" and any(size < needed for size, needed in zip(spatial, window, strict=True)):
        raise empty_output_error(tuple(x.shape), window, strides, padding, channels_last)
