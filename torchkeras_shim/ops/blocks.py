"""Images cut into blocks and put together again, and axes named by a pattern."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core import config
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_tensor

__all__ = ["depth_to_space", "fold", "rearrange", "space_to_depth", "unfold"]

Size = int | Sequence[int]


def _images(x: Any, block_size: int, data_format: str) -> tuple[torch.Tensor, bool]:
    """Returns images channels-last, and whether they came channels-first."""
    channels_first = config.standardize_data_format(data_format) == "channels_first"
    if block_size < 2:
        raise ValueError(f"`block_size` must be at least 2. Received: block_size={block_size}")
    x = as_tensor(x)
    if x.dim() != 4:
        raise ValueError(f"Expected images of rank 4. Received: x.shape={tuple(x.shape)}")
    return (x.permute(0, 2, 3, 1) if channels_first else x), channels_first


@op
def space_to_depth(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Moves blocks of pixels into the channels.

    Args:
        x: Images of shape (batch, height, width, channels), or (batch, channels, height, width) if channels-first.
        block_size: The size of the blocks, by which height and width must be divisible.
        data_format: `"channels_last"` or `"channels_first"`.

    Returns:
        Images of `block_size` times smaller height and width, with `block_size ** 2` times as many channels: all
        channels of the first pixel of the block first, in both formats.

    Raises:
        ValueError: If the sizes do not fit.

    Example:
        >>> space_to_depth(torch.zeros(1, 4, 4, 3), 2).shape
        torch.Size([1, 2, 2, 12])
    """
    nhwc, channels_first = _images(x, block_size, data_format)
    n, height, width, channels = nhwc.shape
    if height % block_size or width % block_size:
        raise ValueError(
            f"Height {height} and width {width} of the images must be divisible by block_size={block_size}."
        )
    blocks = nhwc.reshape(n, height // block_size, block_size, width // block_size, block_size, channels)
    result = blocks.permute(0, 1, 3, 2, 4, 5).reshape(n, height // block_size, width // block_size, -1)
    return result.permute(0, 3, 1, 2) if channels_first else result


@op
def depth_to_space(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Moves channels into blocks of pixels: the reverse of `space_to_depth`.

    Args:
        x: Images of shape (batch, height, width, channels), or (batch, channels, height, width) if channels-first.
        block_size: The size of the blocks, by whose square the channels must be divisible.
        data_format: `"channels_last"` or `"channels_first"`.

    Raises:
        ValueError: If the sizes do not fit.

    Example:
        >>> depth_to_space(torch.zeros(1, 2, 2, 12), 2).shape
        torch.Size([1, 4, 4, 3])
    """
    nhwc, channels_first = _images(x, block_size, data_format)
    n, height, width, channels = nhwc.shape
    if channels % block_size**2:
        raise ValueError(f"The {channels} channels must be divisible by block_size**2={block_size**2}.")
    blocks = nhwc.reshape(n, height, width, block_size, block_size, channels // block_size**2)
    result = blocks.permute(0, 1, 3, 2, 4, 5).reshape(n, height * block_size, width * block_size, -1)
    return result.permute(0, 3, 1, 2) if channels_first else result


def _two(value: Size) -> tuple[int, int]:
    first, second = (value, value) if isinstance(value, int) else value
    return first, second


@op
def unfold(x: Any, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1) -> Any:
    """Returns the blocks under a sliding window, each as a column.

    Args:
        x: Images of shape (batch, channels, height, width).
        kernel_size: The window's size.
        dilation: The distance between the pixels that it sees.
        padding: How many zeros to add on every side.
        stride: The distance between windows.

    Returns:
        A tensor of shape (batch, channels * window, number of windows).

    Raises:
        ValueError: If it is not of rank 4.

    Example:
        >>> unfold(torch.ones(1, 2, 4, 4), kernel_size=2, stride=2).shape
        torch.Size([1, 8, 4])
    """
    x = as_tensor(x)
    if x.dim() != 4:
        raise ValueError(f"Input must be a 4D tensor. Received: input.shape={tuple(x.shape)}")
    whole = not x.is_floating_point() and not x.is_complex()
    values = x.to(torch.float64) if whole else x  # torch unfolds no integers
    return F.unfold(values, _two(kernel_size), _two(dilation), _two(padding), _two(stride)).to(x.dtype)


@op
def fold(x: Any, output_size: Size, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1) -> Any:
    """Puts blocks together to images, adding where they overlap: the reverse of `unfold`.

    Args:
        x: What `unfold` returned, of shape (batch, channels * window, number of windows).
        output_size: Height and width of the images.
        kernel_size: The window's size.
        dilation: The distance between the pixels that it sees.
        padding: How many zeros were added on every side.
        stride: The distance between windows.

    Raises:
        ValueError: If it is not of rank 3.

    Example:
        >>> fold(torch.ones(1, 8, 4), (4, 4), kernel_size=2, stride=2).shape
        torch.Size([1, 2, 4, 4])
    """
    x = as_tensor(x)
    if x.dim() != 3:
        raise ValueError(f"Input must be a 3D tensor. Received: input.shape={tuple(x.shape)}")
    return F.fold(x, _two(output_size), _two(kernel_size), _two(dilation), _two(padding), _two(stride))


@op
def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Any:
    """Reorders, splits and joins axes as a pattern tells.

    Args:
        tensor: A tensor.
        pattern: Names of the axes before and after, such as `"b (h h2) w -> b h (h2 w)"`; parentheses join axes.
        **axes_lengths: The sizes of axes within parentheses; one in each may be left out.

    Raises:
        ValueError: If pattern and tensor do not fit together.

    Example:
        >>> rearrange(torch.zeros(2, 6), "a (b c) -> (a b) c", c=3).shape
        torch.Size([4, 3])
    """
    tensor = as_tensor(tensor)
    if pattern.count("->") != 1:
        raise ValueError(f"Expected a pattern such as 'a b -> b a'. Received: pattern={pattern!r}")
    before, after = (_groups(side, pattern) for side in pattern.split("->"))
    names, wanted = [name for group in before for name in group], [name for group in after for name in group]
    if sorted(names) != sorted(wanted) or len(set(names)) != len(names):
        raise ValueError(f"Both sides of a pattern must have the same axes, each once. Received: pattern={pattern!r}")
    unknown = set(axes_lengths) - set(names)
    if unknown:
        raise ValueError(f"The pattern {pattern!r} has no axes {sorted(unknown)}.")
    if len(before) != tensor.dim():
        raise ValueError(
            f"The pattern {pattern!r} is for tensors of rank {len(before)}. "
            f"Received: tensor.shape={tuple(tensor.shape)}"
        )
    sizes: dict[str, int] = {}
    for group, size in zip(before, tensor.shape, strict=True):
        sizes.update(_sizes(group, size, axes_lengths, pattern))
    split = tensor.reshape([sizes[name] for name in names]).permute([names.index(name) for name in wanted])
    return split.reshape([math.prod(sizes[name] for name in group) for group in after])


def _groups(side: str, pattern: str) -> list[list[str]]:
    if not re.fullmatch(r"\s*((\w+|\(\s*\w+(\s+\w+)*\s*\))\s*)*", side) or re.search(r"\b\d", side):
        raise ValueError(
            f"Expected names of axes and parentheses around some of them (no numbers, no '...'). "
            f"Received: pattern={pattern!r}"
        )
    return [part.strip("()").split() for part in re.findall(r"\w+|\([^)]*\)", side)]


def _sizes(group: list[str], size: int, lengths: dict[str, int], pattern: str) -> dict[str, int]:
    known = {name: lengths[name] for name in group if name in lengths}
    open_names = [name for name in group if name not in lengths]
    product = math.prod(known.values())
    if len(open_names) > 1 or size % product or (not open_names and product != size):
        raise ValueError(
            f"An axis of size {size} cannot be split into ({' '.join(group)}) with {known} in {pattern!r}: "
            "give the sizes of all of them but one, by which it must be divisible."
        )
    return {**known, **dict.fromkeys(open_names, size // product)}
