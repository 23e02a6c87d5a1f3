"""Images cut and padded, and cut into patches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.image.layout import as_images, channels_last, sized
from torchkeras_shim.ops.promotion import as_tensor
from torchkeras_shim.ops.windows import same_padding, standardize_padding, standardize_tuple

__all__ = ["crop_images", "extract_patches", "extract_patches_3d", "pad_images"]


def _complete(what: str, before: Any, after: Any, target: Any, names: tuple[str, str, str]) -> None:
    given = dict(zip(names, (before, after, target), strict=True))
    if sum(value is None for value in given.values()) != 1:
        raise ValueError(
            f"Must specify exactly two of {', '.join(names)}. "
            f"Received: {', '.join(f'{name}={value}' for name, value in given.items())}"
        )
    for name, value in given.items():
        if value is not None and value < 0:
            raise ValueError(f"{name} must be >= 0. Received: {name}={value}")


def _not_negative(**values: int) -> None:
    for name, value in values.items():
        if value < 0:
            raise ValueError(f"{name} must be >= 0. Received: {name}={value}")


@op
def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Adds black borders to images. Two of top, bottom and target height must be given, and two for the width.

    Args:
        images: One image or a batch of them.
        top_padding: How many rows to add above.
        left_padding: How many columns to add at the left.
        bottom_padding: How many rows to add below.
        right_padding: How many columns to add at the right.
        target_height: The new height.
        target_width: The new width.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Raises:
        ValueError: If there are too many or too few arguments, or an amount is negative.

    Example:
        >>> pad_images(torch.ones(2, 2, 1), 1, 0, target_height=4, target_width=3).shape
        torch.Size([4, 3, 1])
    """
    images = as_images(images)
    _complete("padding", top_padding, bottom_padding, target_height, ("top_padding", "bottom_padding", "target_height"))
    _complete("padding", left_padding, right_padding, target_width, ("left_padding", "right_padding", "target_width"))
    height, width = sized(images, data_format)
    top, bottom = _sides(height, top_padding, bottom_padding, target_height)
    left, right = _sides(width, left_padding, right_padding, target_width)
    _not_negative(top_padding=top, left_padding=left, right_padding=right, bottom_padding=bottom)
    inner = (0, 0) if channels_last(data_format) else ()
    return F.pad(images, (*inner, left, right, top, bottom))


def _sides(size: int, before: int | None, after: int | None, target: int | None) -> tuple[int, int]:
    if before is None:
        assert target is not None
        assert after is not None
        return target - after - size, after
    if after is None:
        assert target is not None
        return before, target - before - size
    return before, after


@op
def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Cuts borders off images. Two of top, bottom and target height must be given, and two for the width.

    Args:
        images: One image or a batch of them.
        top_cropping: How many rows to cut above.
        left_cropping: How many columns to cut at the left.
        bottom_cropping: How many rows to cut below.
        right_cropping: How many columns to cut at the right.
        target_height: The new height.
        target_width: The new width.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Raises:
        ValueError: If there are too many or too few arguments, or an amount is negative or too large.

    Example:
        >>> crop_images(torch.ones(4, 4, 1), 1, 1, target_height=2, target_width=3).shape
        torch.Size([2, 3, 1])
    """
    images = as_images(images)
    names = ("top_cropping", "bottom_cropping", "target_height")
    _complete("cropping", top_cropping, bottom_cropping, target_height, names)
    names = ("left_cropping", "right_cropping", "target_width")
    _complete("cropping", left_cropping, right_cropping, target_width, names)
    height, width = sized(images, data_format)
    if top_cropping is None:
        top_cropping = height - _given(target_height) - _given(bottom_cropping)
    if left_cropping is None:
        left_cropping = width - _given(target_width) - _given(right_cropping)
    rows = height - top_cropping - _given(bottom_cropping) if target_height is None else target_height
    columns = width - left_cropping - _given(right_cropping) if target_width is None else target_width
    _not_negative(top_cropping=top_cropping, target_height=rows, left_cropping=left_cropping, target_width=columns)
    if top_cropping + rows > height or left_cropping + columns > width:
        raise ValueError(
            f"Cannot cut {rows} x {columns} pixels from ({top_cropping}, {left_cropping}) on out of images of "
            f"{height} x {width}."
        )
    axis = images.dim() - (3 if channels_last(data_format) else 2)
    return images.narrow(axis, top_cropping, rows).narrow(axis + 1, left_cropping, columns)


def _given(value: int | None) -> int:
    assert value is not None
    return value


@op
def extract_patches(
    images: Any,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Returns the patches of images under a sliding window, the pixels of each as channels.

    Args:
        images: One image or a batch of them; volumes where `size` has three numbers.
        size: The window's size.
        strides: The distance between windows, the window's size by default.
        dilation_rate: The distance between the pixels that it sees.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Raises:
        TypeError: If `size` is neither a number nor a tuple.
        ValueError: If the number of sizes is any other.

    Example:
        >>> extract_patches(torch.ones(1, 4, 4, 3), 2).shape
        torch.Size([1, 2, 2, 12])
    """
    if not isinstance(size, int):
        if not isinstance(size, (tuple, list)):
            raise TypeError(
                f"Invalid `size` argument. Expected an int or a tuple. Received: size={size} of type {type(size)}"
            )
        if len(size) not in (2, 3):
            raise ValueError(f"Invalid `size` argument. Expected a tuple of length 2 or 3. Received: size={size}")
    rank = 2 if isinstance(size, int) else len(size)
    return _patches(rank, images, size, strides, dilation_rate, padding, data_format)


@op
def extract_patches_3d(
    volumes: Any,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Returns the patches of volumes under a sliding window, the points of each as channels.

    Args:
        volumes: One volume or a batch of them, of shape (batch, depth, height, width, channels).
        size: The window's size.
        strides: The distance between windows, the window's size by default.
        dilation_rate: The distance between the points that it sees.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Example:
        >>> extract_patches_3d(torch.ones(1, 4, 4, 4, 1), 2).shape
        torch.Size([1, 2, 2, 2, 8])
    """
    return _patches(3, volumes, size, strides, dilation_rate, padding, data_format)


def _patches(
    rank: int, images: Any, size: Any, strides: Any, dilation_rate: Any, padding: str, data_format: str | None
) -> torch.Tensor:
    x = as_tensor(images)
    if x.dim() not in (rank + 1, rank + 2):
        raise ValueError(
            f"Expected one image of rank {rank + 1} or a batch of rank {rank + 2} for a window of {rank} dimensions. "
            f"Received: images.shape={tuple(x.shape)}"
        )
    window = standardize_tuple(size, rank, "size")
    steps = window if not strides else standardize_tuple(strides, rank, "strides")
    dilation = standardize_tuple(dilation_rate, rank, "dilation_rate")
    last, single = channels_last(data_format), x.dim() == rank + 1
    x = x.unsqueeze(0) if single else x
    x = x if last else x.movedim(1, -1)
    if standardize_padding(padding) == "same":
        pairs = [same_padding(x.shape[i + 1], window[i], steps[i], dilation[i]) for i in range(rank)]
        x = F.pad(x, [0, 0, *(amount for pair in reversed(pairs) for amount in pair)])
    for i in range(rank):
        reach = dilation[i] * (window[i] - 1) + 1
        x = x.unfold(i + 1, reach, steps[i])[..., :: dilation[i]]
    # Now (batch, places..., channels, window...): the channels go behind the window.
    x = x.movedim(rank + 1, -1).flatten(rank + 1)
    x = x if last else x.movedim(-1, 1)
    return x.squeeze(0) if single else x
