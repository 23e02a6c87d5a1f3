"""What the functions of `keras.random` share: shapes, types and devices of what they draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core import dtypes
from torchkeras_shim.ops.promotion import as_tensor


def sizes(shape: Any) -> tuple[int, ...]:
    """Returns a shape as a tuple; one number is a vector's length.

    Raises:
        TypeError: If it is not a shape.
    """
    if isinstance(shape, int):
        return (shape,)
    if not isinstance(shape, (Sequence, torch.Tensor)) and not hasattr(shape, "__iter__"):
        raise TypeError(f"Expected a shape such as (2, 3). Received: shape={shape!r}")
    return tuple(int(size) for size in shape)


def float_dtype(name: str, dtype: Any) -> torch.dtype:
    """Returns torch's type of a `dtype` argument, `floatx()` for `None`.

    Raises:
        ValueError: If a type is not of floats.
    """
    standard = dtypes.standardize_dtype(dtype)
    if not dtypes.is_float(standard):
        raise ValueError(
            f"`keras.random.{name}` requires a floating point `dtype`, such as 'float32'. Received: dtype={dtype!r}"
        )
    return dtypes.to_torch_dtype(standard)


def wide(dtype: torch.dtype) -> torch.dtype:
    """Returns the type to draw in: half types are too coarse for it."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def parameter(value: Any, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Returns a parameter of a distribution as a tensor of the shape to draw.

    Raises:
        ValueError: If it does not broadcast to that shape.
    """
    tensor = as_tensor(value, device=device).to(device, dtype)
    try:
        return tensor.expand(shape)
    except RuntimeError as error:
        raise ValueError(
            f"A parameter of shape {tuple(tensor.shape)} cannot be broadcast to the shape {shape} to draw."
        ) from error
