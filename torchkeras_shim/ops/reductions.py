"""Functions that summarise along axes: sums and products, means, counts, norms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim.core import dtypes
from torchkeras_shim.core.errors import AxisError
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_float, as_tensor, promote

__all__ = [
    "all",
    "any",
    "average",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "logsumexp",
    "mean",
    "norm",
    "prod",
    "std",
    "sum",
    "var",
]

Axis = int | Sequence[int] | None


def axes_of(x: torch.Tensor, axis: Axis) -> list[int]:
    """Returns the list of axes that an `axis` argument names; `None` means all.

    Raises:
        ValueError: If the tensor has no such axis.
    """
    if axis is None:
        return list(range(x.dim()))
    axes = [axis] if isinstance(axis, int) else list(axis)
    for one in axes:
        if not -x.dim() <= one < max(x.dim(), 1):
            raise AxisError(
                f"axis {one} is out of bounds for an array with dimension {x.dim()}. Received: shape={tuple(x.shape)}"
            )
    return [one % x.dim() if x.dim() else 0 for one in axes]


def reduce(
    function: Callable[..., torch.Tensor], x: torch.Tensor, axis: Axis, keepdims: bool, **options: Any
) -> torch.Tensor:
    """Returns what a function of torch makes of a tensor along axes, as numpy reads `axis`."""
    axes = axes_of(x, axis)
    if not axes and x.dim():  # axis=(): nothing is reduced, where torch would reduce everything
        return function(x.unsqueeze(0), dim=[0], keepdim=False, **options)
    return function(x, dim=axes, keepdim=keepdims, **options)


def _widened(x: torch.Tensor) -> torch.dtype:
    """The type of a sum: narrow integers and booleans add up in 32 bits."""
    if x.dtype in (torch.bool, torch.int8, torch.int16):
        return torch.int32
    return torch.uint32 if x.dtype in (torch.uint8, torch.uint16) else x.dtype


def total(x: torch.Tensor, axis: Axis, keepdims: bool) -> torch.Tensor:
    """Returns the sum along axes, in the type of a sum."""
    target = _widened(x)
    if target == torch.uint32:  # torch has next to no arithmetic for it
        return reduce(torch.sum, x.to(torch.int64), axis, keepdims).to(target)
    return reduce(torch.sum, x, axis, keepdims, dtype=target)


@op
def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Adds up along axes.

    Args:
        x: A tensor.
        axis: The axis or axes, all by default.
        keepdims: Whether they stay with size one.

    Example:
        >>> sum([[1.0, 2.0], [3.0, 4.0]], axis=0)
        tensor([4., 6.])
    """
    return total(as_tensor(x), axis, keepdims)


@op
def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Returns the mean along axes; integers give floats.

    Args:
        x: A tensor.
        axis: The axis or axes, all by default.
        keepdims: Whether they stay with size one.

    Example:
        >>> mean([1, 2])
        tensor(1.5000)
    """
    return reduce(torch.mean, as_float(x), axis, keepdims)


@op
def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Returns the (biased) variance along axes.

    Args:
        x: A tensor.
        axis: The axis or axes, all by default.
        keepdims: Whether they stay with size one.

    Example:
        >>> var([1.0, 3.0])
        tensor(1.)
    """
    return reduce(torch.var, as_float(x), axis, keepdims, correction=0)


@op
def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Returns the (biased) standard deviation along axes.

    Args:
        x: A tensor.
        axis: The axis or axes, all by default.
        keepdims: Whether they stay with size one.

    Example:
        >>> std([1.0, 3.0])
        tensor(1.)
    """
    return reduce(torch.std, as_float(x), axis, keepdims, correction=0)


@op
def prod(x: Any, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """Multiplies along axes.

    Args:
        x: A tensor.
        axis: The axis or axes, all by default.
        keepdims: Whether they stay with size one.
        dtype: The type of the result.

    Example:
        >>> prod([2.0, 3.0])
        tensor(6.)
    """
    x = as_tensor(x)
    target = _widened(x) if dtype is None else dtypes.to_torch_dtype(dtype)
    if target == torch.uint32:
        x = x.to(torch.int64)
    for one in sorted(axes_of(x, axis), reverse=True):
        if x.dim():
            x = torch.prod(x, dim=one, keepdim=keepdims, dtype=x.dtype if x.dtype == torch.int64 else target)
    return x.to(target)


@op
def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Returns whether all values along axes are true (not zero).

    Example:
        >>> all([True, False])
        tensor(False)
    """
    x = as_tensor(x).to(torch.bool)
    return reduce(torch.amin, x, axis, keepdims) if x.numel() else reduce(torch.sum, ~x, axis, keepdims) == 0


@op
def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Returns whether any value along axes is true (not zero).

    Example:
        >>> any([True, False])
        tensor(True)
    """
    x = as_tensor(x).to(torch.bool)
    return reduce(torch.amax, x, axis, keepdims) if x.numel() else reduce(torch.sum, x, axis, keepdims) > 0


@op
def count_nonzero(x: Any, axis: Axis = None) -> Any:
    """Counts the values along axes that are not zero.

    Example:
        >>> count_nonzero([1, 0, 2])
        tensor(2, dtype=torch.int32)
    """
    return reduce(torch.sum, as_tensor(x) != 0, axis, False, dtype=torch.int32)


@op
def average(x: Any, axis: Axis = None, weights: Any = None) -> Any:
    """Returns the weighted mean along an axis.

    Args:
        x: A tensor.
        axis: The axis, all by default.
        weights: Weights of the tensor's shape, or one per place along `axis`.

    Raises:
        ValueError: If the weights fit neither.

    Example:
        >>> average([1.0, 4.0], weights=[2.0, 1.0])
        tensor(2.)
    """
    if weights is None:
        return reduce(torch.mean, as_float(x), axis, False)
    x, weights = promote(as_tensor(x), weights, floating=True)
    if weights.shape != x.shape:
        if not isinstance(axis, int) or weights.dim() != 1 or weights.shape[0] != x.shape[axis]:
            raise ValueError(
                "`weights` must have the shape of `x`, or one value per place along the one `axis`. "
                f"Received: x.shape={tuple(x.shape)}, weights.shape={tuple(weights.shape)}, axis={axis}"
            )
        along = [1] * x.dim()
        along[axis] = -1
        weights = weights.reshape(along).expand(x.shape)
    return reduce(torch.sum, x * weights, axis, False) / reduce(torch.sum, weights, axis, False)


@op
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Returns the running sums along an axis.

    Args:
        x: A tensor.
        axis: The axis; by default the tensor is flattened.
        dtype: The type of the result.

    Example:
        >>> cumsum([1.0, 2.0, 3.0])
        tensor([1., 3., 6.])
    """
    return _cumulate(torch.cumsum, x, axis, dtype)


@op
def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Returns the running products along an axis.

    Args:
        x: A tensor.
        axis: The axis; by default the tensor is flattened.
        dtype: The type of the result.

    Example:
        >>> cumprod([1.0, 2.0, 3.0])
        tensor([1., 2., 6.])
    """
    return _cumulate(torch.cumprod, x, axis, dtype)


def _cumulate(function: Callable[..., torch.Tensor], x: Any, axis: int | None, dtype: Any) -> torch.Tensor:
    x = as_tensor(x)
    if dtype is not None:
        target = dtypes.to_torch_dtype(dtype)
    else:
        target = torch.int32 if x.dtype == torch.bool else x.dtype
    return function(x.reshape(-1) if axis is None else x, dim=0 if axis is None else axis, dtype=target)


@op
def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Returns `log(sum(exp(x)))` along axes, without overflow.

    Example:
        >>> logsumexp([0.0, 0.0])
        tensor(0.6931)
    """
    return reduce(torch.logsumexp, as_float(x), axis, keepdims)


@op
def norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Any:
    """Returns the norm of vectors or matrices.

    Args:
        x: A tensor.
        ord: The order, as in `numpy.linalg.norm`: a number, `"fro"`, `"nuc"`; 2 for vectors by default.
        axis: One axis for vectors, two for matrices; all values together by default.
        keepdims: Whether they stay with size one.

    Raises:
        ValueError: If vectors or matrices have no norm of that order, or the axes are neither.

    Example:
        >>> norm([3.0, 4.0])
        tensor(5.)
    """
    x = as_float(x)
    if ord is None:
        return reduce(torch.linalg.vector_norm, x, axis, keepdims)
    axes = axes_of(x, axis)
    if ord not in ("fro", "nuc") and isinstance(ord, str):
        raise ValueError(f"`ord` must be a number, 'fro', 'nuc' or None. Received: ord={ord!r}")
    if len(axes) == 1 and isinstance(ord, str):
        raise ValueError(
            f"Invalid `ord` argument for vectors: '{ord}' is a norm of matrices. Name two axes, or write `ord=2`. "
            f"Received: axis={axis}, x.shape={tuple(x.shape)}"
        )
    if len(axes) == 1:
        return torch.linalg.vector_norm(x, ord, dim=axes, keepdim=keepdims)
    if len(axes) == 2:
        return torch.linalg.matrix_norm(x, ord, dim=axes, keepdim=keepdims)
    raise ValueError(f"`ord` needs vectors or matrices, so one or two axes. Received: axis={axis}, x.dim()={x.dim()}")
