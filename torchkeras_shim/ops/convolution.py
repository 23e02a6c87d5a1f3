"""Convolutions of one to three spatial dimensions, with Keras's kernel shapes and TensorFlow's padding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core import config
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_float, as_tensor
from torchkeras_shim.ops.windows import (
    TO_FIRST,
    TO_LAST,
    empty_output_error,
    pad_spatial,
    same_padding,
    standardize_padding,
    standardize_tuple,
)

__all__ = ["conv", "conv_transpose", "depthwise_conv", "separable_conv"]

_CONV: dict[int, Callable[..., torch.Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_CONV_TRANSPOSE: dict[int, Callable[..., torch.Tensor]] = {
    1: F.conv_transpose1d,
    2: F.conv_transpose2d,
    3: F.conv_transpose3d,
}
#: Axes that turn Keras's kernel (spatial..., in, out) into torch's (out, in, spatial...).
KERNEL_TO_TORCH = {1: (2, 1, 0), 2: (3, 2, 0, 1), 3: (4, 3, 0, 1, 2)}


def static_padding(
    padding: str, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> tuple[int, ...] | str:
    """Returns the symmetric padding that is right for inputs of every size, or the mode if there is none."""
    if padding == "valid":
        return (0,) * len(window)
    totals = [step * (size - 1) for size, step in zip(window, dilation, strict=True)]
    if padding == "same" and all(stride == 1 for stride in strides) and not any(total % 2 for total in totals):
        return tuple(total // 2 for total in totals)
    return padding


def convolve(
    inputs: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    strides: tuple[int, ...],
    padding: tuple[int, ...] | str,
    dilation: tuple[int, ...],
    groups: int,
    channels_last: bool,
) -> torch.Tensor:
    """Convolves. The form that layers call: every argument is already in its final shape.

    Args:
        inputs: Of rank 3, 4 or 5.
        kernel: Of shape (spatial..., in // groups, out).
        bias: Of shape (out,), or `None`.
        strides: One per spatial dimension.
        padding: `"same"`, `"causal"`, or symmetric amounts from `static_padding`.
        dilation: One per spatial dimension.
        groups: The number of channel groups.
        channels_last: The layout.
    """
    rank = len(strides)
    if rank == 1 and channels_last:
        # As an image of height 1: torch's conv1d would copy a permuted input, its conv2d computes on it as it is.
        inputs, kernel, rank = inputs.unsqueeze(1), kernel.unsqueeze(0), 2
        strides, dilation = (1, *strides), (1, *dilation)
        padding = padding if isinstance(padding, str) else (0, *padding)
        outputs = convolve(inputs, kernel, bias, strides, padding, dilation, groups, True)
        return outputs.squeeze(1)
    x = inputs.permute(*TO_FIRST[rank]) if channels_last else inputs
    if isinstance(padding, str):
        x, padding = _pad(x, _pairs(x, kernel.shape[:rank], strides, padding, dilation))
    outputs = _CONV[rank](x, kernel.permute(*KERNEL_TO_TORCH[rank]), bias, strides, padding, dilation, groups)
    return outputs.permute(*TO_LAST[rank]) if channels_last else outputs


def convolve_padded(
    inputs: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    strides: tuple[int, ...],
    pairs: Sequence[tuple[int, int]],
    dilation: tuple[int, ...],
    groups: int,
    channels_last: bool,
) -> torch.Tensor:
    """Convolves images that zeros are put around: `convolve` with the amounts before and after, for each dimension.

    The outputs may be a part of a larger tensor, with gaps in memory.

    Args:
        inputs: Of rank 4.
        kernel: As in `convolve`.
        bias: As in `convolve`.
        strides: As in `convolve`.
        pairs: How many zeros to put before and after, by dimension.
        dilation: As in `convolve`.
        groups: As in `convolve`.
        channels_last: As in `convolve`.
    """
    x = inputs.permute(*TO_FIRST[2]) if channels_last else inputs
    weight = kernel.permute(*KERNEL_TO_TORCH[2])
    amounts, cuts = (0, 0), None
    if all(before == after for before, after in pairs):
        amounts = (pairs[0][0], pairs[1][0])
    elif _wastes_little(x, weight, groups):
        reach = [step * (size - 1) + 1 for size, step in zip(kernel.shape, dilation, strict=False)]
        (high, rows), (wide, columns) = map(_symmetric, x.shape[2:], pairs, reach, strides)
        amounts, cuts = (high, wide), (slice(None), slice(None), rows, columns)
    else:
        x = pad_spatial(x, pairs)
    outputs = F.conv2d(x, weight, bias, strides, amounts, dilation, groups)
    outputs = outputs if cuts is None else outputs[cuts]
    return outputs.permute(*TO_LAST[2]) if channels_last else outputs


def _wastes_little(x: torch.Tensor, weight: torch.Tensor, groups: int) -> bool:
    """Returns whether it is faster to compute a row and a column too many than to copy the inputs.

    On the CPU, convolutions of each channel by itself take less time than the memory of a copy (with the normalization
    behind them, 96 channels, 16 images of 96 x 96: 12 ms against 43). The gradients of a part take more than is saved.
    """
    needs_gradients = torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad)
    return 1 < groups == x.shape[1] and x.device.type == "cpu" and not needs_gradients


def _symmetric(size: int, pair: tuple[int, int], reach: int, stride: int) -> tuple[int, slice]:
    """Returns how many zeros at both ends have all windows of a pair of amounts among theirs, and which those are.

    Raises:
        RuntimeError: If there is no window.
    """
    count = (size + sum(pair) - reach) // stride + 1
    if count < 1:
        raise RuntimeError(f"A window of {reach} does not fit {size} with {pair[0]} zeros before and {pair[1]} after.")
    amount = pair[0]
    while (size + 2 * amount - reach) // stride + 1 < (amount - pair[0]) // stride + count:
        amount += stride
    first = (amount - pair[0]) // stride
    return amount, slice(first, first + count)


def _pairs(
    x: torch.Tensor, window: Sequence[int], strides: Sequence[int], padding: str, dilation: Sequence[int]
) -> list[tuple[int, int]]:
    """Returns how many zeros an input of this size asks for at both ends."""
    if padding == "causal":
        return [(dilation[axis] * (size - 1), 0) for axis, size in enumerate(window)]
    return [same_padding(x.shape[axis + 2], size, strides[axis], dilation[axis]) for axis, size in enumerate(window)]


def _pad(x: torch.Tensor, pairs: Sequence[tuple[int, int]]) -> tuple[torch.Tensor, tuple[int, ...]]:
    """Pads. Where both sides get the same, the kernel is told to do it instead."""
    if all(before == after for before, after in pairs):
        return x, tuple([before for before, _ in pairs])
    return pad_spatial(x, pairs), (0,) * len(pairs)


def channels_last_memory(initializer: Any) -> Callable[..., torch.Tensor]:
    """Wraps an initializer of convolution kernels so that the values lie in memory as channels-last kernels want them.

    The shape stays (spatial..., in, out). In memory the order is out, spatial, in: seen as torch's (out, in,
    spatial...) that is its channels_last format, so that no call has to rearrange the weights.
    """

    def initialize(shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        rank = len(shape)
        value = torch.as_tensor(initializer(shape, dtype=dtype))
        # One transposed matrix: torch copies that in blocks, three times as fast as it copies a permuted kernel.
        rearranged = value.reshape(-1, shape[-1]).t().contiguous().view(shape[-1], *shape[:-1])
        return rearranged.permute(*range(1, rank), 0)

    return initialize


def channels_first_memory(initializer: Any) -> Callable[..., torch.Tensor]:
    """The same for channels-first layers: in memory the order is torch's own, out, in, spatial."""

    def initialize(shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        rank = len(shape)
        value = torch.as_tensor(initializer(shape, dtype=dtype))
        return value.permute(KERNEL_TO_TORCH[rank - 2]).contiguous().permute(*range(2, rank), 1, 0)

    return initialize


@op
def conv(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Any:
    """Convolves inputs of one to three spatial dimensions.

    Args:
        inputs: A tensor of shape (batch, spatial..., channels), or (batch, channels, spatial...) if channels-first.
        kernel: A tensor of shape (spatial..., channels // groups, filters). The number of groups follows from it.
        strides: One step for all dimensions, or one per dimension.
        padding: `"valid"`, or `"same"`: the output is `ceil(size / stride)` long.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        dilation_rate: The distance between the kernel's elements.

    Returns:
        The outputs, in the layout of the inputs.

    Raises:
        ValueError: If ranks or channels do not match, or the input is smaller than the kernel.

    Example:
        >>> conv(torch.ones(1, 4, 4, 1), torch.ones(3, 3, 1, 2), strides=2, padding="same").shape
        torch.Size([1, 2, 2, 2])
    """
    x, w, rank, channels_last = _prepare(inputs, kernel, data_format)
    channels = x.shape[-1 if channels_last else 1]
    if channels % w.shape[-2]:
        raise ValueError(
            "The number of input channels must be evenly divisible by kernel's in_channels. Received input channels "
            f"{channels} and kernel in_channels {w.shape[-2]}: inputs of shape {tuple(x.shape)}, a kernel of shape "
            f"{tuple(w.shape)}, data_format='{'channels_last' if channels_last else 'channels_first'}'."
        )
    steps = standardize_tuple(strides, rank, "strides")
    dilation = standardize_tuple(dilation_rate, rank, "dilation_rate")
    mode = standardize_padding(padding)
    check_output_size(x, w.shape[:rank], steps, mode, dilation, channels_last)
    amounts = static_padding(mode, w.shape[:rank], steps, dilation)
    return convolve(x, w, None, steps, amounts, dilation, channels // w.shape[-2], channels_last)


@op
def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Any:
    """Convolves each channel with its own kernels.

    Args:
        inputs: As in `conv`.
        kernel: A tensor of shape (spatial..., channels, multiplier).
        strides: As in `conv`.
        padding: As in `conv`.
        data_format: As in `conv`.
        dilation_rate: As in `conv`.

    Returns:
        The outputs with `channels * multiplier` channels.

    Example:
        >>> depthwise_conv(torch.ones(1, 4, 4, 3), torch.ones(2, 2, 3, 2)).shape
        torch.Size([1, 3, 3, 6])
    """
    x, w, rank, channels_last = _prepare(inputs, kernel, data_format)
    _check_channels(x, w.shape[-2], channels_last)
    steps = standardize_tuple(strides, rank, "strides")
    dilation = standardize_tuple(dilation_rate, rank, "dilation_rate")
    mode = standardize_padding(padding)
    check_output_size(x, w.shape[:rank], steps, mode, dilation, channels_last)
    return convolve_depthwise(
        x, w, None, steps, static_padding(mode, w.shape[:rank], steps, dilation), dilation, channels_last
    )


def convolve_depthwise(
    inputs: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    strides: tuple[int, ...],
    padding: tuple[int, ...] | str,
    dilation: tuple[int, ...],
    channels_last: bool,
) -> torch.Tensor:
    """Convolves each channel by itself: `convolve` with as many groups as channels."""
    groups = kernel.shape[-2]
    return convolve(inputs, flat_depthwise(kernel), bias, strides, padding, dilation, groups, channels_last)


def flat_depthwise(kernel: torch.Tensor) -> torch.Tensor:
    """Returns a kernel that convolves each channel by itself as one of as many groups."""
    *window, channels, multiplier = kernel.shape
    return kernel.reshape(*window, 1, channels * multiplier)


@op
def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Any:
    """Convolves each channel, then mixes the channels at each place.

    Args:
        inputs: As in `conv`.
        depthwise_kernel: A tensor of shape (spatial..., channels, multiplier).
        pointwise_kernel: A tensor of shape (1..., channels * multiplier, filters).
        strides: As in `conv`.
        padding: As in `conv`.
        data_format: As in `conv`.
        dilation_rate: As in `conv`.

    Example:
        >>> separable_conv(torch.ones(1, 4, 4, 3), torch.ones(2, 2, 3, 1), torch.ones(1, 1, 3, 5)).shape
        torch.Size([1, 3, 3, 5])
    """
    depthwise = depthwise_conv.__wrapped__  # type: ignore[attr-defined]
    outputs = depthwise(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv.__wrapped__(outputs, pointwise_kernel, 1, "valid", data_format)  # type: ignore[attr-defined]


@op
def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    output_padding: int | Sequence[int] | None = None,
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Any:
    """Transposed convolution: the gradient of `conv` with respect to its inputs.

    Args:
        inputs: As in `conv`.
        kernel: A tensor of shape (spatial..., filters, channels).
        strides: As in `conv`.
        padding: `"valid"` or `"same"`: the output is `size * stride` long.
        output_padding: What to add to the end of each output dimension; by default what `padding` promises.
        data_format: As in `conv`.
        dilation_rate: As in `conv`.

    Raises:
        ValueError: If the channels do not match.

    Example:
        >>> conv_transpose(torch.ones(1, 4, 4, 3), torch.ones(3, 3, 2, 3), strides=2, padding="same").shape
        torch.Size([1, 8, 8, 2])
    """
    x, w, rank, channels_last = _prepare(inputs, kernel, data_format)
    _check_channels(x, w.shape[-1], channels_last)
    steps = standardize_tuple(strides, rank, "strides")
    dilation = standardize_tuple(dilation_rate, rank, "dilation_rate")
    extra: tuple[int | None, ...] = (None,) * rank
    if output_padding is not None:
        extra = standardize_tuple(output_padding, rank, "output_padding", allow_zero=True)
    return convolve_transposed(x, w, None, steps, standardize_padding(padding), extra, dilation, channels_last)


def convolve_transposed(
    inputs: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    strides: tuple[int, ...],
    padding: str,
    output_padding: tuple[int | None, ...],
    dilation: tuple[int, ...],
    channels_last: bool,
) -> torch.Tensor:
    """Transposed convolution with every argument in its final shape.

    torch crops the full output by the same amount at both ends and can add at the second; TensorFlow's windows need
    more than that. So torch is told what it can do, and the rest is sliced off (or filled with the bias, where the
    window reaches beyond what any input touches).
    """
    rank = len(strides)
    amounts, additions, rest = transposed_amounts(kernel.shape[:rank], strides, padding, output_padding, dilation)
    x = inputs.permute(*TO_FIRST[rank]) if channels_last else inputs
    weight = kernel.permute(*KERNEL_TO_TORCH[rank])
    if any(pair != (0, 0) for pair in rest):
        outputs = pad_spatial(_CONV_TRANSPOSE[rank](x, weight, None, strides, amounts, additions, 1, dilation), rest)
        outputs = outputs if bias is None else outputs + bias.view(-1, *(1,) * rank)
    else:
        outputs = _CONV_TRANSPOSE[rank](x, weight, bias, strides, amounts, additions, 1, dilation)
    return outputs.permute(*TO_LAST[rank]) if channels_last else outputs


def transposed_amounts(
    kernel_size: Sequence[int],
    strides: Sequence[int],
    padding: str,
    output_padding: Sequence[int | None],
    dilation: Sequence[int],
) -> tuple[list[int], list[int], list[tuple[int, int]]]:
    """Returns, by axis, what torch's transposed convolution crops at both ends and adds at the second, and what is left
    to pad at either end: negative amounts crop.
    """
    amounts, additions, rest = [], [], []
    for size, stride, extra, step in zip(kernel_size, strides, output_padding, dilation, strict=True):
        before, after = _transposed_crop(step * (size - 1) + 1, stride, padding, extra)
        amount, addition = max(min(before, after), 0), 0
        if before >= 0 and 0 < before - after < max(stride, step):
            amount, addition = before, before - after
        amounts.append(amount)
        additions.append(addition)
        rest.append((amount - before, amount - after - addition))
    return amounts, additions, rest


def _transposed_crop(window: int, stride: int, padding: str, output_padding: int | None) -> tuple[int, int]:
    """Returns what to cut from both ends of the full output of `(size - 1) * stride + window`; negative to add."""
    if padding == "valid":
        return 0, -(max(stride - window, 0) if output_padding is None else output_padding)
    # `total` is how much longer the output is than `(size - 1) * stride` would be, plus window - 1 to the left of it.
    if output_padding is None:
        total = stride + window - 2
    else:
        total = window + window % 2 - 2 + output_padding
    before = min(total // 2 + total % 2, window - 1)
    return window - 1 - before, window - 1 - (total - before)


def _prepare(inputs: Any, kernel: Any, data_format: str | None) -> tuple[torch.Tensor, torch.Tensor, int, bool]:
    """Makes tensors of inputs and kernel, of the kernel's type, and finds rank and layout."""
    w = as_float(as_tensor(kernel))
    x = as_tensor(inputs, w.dtype)
    rank = x.ndim - 2
    if rank not in _CONV or w.ndim != x.ndim:
        raise ValueError(
            f"Expected inputs of rank 3, 4 or 5 and a kernel of the same rank. Received: inputs of shape "
            f"{tuple(x.shape)}, kernel of shape {tuple(w.shape)}."
        )
    return x, w, rank, config.standardize_data_format(data_format) == "channels_last"


def _check_channels(x: torch.Tensor, expected: int, channels_last: bool) -> None:
    channels = x.shape[-1 if channels_last else 1]
    if channels != expected:
        raise ValueError(
            "The number of input channels must match the kernel's input channels. Received: "
            f"input channels={channels}, kernel input channels={expected}, "
            f"data_format='{'channels_last' if channels_last else 'channels_first'}'."
        )


def check_output_size(
    x: torch.Tensor,
    window: Sequence[int],
    strides: Sequence[int],
    padding: str,
    dilation: Sequence[int],
    channels_last: bool,
) -> None:
    """Raises if an unpadded input is smaller than the kernel."""
    spatial = x.shape[1:-1] if channels_last else x.shape[2:]
    reach = [step * (size - 1) + 1 for size, step in zip(window, dilation, strict=True)]
    if padding == "valid" and any(size < needed for size, needed in zip(spatial, reach, strict=True)):
        raise empty_output_error(tuple(x.shape), window, strides, padding, channels_last)
