"""Functions of two arguments, element by element with broadcasting: comparison, logic, bits."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_tensor, comparable, device_of, promote

__all__ = [
    "allclose",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "equal",
    "greater",
    "greater_equal",
    "isclose",
    "left_shift",
    "less",
    "less_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
    "not_equal",
    "right_shift",
]


@op
def equal(x1: Any, x2: Any) -> Any:
    """Returns whether values are equal.

    Example:
        >>> equal([1, 2], 2)
        tensor([False,  True])
    """
    a, b = comparable(x1, x2)
    return torch.eq(a, b)


@op
def not_equal(x1: Any, x2: Any) -> Any:
    """Returns whether values differ.

    Example:
        >>> not_equal([1, 2], 2)
        tensor([ True, False])
    """
    a, b = comparable(x1, x2)
    return torch.ne(a, b)


@op
def greater(x1: Any, x2: Any) -> Any:
    """Returns whether `x1 > x2`.

    Example:
        >>> greater([1, 2], 1)
        tensor([False,  True])
    """
    a, b = comparable(x1, x2)
    return torch.gt(a, b)


@op
def greater_equal(x1: Any, x2: Any) -> Any:
    """Returns whether `x1 >= x2`.

    Example:
        >>> greater_equal([1, 2], 2)
        tensor([False,  True])
    """
    a, b = comparable(x1, x2)
    return torch.ge(a, b)


@op
def less(x1: Any, x2: Any) -> Any:
    """Returns whether `x1 < x2`.

    Example:
        >>> less([1, 2], 2)
        tensor([ True, False])
    """
    a, b = comparable(x1, x2)
    return torch.lt(a, b)


@op
def less_equal(x1: Any, x2: Any) -> Any:
    """Returns whether `x1 <= x2`.

    Example:
        >>> less_equal([1, 2], 1)
        tensor([ True, False])
    """
    a, b = comparable(x1, x2)
    return torch.le(a, b)


@op
def bitwise_and(x: Any, y: Any) -> Any:
    """Returns the bits that both have.

    Example:
        >>> bitwise_and([3], [6])
        tensor([2], dtype=torch.int32)
    """
    a, b = promote(x, y)
    return torch.bitwise_and(a, b)


@op
def bitwise_or(x: Any, y: Any) -> Any:
    """Returns the bits that either has.

    Example:
        >>> bitwise_or([3], [6])
        tensor([7], dtype=torch.int32)
    """
    a, b = promote(x, y)
    return torch.bitwise_or(a, b)


@op
def bitwise_xor(x: Any, y: Any) -> Any:
    """Returns the bits that one of both has.

    Example:
        >>> bitwise_xor([3], [6])
        tensor([5], dtype=torch.int32)
    """
    a, b = promote(x, y)
    return torch.bitwise_xor(a, b)


@op
def left_shift(x: Any, y: Any) -> Any:
    """Returns `x << y`.

    Example:
        >>> left_shift([3], [1])
        tensor([6], dtype=torch.int32)
    """
    a, b = promote(x, y)
    return torch.bitwise_left_shift(a, b)


@op
def right_shift(x: Any, y: Any) -> Any:
    """Returns `x >> y`.

    Example:
        >>> right_shift([6], [1])
        tensor([3], dtype=torch.int32)
    """
    a, b = promote(x, y)
    return torch.bitwise_right_shift(a, b)


bitwise_left_shift = left_shift

bitwise_right_shift = right_shift


def _booleans(x1: Any, x2: Any) -> tuple[torch.Tensor, torch.Tensor]:
    device = device_of(x1, x2)
    a, b = as_tensor(x1, device=device), as_tensor(x2, device=device)
    return a.to(torch.bool), b.to(torch.bool)


@op
def logical_and(x1: Any, x2: Any) -> Any:
    """Returns whether both are true (not zero).

    Example:
        >>> logical_and([True, False], True)
        tensor([ True, False])
    """
    return torch.logical_and(*_booleans(x1, x2))


@op
def logical_or(x1: Any, x2: Any) -> Any:
    """Returns whether either is true (not zero).

    Example:
        >>> logical_or([True, False], False)
        tensor([ True, False])
    """
    return torch.logical_or(*_booleans(x1, x2))


@op
def logical_xor(x1: Any, x2: Any) -> Any:
    """Returns whether exactly one is true (not zero).

    Example:
        >>> logical_xor([True, False], True)
        tensor([False,  True])
    """
    return torch.logical_xor(*_booleans(x1, x2))


@op
def isclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Returns whether values are equal within `atol + rtol * |x2|`.

    Args:
        x1: A tensor.
        x2: A tensor.
        rtol: The relative tolerance.
        atol: The absolute tolerance.
        equal_nan: Whether NaN equals NaN.

    Example:
        >>> isclose([1.0, 2.0], [1.0, 2.1])
        tensor([ True, False])
    """
    a, b = comparable(x1, x2)
    if a.device != b.device:  # a plain number, which torch.isclose wants beside the tensor
        a, b = a.to(device_of(x1, x2)), b.to(device_of(x1, x2))
    if a.dtype == torch.bool:
        return a == b
    return torch.isclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan)


@op
def allclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Returns whether all values are equal within tolerances, as a tensor (see `isclose`).

    Example:
        >>> allclose([1.0], [1.0])
        tensor(True)
    """
    return torch.all(isclose(x1, x2, rtol, atol, equal_nan))
