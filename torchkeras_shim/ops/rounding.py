"""Functions of each element on its own: signs, roundings, bounds, tests, complex parts."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_float, as_tensor

__all__ = [
    "abs",
    "absolute",
    "angle",
    "bitwise_invert",
    "bitwise_not",
    "ceil",
    "clip",
    "conj",
    "conjugate",
    "floor",
    "imag",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "isreal",
    "logical_not",
    "nan_to_num",
    "negative",
    "real",
    "round",
    "sign",
    "signbit",
    "trunc",
]


@op
def abs(x: Any) -> Any:
    """Returns the absolute value.

    Example:
        >>> abs([-1.5])
        tensor([1.5000])
    """
    x = as_tensor(x)
    return torch.abs(x) if x.dtype != torch.bool else x


@op
def negative(x: Any) -> Any:
    """Returns `-x`.

    Example:
        >>> negative([1.0])
        tensor([-1.])
    """
    return torch.neg(as_tensor(x))


@op
def sign(x: Any) -> Any:
    """Returns -1, 0 or 1 by the sign.

    Example:
        >>> sign([-2.0, 0.0])
        tensor([-1.,  0.])
    """
    x = as_tensor(x)
    if x.is_complex():
        return torch.sgn(x)
    sign = torch.sign(x)
    return torch.where(torch.isnan(x), x, sign) if x.is_floating_point() else sign  # of NaN torch's sign is 0


@op
def signbit(x: Any) -> Any:
    """Returns whether the sign is set.

    Example:
        >>> signbit([-2.0, 0.0])
        tensor([ True, False])
    """
    return torch.signbit(as_tensor(x))


@op
def ceil(x: Any) -> Any:
    """Returns the next whole number above.

    Example:
        >>> ceil([1.2])
        tensor([2.])
    """
    return torch.ceil(as_float(x))


@op
def floor(x: Any) -> Any:
    """Returns the next whole number below.

    Example:
        >>> floor([1.8])
        tensor([1.])
    """
    return torch.floor(as_float(x))


@op
def trunc(x: Any) -> Any:
    """Returns the whole number towards zero.

    Example:
        >>> trunc([-1.8])
        tensor([-1.])
    """
    x = as_tensor(x)
    return torch.trunc(x) if x.is_floating_point() else x


@op
def isfinite(x: Any) -> Any:
    """Returns whether values are finite.

    Example:
        >>> isfinite([1.0, float('inf')])
        tensor([ True, False])
    """
    return torch.isfinite(as_tensor(x))


@op
def isinf(x: Any) -> Any:
    """Returns whether values are infinite.

    Example:
        >>> isinf([1.0, float('inf')])
        tensor([False,  True])
    """
    return torch.isinf(as_tensor(x))


@op
def isneginf(x: Any) -> Any:
    """Returns whether values are minus infinity.

    Example:
        >>> isneginf([1.0, float('-inf')])
        tensor([False,  True])
    """
    return torch.isneginf(as_tensor(x))


@op
def isposinf(x: Any) -> Any:
    """Returns whether values are plus infinity.

    Example:
        >>> isposinf([1.0, float('inf')])
        tensor([False,  True])
    """
    return torch.isposinf(as_tensor(x))


@op
def isnan(x: Any) -> Any:
    """Returns whether values are not a number.

    Example:
        >>> isnan([1.0, float('nan')])
        tensor([False,  True])
    """
    return torch.isnan(as_tensor(x))


@op
def logical_not(x: Any) -> Any:
    """Returns whether values are zero or false.

    Example:
        >>> logical_not([True, False])
        tensor([False,  True])
    """
    return torch.logical_not(as_tensor(x))


@op
def bitwise_not(x: Any) -> Any:
    """Returns every bit flipped.

    Example:
        >>> bitwise_not([0])
        tensor([-1], dtype=torch.int32)
    """
    return torch.bitwise_not(as_tensor(x))


@op
def real(x: Any) -> Any:
    """Returns the real part.

    Example:
        >>> real([1.0])
        tensor([1.])
    """
    return torch.real(as_tensor(x))


@op
def imag(x: Any) -> Any:
    """Returns the imaginary part.

    Example:
        >>> imag([1.0])
        tensor([0.])
    """
    x = as_tensor(x)
    return torch.imag(x) if x.is_complex() else torch.zeros_like(x)


@op
def conj(x: Any) -> Any:
    """Returns the complex conjugate.

    Example:
        >>> conj([1.0])
        tensor([1.])
    """
    return torch.conj(as_tensor(x)).resolve_conj()  # a lazy one refuses to become an array


absolute = abs

bitwise_invert = bitwise_not

conjugate = conj


@op
def angle(x: Any) -> Any:
    """Returns the angle of complex numbers; of real ones 0, or pi where negative.

    Example:
        >>> angle([1.0, -1.0])
        tensor([0.0000, 3.1416])
    """
    return torch.angle(as_float(x))


@op
def isreal(x: Any) -> Any:
    """Returns whether the imaginary part is zero.

    Example:
        >>> isreal([1.0])
        tensor([True])
    """
    return torch.isreal(as_tensor(x))


@op
def round(x: Any, decimals: int = 0) -> Any:
    """Rounds to a number of decimals, halves to even; integers stay integers.

    Args:
        x: A tensor.
        decimals: How many; negative ones round to tens, hundreds, ...

    Example:
        >>> round([2.5, 3.5])
        tensor([2., 4.])
    """
    x = as_tensor(x)
    if x.dtype == torch.bool:
        x = x.to(torch.int32)
    if x.is_floating_point():
        return torch.round(x, decimals=decimals) if decimals else torch.round(x)
    if decimals >= 0:
        return x
    return torch.round(x.to(torch.float64), decimals=decimals).to(x.dtype)


@op
def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """Keeps values within bounds.

    Args:
        x: A tensor; its type is the result's.
        x_min: The lower bound, a number or a tensor, or `None`.
        x_max: The upper bound, a number or a tensor, or `None`.

    Example:
        >>> clip([-1.0, 0.5, 2.0], 0.0, 1.0)
        tensor([0.0000, 0.5000, 1.0000])
    """
    x = as_tensor(x)
    if x.dtype == torch.bool:
        x = x.to(torch.int32)
    if not x.is_floating_point():
        limits = torch.iinfo(x.dtype)
        for bound in (x_min, x_max):
            if isinstance(bound, float) and not bound.is_integer():
                raise TypeError(f"Cannot clip integers of type {x.dtype} to {bound}. Cast first: `cast(x, 'float32')`.")
    if isinstance(x_min, (int, float, type(None))) and isinstance(x_max, (int, float, type(None))):
        if not x.is_floating_point():  # bounds beyond the type's own say nothing
            x_min, x_max = (b if b is None else min(max(int(b), limits.min), limits.max) for b in (x_min, x_max))
        return x.clone() if x_min is None and x_max is None else torch.clamp(x, x_min, x_max)
    low, high = (b if b is None else as_tensor(b, x.dtype, x.device) for b in (x_min, x_max))
    return torch.clamp(x, low, high)


@op
def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """Replaces what is not a finite number.

    Args:
        x: A tensor.
        nan: What replaces NaN.
        posinf: What replaces infinity, the type's largest number by default.
        neginf: What replaces minus infinity, the type's lowest number by default.

    Example:
        >>> nan_to_num([1.0, float("nan")])
        tensor([1., 0.])
    """
    return torch.nan_to_num(as_tensor(x), nan=nan, posinf=posinf, neginf=neginf)
