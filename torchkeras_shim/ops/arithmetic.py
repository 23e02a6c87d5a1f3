"""Functions of two arguments, element by element with broadcasting: arithmetic."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import dtypes
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import promote

__all__ = [
    "add",
    "arctan2",
    "divide",
    "divide_no_nan",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "gcd",
    "heaviside",
    "hypot",
    "lcm",
    "logaddexp",
    "logaddexp2",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "power",
    "subtract",
    "true_divide",
]


@op
def add(x1: Any, x2: Any) -> Any:
    """Returns `x1 + x2`.

    Example:
        >>> add([1.0], 2)
        tensor([3.])
    """
    a, b = promote(x1, x2)
    return torch.add(a, b)


@op
def subtract(x1: Any, x2: Any) -> Any:
    """Returns `x1 - x2`.

    Example:
        >>> subtract([1.0], 2)
        tensor([-1.])
    """
    a, b = promote(x1, x2)
    return torch.sub(a, b)


@op
def multiply(x1: Any, x2: Any) -> Any:
    """Returns `x1 * x2`.

    Example:
        >>> multiply([3.0], 2)
        tensor([6.])
    """
    a, b = promote(x1, x2)
    return torch.mul(a, b)


@op
def divide(x1: Any, x2: Any) -> Any:
    """Returns `x1 / x2`; integers divide to floats.

    Example:
        >>> divide([3], 2)
        tensor([1.5000])
    """
    a, b = promote(x1, x2, floating=True)
    return torch.div(a, b)


@op
def floor_divide(x1: Any, x2: Any) -> Any:
    """Returns `x1 / x2` rounded down.

    Example:
        >>> floor_divide([-7], 2)
        tensor([-4], dtype=torch.int32)
    """
    a, b = promote(x1, x2)
    return torch.floor_divide(a, b)


@op
def mod(x1: Any, x2: Any) -> Any:
    """Returns the remainder, with the sign of `x2`.

    Example:
        >>> mod([-7], 2)
        tensor([1], dtype=torch.int32)
    """
    a, b = promote(x1, x2)
    if a.dtype == torch.bool:
        a, b = a.to(torch.int32), b.to(torch.int32)
    return torch.remainder(a, b)


@op
def fmod(x1: Any, x2: Any) -> Any:
    """Returns the remainder, with the sign of `x1`.

    Example:
        >>> fmod([-7], 2)
        tensor([-1], dtype=torch.int32)
    """
    a, b = promote(x1, x2)
    if a.dtype == torch.bool:
        a, b = a.to(torch.int32), b.to(torch.int32)
    return torch.fmod(a, b)


@op
def power(x1: Any, x2: Any) -> Any:
    """Returns `x1` to the power of `x2`.

    Example:
        >>> power([3.0], 2)
        tensor([9.])
    """
    a, b = promote(x1, x2)
    return torch.pow(a, b)


@op
def maximum(x1: Any, x2: Any) -> Any:
    """Returns the larger of two values.

    Example:
        >>> maximum([1.0, 5.0], 2)
        tensor([2., 5.])
    """
    a, b = promote(x1, x2)
    return torch.maximum(a, b)


@op
def minimum(x1: Any, x2: Any) -> Any:
    """Returns the smaller of two values.

    Example:
        >>> minimum([1.0, 5.0], 2)
        tensor([1., 2.])
    """
    a, b = promote(x1, x2)
    return torch.minimum(a, b)


@op
def fmax(x1: Any, x2: Any) -> Any:
    """Returns the larger of two values, the number if one is NaN.

    Example:
        >>> fmax([float('nan')], 2)
        tensor([2.])
    """
    a, b = promote(x1, x2)
    return torch.fmax(a, b)


@op
def fmin(x1: Any, x2: Any) -> Any:
    """Returns the smaller of two values, the number if one is NaN.

    Example:
        >>> fmin([float('nan')], 2)
        tensor([2.])
    """
    a, b = promote(x1, x2)
    return torch.fmin(a, b)


@op
def arctan2(x1: Any, x2: Any) -> Any:
    """Returns the angle of the points (x2, x1).

    Example:
        >>> arctan2([0.0], [1.0])
        tensor([0.])
    """
    a, b = promote(x1, x2, floating=True)
    return torch.atan2(a, b)


@op
def hypot(x1: Any, x2: Any) -> Any:
    """Returns the length of the hypotenuse.

    Example:
        >>> hypot([3.0], [4.0])
        tensor([5.])
    """
    a, b = promote(x1, x2, floating=True)
    return torch.hypot(a, b)


@op
def logaddexp(x1: Any, x2: Any) -> Any:
    """Returns `log(exp(x1) + exp(x2))`.

    Example:
        >>> logaddexp([0.0], [0.0])
        tensor([0.6931])
    """
    a, b = promote(x1, x2, floating=True)
    return torch.logaddexp(a, b)


@op
def logaddexp2(x1: Any, x2: Any) -> Any:
    """Returns `log2(2^x1 + 2^x2)`.

    Example:
        >>> logaddexp2([0.0], [0.0])
        tensor([1.])
    """
    a, b = promote(x1, x2, floating=True)
    return torch.logaddexp2(a, b)


true_divide = divide


@op
def divide_no_nan(x1: Any, x2: Any) -> Any:
    """Returns `x1 / x2`, and 0 where `x2` is 0.

    Example:
        >>> divide_no_nan([1.0, 1.0], [0.0, 2.0])
        tensor([0.0000, 0.5000])
    """
    a, b = promote(x1, x2, floating=True)
    zero = b == 0
    # The divisor is replaced before the division, so that the gradient has no NaN either.
    return torch.where(zero, 0.0, a / torch.where(zero, 1.0, b))


@op
def heaviside(x1: Any, x2: Any) -> Any:
    """Returns 0 where `x1` is negative, 1 where positive, `x2` where zero.

    Example:
        >>> heaviside([-1.0, 0.0, 1.0], 0.5)
        tensor([0.0000, 0.5000, 1.0000])
    """
    a, b = promote(x1, x2, floating=True)
    return torch.heaviside(a, b.to(a.device) if a.dim() else b)


def _integers(name: str, *values: torch.Tensor) -> tuple[torch.Tensor, ...]:
    if values[0].is_floating_point() or values[0].is_complex():
        raise TypeError(
            f"Arguments to {name} must be integers. Received: dtype={dtypes.standardize_dtype(values[0].dtype)}. "
            "Write `keras.ops.cast(x, 'int32')`."
        )
    return values


@op
def gcd(x1: Any, x2: Any) -> Any:
    """Returns the greatest common divisor.

    Example:
        >>> gcd([12], [18])
        tensor([6], dtype=torch.int32)
    """
    a, b = _integers("gcd", *promote(x1, x2))
    return torch.gcd(a, b)


@op
def lcm(x1: Any, x2: Any) -> Any:
    """Returns the least common multiple.

    Example:
        >>> lcm([4], [6])
        tensor([12], dtype=torch.int32)
    """
    a, b = _integers("lcm", *promote(x1, x2))
    return torch.lcm(a, b)
