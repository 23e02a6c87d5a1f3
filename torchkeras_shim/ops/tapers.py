"""The windows of signal processing: vectors that fade towards both ends."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.core import config, device, dtypes

__all__ = ["bartlett", "blackman", "hamming", "hanning", "kaiser"]


def _window(function: Callable[..., torch.Tensor], x: Any, **options: Any) -> torch.Tensor:
    size = operator.index(int(x) if isinstance(x, (float, torch.Tensor)) and float(x).is_integer() else x)
    target = dtypes.to_torch_dtype(config.floatx())
    place = device.default_device()
    return function(size, periodic=False, dtype=torch.float32, device=place, **options).to(target)


def bartlett(x: Any) -> Any:
    """Returns the Bartlett (triangular) window.

    Args:
        x: The number of values.

    Example:
        >>> bartlett(5)
        tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return _window(torch.bartlett_window, x)


def blackman(x: Any) -> Any:
    """Returns the Blackman window.

    Args:
        x: The number of values.

    Example:
        >>> blackman(3)[1]
        tensor(1.)
    """
    return _window(torch.blackman_window, x)


def hamming(x: Any) -> Any:
    """Returns the Hamming window.

    Args:
        x: The number of values.

    Example:
        >>> hamming(3)
        tensor([0.0800, 1.0000, 0.0800])
    """
    return _window(torch.hamming_window, x)


def hanning(x: Any) -> Any:
    """Returns the Hann window.

    Args:
        x: The number of values.

    Example:
        >>> hanning(5)
        tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return _window(torch.hann_window, x)


def kaiser(x: Any, beta: float) -> Any:
    """Returns the Kaiser window.

    Args:
        x: The number of values.
        beta: The shape: 0 is a rectangle, and the larger, the narrower.

    Example:
        >>> kaiser(3, 0.0)
        tensor([1., 1., 1.])
    """
    return _window(torch.kaiser_window, x, beta=float(beta))
