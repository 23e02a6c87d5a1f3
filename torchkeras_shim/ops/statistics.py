"""Order statistics, and sums that pass over missing values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_float, as_tensor
from torchkeras_shim.ops.reductions import Axis, axes_of, reduce, total

__all__ = ["median", "nanmax", "nanmean", "nanmin", "nansum", "percentile", "quantile"]

_METHODS = ("linear", "lower", "higher", "nearest", "midpoint")


def quantiles(
    x: torch.Tensor,
    q: torch.Tensor,
    axis: Axis,
    method: str,
    keepdims: bool,
    between: Callable[[torch.Tensor, torch.Tensor, str], torch.Tensor],
) -> torch.Tensor:
    """Returns quantiles in the shape that numpy gives them.

    Args:
        x: The values.
        q: The shares.
        axis: The axes to go along.
        method: What to take between two values.
        keepdims: Whether the axes stay.
        between: Returns the quantiles of sorted rows, the shares first.
    """
    if method not in _METHODS:
        raise ValueError(f"Invalid `method`. Expected one of {_METHODS}. Received: method={method!r}")
    axes = axes_of(x, axis)
    kept = [i for i in range(x.dim()) if i not in axes]
    flat = x.permute([*kept, *axes]).reshape([x.shape[i] for i in kept] + [math.prod(x.shape[i] for i in axes)])
    half = flat.dtype in (torch.float16, torch.bfloat16)
    ordered = torch.sort(flat.float() if half else flat, dim=-1).values  # NaN goes last
    # A vector even of one share: indexing with a scalar tensor would read it from the device.
    result = between(ordered, q.to(ordered.dtype).reshape(-1), method)
    shape = [1 if i in axes else n for i, n in enumerate(x.shape) if keepdims or i in kept]
    return result.reshape([*q.shape, *shape]).to(x.dtype)


def neighbours(places: torch.Tensor, method: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Returns the whole places below and above, and how much the upper one counts."""
    low, high = torch.floor(places), torch.ceil(places)
    if method == "nearest":
        low = high = torch.round(places)
    elif method == "lower":
        high = low
    elif method == "higher":
        low = high
    return low, high, torch.full_like(places, 0.5) if method == "midpoint" else places - low


def _between(ordered: torch.Tensor, q: torch.Tensor, method: str) -> torch.Tensor:
    low, high, share = neighbours(q * (ordered.shape[-1] - 1), method)
    last = ordered.shape[-1] - 1  # shares beyond 0 and 1, or NaN, must not lead out of the row
    below, above = (torch.index_select(ordered, -1, place.to(torch.int64).clamp(0, last)) for place in (low, high))
    result = torch.movedim(torch.lerp(below, above, share.expand_as(below)), -1, 0)
    has_nan = torch.isnan(ordered[..., -1])  # numpy answers NaN then
    return torch.where(has_nan, torch.full_like(result, float("nan")), result)


@op
def quantile(x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Any:
    """Returns the values below which given shares of all values lie.

    Args:
        x: A tensor.
        q: Shares between 0 and 1; several of them become the result's first axis.
        axis: The axis or axes, all by default.
        method: `"linear"`, `"lower"`, `"higher"`, `"nearest"` or `"midpoint"`, between two values.
        keepdims: Whether the axes stay with size one.

    Raises:
        ValueError: If the method is anything else.

    Example:
        >>> quantile([1.0, 2.0, 3.0], 0.25)
        tensor(1.5000)
    """
    x = as_float(x)
    return quantiles(x, as_tensor(q, x.dtype, x.device), axis, method, keepdims, _between)


@op
def percentile(x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Any:
    """Returns `quantile(x, q / 100)`.

    Example:
        >>> percentile([1.0, 2.0, 3.0], 25)
        tensor(1.5000)
    """
    x = as_float(x)
    return quantiles(x, as_tensor(q, x.dtype, x.device) / 100, axis, method, keepdims, _between)


@op
def median(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Returns the middle value, or the mean of the two in the middle.

    Example:
        >>> median([1.0, 3.0, 2.0, 10.0])
        tensor(2.5000)
    """
    x = as_float(x)
    return quantiles(x, torch.tensor(0.5, dtype=x.dtype, device=x.device), axis, "linear", keepdims, _between)


def _replaced(x: torch.Tensor, value: float) -> torch.Tensor:
    return torch.where(torch.isnan(x), torch.full_like(x, value), x) if x.is_floating_point() else x


@op
def nansum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Adds up what is not NaN.

    Example:
        >>> nansum([1.0, float("nan")])
        tensor(1.)
    """
    return total(_replaced(as_tensor(x), 0.0), axis, keepdims)


@op
def nanmean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Returns the mean of what is not NaN.

    Example:
        >>> nanmean([1.0, float("nan"), 3.0])
        tensor(2.)
    """
    return reduce(torch.nanmean, as_float(x), axis, keepdims)


def _nan_extreme(function: Any, x: Any, axis: Axis, keepdims: bool, missing: float) -> torch.Tensor:
    x = as_tensor(x)
    result = reduce(function, _replaced(x, missing), axis, keepdims)
    if not x.is_floating_point():
        return result
    nothing = reduce(torch.amin, torch.isnan(x), axis, keepdims)
    return torch.where(nothing, torch.full_like(result, float("nan")), result)


@op
def nanmax(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Returns the largest of what is not NaN.

    Example:
        >>> nanmax([1.0, float("nan")])
        tensor(1.)
    """
    return _nan_extreme(torch.amax, x, axis, keepdims, float("-inf"))


@op
def nanmin(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Returns the smallest of what is not NaN.

    Example:
        >>> nanmin([1.0, float("nan")])
        tensor(1.)
    """
    return _nan_extreme(torch.amin, x, axis, keepdims, float("inf"))
