"""Functions of each element on its own: powers, logarithms, trigonometry, error functions."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_float, as_tensor, as_wide_float

__all__ = [
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctanh",
    "cbrt",
    "cos",
    "cosh",
    "deg2rad",
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log10",
    "log1p",
    "log2",
    "rad2deg",
    "reciprocal",
    "rsqrt",
    "sin",
    "sinc",
    "sinh",
    "sqrt",
    "square",
    "tan",
    "tanh",
]


@op
def square(x: Any) -> Any:
    """Returns `x * x`.

    Example:
        >>> square([3.0])
        tensor([9.])
    """
    x = as_tensor(x)
    return torch.square(x.to(torch.int32) if x.dtype == torch.bool else x)


@op
def sqrt(x: Any) -> Any:
    """Returns the square root.

    Example:
        >>> sqrt([9.0])
        tensor([3.])
    """
    return torch.sqrt(as_float(x))


@op
def rsqrt(x: Any) -> Any:
    """Returns one over the square root.

    Example:
        >>> rsqrt([4.0])
        tensor([0.5000])
    """
    return torch.rsqrt(as_float(x))


@op
def cbrt(x: Any) -> Any:
    """Returns the cube root.

    Example:
        >>> cbrt([-8.0])
        tensor([-2.])
    """
    x = as_wide_float(x)
    return torch.sign(x) * torch.pow(torch.abs(x), 1 / 3)


@op
def reciprocal(x: Any) -> Any:
    """Returns `1 / x`.

    Example:
        >>> reciprocal([4.0])
        tensor([0.2500])
    """
    return torch.reciprocal(as_float(x))


@op
def exp(x: Any) -> Any:
    """Returns e to the power of x.

    Example:
        >>> exp([0.0])
        tensor([1.])
    """
    return torch.exp(as_float(x))


@op
def exp2(x: Any) -> Any:
    """Returns 2 to the power of x.

    Example:
        >>> exp2([3.0])
        tensor([8.])
    """
    return torch.exp2(as_float(x))


@op
def expm1(x: Any) -> Any:
    """Returns `exp(x) - 1`, exact near zero.

    Example:
        >>> expm1([0.0])
        tensor([0.])
    """
    return torch.expm1(as_float(x))


@op
def log(x: Any) -> Any:
    """Returns the natural logarithm.

    Example:
        >>> log([1.0])
        tensor([0.])
    """
    return torch.log(as_float(x))


@op
def log2(x: Any) -> Any:
    """Returns the logarithm to base 2.

    Example:
        >>> log2([8.0])
        tensor([3.])
    """
    return torch.log2(as_float(x))


@op
def log10(x: Any) -> Any:
    """Returns the logarithm to base 10.

    Example:
        >>> log10([100.0])
        tensor([2.])
    """
    return torch.log10(as_float(x))


@op
def log1p(x: Any) -> Any:
    """Returns `log(1 + x)`, exact near zero.

    Example:
        >>> log1p([0.0])
        tensor([0.])
    """
    return torch.log1p(as_float(x))


@op
def sin(x: Any) -> Any:
    """Returns the sine.

    Example:
        >>> sin([0.0])
        tensor([0.])
    """
    return torch.sin(as_float(x))


@op
def cos(x: Any) -> Any:
    """Returns the cosine.

    Example:
        >>> cos([0.0])
        tensor([1.])
    """
    return torch.cos(as_float(x))


@op
def tan(x: Any) -> Any:
    """Returns the tangent.

    Example:
        >>> tan([0.0])
        tensor([0.])
    """
    return torch.tan(as_float(x))


@op
def sinh(x: Any) -> Any:
    """Returns the hyperbolic sine.

    Example:
        >>> sinh([0.0])
        tensor([0.])
    """
    return torch.sinh(as_float(x))


@op
def cosh(x: Any) -> Any:
    """Returns the hyperbolic cosine.

    Example:
        >>> cosh([0.0])
        tensor([1.])
    """
    return torch.cosh(as_float(x))


@op
def tanh(x: Any) -> Any:
    """Returns the hyperbolic tangent.

    Example:
        >>> tanh([0.0])
        tensor([0.])
    """
    return torch.tanh(as_float(x))


@op
def arcsin(x: Any) -> Any:
    """Returns the inverse sine.

    Example:
        >>> arcsin([0.0])
        tensor([0.])
    """
    return torch.asin(as_float(x))


@op
def arccos(x: Any) -> Any:
    """Returns the inverse cosine.

    Example:
        >>> arccos([1.0])
        tensor([0.])
    """
    return torch.acos(as_float(x))


@op
def arctan(x: Any) -> Any:
    """Returns the inverse tangent.

    Example:
        >>> arctan([0.0])
        tensor([0.])
    """
    return torch.atan(as_float(x))


@op
def arcsinh(x: Any) -> Any:
    """Returns the inverse hyperbolic sine.

    Example:
        >>> arcsinh([0.0])
        tensor([0.])
    """
    return torch.asinh(as_float(x))


@op
def arccosh(x: Any) -> Any:
    """Returns the inverse hyperbolic cosine.

    Example:
        >>> arccosh([1.0])
        tensor([0.])
    """
    return torch.acosh(as_float(x))


@op
def arctanh(x: Any) -> Any:
    """Returns the inverse hyperbolic tangent.

    Example:
        >>> arctanh([0.0])
        tensor([0.])
    """
    return torch.atanh(as_float(x))


@op
def deg2rad(x: Any) -> Any:
    """Returns degrees as radians.

    Example:
        >>> deg2rad([180.0])
        tensor([3.1416])
    """
    return torch.deg2rad(as_wide_float(x))


@op
def rad2deg(x: Any) -> Any:
    """Returns radians as degrees.

    Example:
        >>> rad2deg([0.0])
        tensor([0.])
    """
    return torch.rad2deg(as_wide_float(x))


@op
def sinc(x: Any) -> Any:
    """Returns `sin(pi x) / (pi x)`.

    Example:
        >>> sinc([0.0])
        tensor([1.])
    """
    return torch.sinc(as_float(x))


@op
def erf(x: Any) -> Any:
    """Returns the error function.

    Example:
        >>> erf([0.0])
        tensor([0.])
    """
    return torch.erf(as_float(x))


@op
def erfc(x: Any) -> Any:
    """Returns one minus the error function.

    Example:
        >>> erfc([0.0])
        tensor([1.])
    """
    return torch.erfc(as_float(x))


@op
def erfinv(x: Any) -> Any:
    """Returns the inverse of the error function.

    Example:
        >>> erfinv([0.0])
        tensor([0.])
    """
    return torch.erfinv(as_float(x))
