"""The largest and the smallest values along axes, and where they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_tensor, promote
from torchkeras_shim.ops.reductions import Axis, axes_of, reduce

__all__ = [
    "amax",
    "amin",
    "argmax",
    "argmin",
    "max",
    "min",
    "ptp",
]


#: The types that torch does not compare. They fit into another one.
_UNORDERED = (torch.uint16, torch.uint32)


def _ends(function: Callable[..., torch.Tensor], x: torch.Tensor, axis: Axis, keepdims: bool) -> torch.Tensor:
    if x.dtype in _UNORDERED:
        return reduce(function, x.to(torch.int64), axis, keepdims).to(x.dtype)
    return reduce(function, x, axis, keepdims)


def _extreme(function: Any, pairwise: Any, x: Any, axis: Axis, keepdims: bool, initial: Any) -> torch.Tensor:
    x = as_tensor(x)
    axes = axes_of(x, axis)
    if initial is not None and any(x.shape[one] == 0 for one in axes):
        shape = [1 if i in axes else n for i, n in enumerate(x.shape) if keepdims or i not in axes]
        return torch.full(shape, initial, dtype=x.dtype, device=x.device)
    result = _ends(function, x, axis, keepdims)
    if initial is None:
        return result
    if isinstance(initial, float) and not initial.is_integer() and not result.is_floating_point():
        raise TypeError(f"Cannot compare integers of type {result.dtype} with initial={initial}. Cast them first.")
    bounded: torch.Tensor = pairwise(*promote(result, as_tensor(initial, result.dtype, result.device)))
    return bounded


@op
def max(x: Any, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Any:
    """Returns the largest value along axes.

    Args:
        x: A tensor.
        axis: The axis or axes, all by default.
        keepdims: Whether they stay with size one.
        initial: The least that is returned; also the result for no values at all.

    Example:
        >>> max([1.0, 3.0])
        tensor(3.)
    """
    return _extreme(torch.amax, torch.maximum, x, axis, keepdims, initial)


@op
def min(x: Any, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Any:
    """Returns the smallest value along axes.

    Args:
        x: A tensor.
        axis: The axis or axes, all by default.
        keepdims: Whether they stay with size one.
        initial: The most that is returned; also the result for no values at all.

    Example:
        >>> min([1.0, 3.0])
        tensor(1.)
    """
    return _extreme(torch.amin, torch.minimum, x, axis, keepdims, initial)


@op
def amax(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Returns the largest value along axes.

    Example:
        >>> amax([1.0, 3.0])
        tensor(3.)
    """
    return _ends(torch.amax, as_tensor(x), axis, keepdims)


@op
def amin(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Returns the smallest value along axes.

    Example:
        >>> amin([1.0, 3.0])
        tensor(1.)
    """
    return _ends(torch.amin, as_tensor(x), axis, keepdims)


@op
def ptp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Returns the distance from the smallest to the largest value along axes.

    Example:
        >>> ptp([1.0, 5.0])
        tensor(4.)
    """
    x = as_tensor(x)
    return reduce(torch.amax, x, axis, keepdims) - reduce(torch.amin, x, axis, keepdims)


def _arg(function: Callable[..., torch.Tensor], x: Any, axis: int | None, keepdims: bool) -> torch.Tensor:
    x = as_tensor(x)
    if x.dtype == torch.bool:
        x = x.to(torch.uint8)
    elif x.dtype in _UNORDERED:
        x = x.to(torch.int64)
    if axis is None:
        index = function(x.reshape(-1), dim=0)
        return (index.reshape([1] * x.dim()) if keepdims else index).to(torch.int32)
    return function(x, dim=axis, keepdim=keepdims).to(torch.int32)


@op
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Returns the index of the largest value along an axis, the first of several.

    Args:
        x: A tensor.
        axis: The axis; by default the index counts through the flattened tensor.
        keepdims: Whether the axis stays with size one.

    Example:
        >>> argmax([1.0, 3.0, 2.0])
        tensor(1, dtype=torch.int32)
    """
    return _arg(torch.argmax, x, axis, keepdims)


@op
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Returns the index of the smallest value along an axis, the first of several.

    Args:
        x: A tensor.
        axis: The axis; by default the index counts through the flattened tensor.
        keepdims: Whether the axis stays with size one.

    Example:
        >>> argmin([2.0, 1.0])
        tensor(1, dtype=torch.int32)
    """
    return _arg(torch.argmin, x, axis, keepdims)
