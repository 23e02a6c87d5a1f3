"""Statistics that pass over missing values (NaN)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops import extremes, reductions
from torchkeras_shim.ops.promotion import as_float, as_tensor
from torchkeras_shim.ops.reductions import Axis, reduce
from torchkeras_shim.ops.statistics import _replaced, neighbours, quantiles

__all__ = [
    "nanargmax",
    "nanargmin",
    "nancumprod",
    "nancumsum",
    "nanmedian",
    "nanpercentile",
    "nanprod",
    "nanquantile",
    "nanstd",
    "nanvar",
]


def _nan_arg(function: Callable[..., Any], x: Any, axis: int | None, keepdims: bool, missing: float) -> torch.Tensor:
    x = as_tensor(x)
    index: torch.Tensor = function(_replaced(x, missing), axis, keepdims)
    if not x.is_floating_point():
        return index
    nothing = reduce(torch.amin, torch.isnan(x), axis, keepdims)
    return torch.where(nothing, torch.full_like(index, -1), index)


@op
def nanargmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Returns the index of the largest of what is not NaN, -1 where everything is.

    Args:
        x: A tensor.
        axis: The axis; by default the index counts through the flattened tensor.
        keepdims: Whether the axis stays with size one.

    Example:
        >>> nanargmax([1.0, float("nan"), 3.0])
        tensor(2, dtype=torch.int32)
    """
    return _nan_arg(extremes.argmax, x, axis, keepdims, float("-inf"))


@op
def nanargmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Returns the index of the smallest of what is not NaN, -1 where everything is.

    Args:
        x: A tensor.
        axis: The axis; by default the index counts through the flattened tensor.
        keepdims: Whether the axis stays with size one.

    Example:
        >>> nanargmin([float("nan"), 3.0, 1.0])
        tensor(2, dtype=torch.int32)
    """
    return _nan_arg(extremes.argmin, x, axis, keepdims, float("inf"))


@op
def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Returns running sums in which NaN counts as zero.

    Args:
        x: A tensor.
        axis: The axis; by default the tensor is flattened.
        dtype: The type of the result.

    Example:
        >>> nancumsum([1.0, float("nan"), 2.0])
        tensor([1., 1., 3.])
    """
    return reductions.cumsum(_replaced(as_tensor(x), 0.0), axis, dtype)


@op
def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Returns running products in which NaN counts as one.

    Args:
        x: A tensor.
        axis: The axis; by default the tensor is flattened.
        dtype: The type of the result.

    Example:
        >>> nancumprod([3.0, float("nan"), 2.0])
        tensor([3., 3., 6.])
    """
    return reductions.cumprod(_replaced(as_tensor(x), 1.0), axis, dtype)


@op
def nanprod(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Multiplies what is not NaN.

    Example:
        >>> nanprod([3.0, float("nan"), 2.0])
        tensor(6.)
    """
    return reductions.prod(_replaced(as_tensor(x), 1.0), axis, keepdims)


@op
def nanvar(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Returns the (biased) variance of what is not NaN.

    Example:
        >>> nanvar([1.0, float("nan"), 3.0])
        tensor(1.)
    """
    x = as_float(x)
    missing = torch.isnan(x)
    # Zeros where values are missing: a square of NaN would let no gradient through, not even a zero one.
    away = torch.where(missing, torch.zeros_like(x), x - reduce(torch.nanmean, x, axis, True))
    count = reduce(torch.sum, ~missing, axis, keepdims)
    return reduce(torch.sum, away.square(), axis, keepdims) / count


@op
def nanstd(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Returns the (biased) standard deviation of what is not NaN.

    Example:
        >>> nanstd([1.0, float("nan"), 3.0])
        tensor(1.)
    """
    return torch.sqrt(nanvar(x, axis, keepdims))


def _between(ordered: torch.Tensor, q: torch.Tensor, method: str) -> torch.Tensor:
    count = (~torch.isnan(ordered)).sum(dim=-1, keepdim=True)
    low, high, share = neighbours(q * (count - 1).clamp(min=0).to(ordered.dtype), method)
    last = ordered.shape[-1] - 1
    below, above = (ordered.gather(-1, place.to(torch.int64).clamp(0, last)) for place in (low, high))
    return torch.movedim(torch.lerp(below, above, share), -1, 0)


@op
def nanquantile(x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Any:
    """Returns the values below which given shares of what is not NaN lie.

    Args:
        x: A tensor.
        q: Shares between 0 and 1; several of them become the result's first axis.
        axis: The axis or axes, all by default.
        method: `"linear"`, `"lower"`, `"higher"`, `"nearest"` or `"midpoint"`, between two values.
        keepdims: Whether the axes stay with size one.

    Raises:
        ValueError: If the method is anything else.

    Example:
        >>> nanquantile([1.0, 2.0, float("nan"), 3.0], 0.25)
        tensor(1.5000)
    """
    x = as_float(x)
    return quantiles(x, as_tensor(q, x.dtype, x.device), axis, method, keepdims, _between)


@op
def nanpercentile(x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Any:
    """Returns `nanquantile(x, q / 100)`.

    Example:
        >>> nanpercentile([1.0, 2.0, float("nan"), 3.0], 25)
        tensor(1.5000)
    """
    x = as_float(x)
    return quantiles(x, as_tensor(q, x.dtype, x.device) / 100, axis, method, keepdims, _between)


@op
def nanmedian(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Returns the middle of what is not NaN, or the mean of the two in the middle.

    Example:
        >>> nanmedian([1.0, 3.0, 2.0, float("nan"), 10.0])
        tensor(2.5000)
    """
    x = as_float(x)
    return quantiles(x, torch.full((), 0.5, dtype=x.dtype, device=x.device), axis, "linear", keepdims, _between)
