"""Numbers of channels and of pixels at the edge."""

from __future__ import annotations

import math
import numbers
from typing import Any

from torchkeras_shim.core import config
from torchkeras_shim.core.symbolic import KerasTensor


def divisible(channels: float, divisor: int) -> int:
    """Returns a number of channels that can be divided, near another one and not more than 10 % below it.

    Args:
        channels: The number that is wanted.
        divisor: What it must be a multiple of.

    Example:
        >>> divisible(35, 8), divisible(11.2, 8)
        (32, 16)
    """
    nearest = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * channels else nearest


def stride_padding(x: KerasTensor, kernel_size: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Returns the padding before a convolution with stride 2: what the trained weights expect of each size.

    Args:
        x: The input of the convolution.
        kernel_size: The size of its kernel.
    """
    height, width = x.shape[1:3] if config.image_data_format() == "channels_last" else x.shape[2:4]
    half = kernel_size // 2
    before = [half - (1 - size % 2 if size is not None else 0) for size in (height, width)]
    return ((before[0], half), (before[1], half))


def check_picture(shape: Any) -> None:
    """Checks that the shape of a picture is made of sizes.

    Args:
        shape: The argument `input_shape`.

    Raises:
        TypeError: If it has no entries, or one that is neither an integer nor `None`.
        ValueError: If a picture of that shape holds nothing.
    """
    if shape is None:
        return
    advice = "Write for example input_shape=(224, 224, 3), without the batch."
    wrong = f"`input_shape` must be a tuple of three integers. Received: input_shape={shape!r}. {advice}"
    try:
        entries = tuple(shape)
    except TypeError:
        raise TypeError(
            f"`input_shape` must be a tuple of three integers. Received: input_shape={shape!r}. {advice}"
        ) from None
    if any(size is not None and not isinstance(size, numbers.Integral) for size in entries):
        raise TypeError(wrong)
    if 0 in entries:
        raise ValueError(
            f"A picture has at least one row, one column and one channel. Received: input_shape={shape!r}. {advice}"
        )


def check_alpha(alpha: Any) -> None:
    """Checks the number that a model's filters are multiplied by.

    Args:
        alpha: The argument.

    Raises:
        TypeError: If it is not a number.
        ValueError: If it is infinite or NaN.
    """
    advice = "The filters of each layer are multiplied by it: write for example alpha=1.0."
    if not isinstance(alpha, numbers.Real):
        raise TypeError(f"`alpha` must be a number. Received: alpha={alpha!r} (of type {type(alpha)}). {advice}")
    if not math.isfinite(alpha):
        raise ValueError(f"`alpha` must be finite. Received: alpha={alpha!r}. {advice}")
