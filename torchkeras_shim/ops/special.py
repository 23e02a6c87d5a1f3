"""Functions that look at how numbers are stored, and a few rarer ones of each element."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import dtypes
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_float, as_tensor, as_wide_float, device_of, promote, result_type

__all__ = ["fabs", "i0", "ldexp", "nextafter", "view"]


@op
def fabs(x: Any) -> Any:
    """Returns the absolute value as a float.

    Example:
        >>> fabs([-1, 2])
        tensor([1., 2.])
    """
    return torch.abs(as_float(x))


@op
def i0(x: Any) -> Any:
    """Returns the modified Bessel function of the first kind of order zero.

    Example:
        >>> i0([2.0])
        tensor([2.2796])
    """
    x = as_wide_float(x)
    if x.dtype in (torch.float16, torch.bfloat16):
        return torch.special.i0(x.float()).to(x.dtype)
    return torch.special.i0(x)


@op
def ldexp(x1: Any, x2: Any) -> Any:
    """Returns `x1 * 2**x2`, also where `2**x2` alone is too large or small for the type.

    Args:
        x1: A tensor.
        x2: Integers.

    Raises:
        TypeError: If `x2` holds no integers.

    Example:
        >>> ldexp([0.75, 1.5], [1, 2])
        tensor([1.5000, 6.0000])
    """
    device = device_of(x1, x2)
    x1, x2 = as_tensor(x1, device=device), as_tensor(x2, device=device)
    if x2.is_floating_point() or x2.is_complex() or x2.dtype == torch.bool:
        raise TypeError(
            f"ldexp exponent must be an integer type. Received: x2 dtype={dtypes.standardize_dtype(x2.dtype)}"
        )
    target = dtypes.to_torch_dtype(result_type(x1.dtype, x2.dtype, float))
    x1 = x1.to(target)
    first = torch.div(x2, 2, rounding_mode="floor")
    scaled = x1 * torch.exp2(first.to(target)) * torch.exp2((x2 - first).to(target))
    return torch.where(x1 == 0, x1, scaled)  # also if the power is infinite


@op
def nextafter(x1: Any, x2: Any) -> Any:
    """Returns the next number that the type can hold after `x1` in the direction of `x2`.

    Example:
        >>> bool(nextafter([1.0], [2.0]) > 1.0)
        True
    """
    device = device_of(x1, x2)
    return torch.nextafter(*promote(as_tensor(x1, device=device), as_tensor(x2, device=device), floating=True))


@op
def view(x: Any, dtype: Any = None) -> Any:
    """Returns the same bytes, read as another type.

    Args:
        x: A tensor.
        dtype: The type; of another size, the last axis changes with it.

    Raises:
        ValueError: If the last axis does not hold a whole number of values of the type.

    Example:
        >>> view([1, 2], "int16")
        tensor([1, 0, 2, 0], dtype=torch.int16)
    """
    x = as_tensor(x)
    if dtype is None:
        return x
    target = dtypes.to_torch_dtype(dtype)
    if (x.dim() == 0 and x.itemsize != target.itemsize) or (x.dim() and x.shape[-1] * x.itemsize % target.itemsize):
        raise ValueError(
            f"Cannot view a tensor of shape {tuple(x.shape)} and type {dtypes.standardize_dtype(x.dtype)} as "
            f"{dtypes.standardize_dtype(target)}: the last axis must hold a whole number of such values."
        )
    return x.contiguous().view(target)
