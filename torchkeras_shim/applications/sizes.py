"""Numbers of channels and of pixels at the edge."""

from __future__ import annotations

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
