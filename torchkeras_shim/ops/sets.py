"""Values as a collection: which there are, how many, and which come first."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.symbolic import KerasTensor, op
from torchkeras_shim.ops.promotion import as_float, as_tensor
from torchkeras_shim.ops.reductions import axes_of
from torchkeras_shim.ops.value_dependent import with_spec

__all__ = ["argpartition", "histogram", "unique"]


@op
def argpartition(x: Any, kth: Any, axis: int | None = -1) -> Any:
    """Returns indices that put the `kth` smallest value in its place, smaller ones before it and larger ones after.

    Args:
        x: A tensor.
        kth: The place or places, negative ones counted from the end.
        axis: The axis; `None` flattens the tensor.

    Raises:
        ValueError: If a place the axis has not.

    Example:
        >>> argpartition([3, 1, 2], 1)
        tensor([1, 2, 0], dtype=torch.int32)
    """
    x = as_tensor(x)
    if axis is None:
        x, axis = x.reshape(-1), 0
    for place in kth if isinstance(kth, (list, tuple)) else [kth]:
        if isinstance(place, int) and not -x.shape[axis] <= place < x.shape[axis]:
            raise ValueError(f"kth={place} is out of bounds for an axis of size {x.shape[axis]}.")
    return torch.argsort(x, dim=axis, stable=True).to(torch.int32)  # a full order is a partition at every place


@op
def histogram(x: Any, bins: int = 10, range: tuple[float, float] | None = None) -> Any:
    """Counts the values in intervals of equal width; the last one includes its upper end.

    Args:
        x: A vector.
        bins: The number of intervals.
        range: The lower end of the first and the upper end of the last; smallest and largest value by default.

    Returns:
        `(counts, edges)`, both of a float type.

    Raises:
        TypeError: If `bins` is not an integer.
        ValueError: If the number of bins is negative, the range is empty, or the input is not a vector.

    Example:
        >>> histogram([1.0, 2.0, 2.0, 5.0], bins=2)
        (tensor([3., 1.]), tensor([1., 3., 5.]))
    """
    if isinstance(bins, bool) or not isinstance(bins, int):
        raise TypeError(f"Argument `bins` must be of type `int`. Received: bins={bins!r}")
    if bins < 0:
        raise ValueError(f"Argument `bins` should be a non-negative integer. Received: bins={bins}")
    if range and (not isinstance(range, tuple) or len(range) != 2):
        raise ValueError(f"Argument `range` must be a tuple of two elements. Received: range={range}")
    if range and range[1] < range[0]:
        raise ValueError(f"The second element of `range` must be greater than the first. Received: range={range}")
    x = as_float(x)
    if x.dim() > 1:
        raise ValueError(f"Input tensor must be 1-dimensional. Received: input.shape={tuple(x.shape)}")
    x = x.reshape(-1)
    if range:
        low, high = (torch.full((), float(end), dtype=x.dtype, device=x.device) for end in range)
    elif x.numel():
        low, high = x.amin(), x.amax()
    else:
        low, high = x.new_zeros(()), x.new_ones(())
    same = low == high  # an interval of no width is widened, as in numpy
    low, high = torch.where(same, low - 0.5, low), torch.where(same, high + 0.5, high)
    steps = torch.arange(bins + 1, dtype=x.dtype, device=x.device) / max(bins, 1)
    edges = low + (high - low) * steps
    if bins:
        edges = torch.cat([edges[:-1], high.reshape(1)])
    inside = (x >= low) & (x <= high)
    place = torch.searchsorted(edges[1:-1].contiguous(), x.contiguous(), right=True)
    counts = torch.zeros(bins + 1, dtype=x.dtype, device=x.device)
    place = torch.where(inside, place, torch.full_like(place, bins))  # what lies outside goes into one bin more
    return counts.scatter_add(0, place, torch.ones_like(x))[:bins], edges


def _unique_spec(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    shape = [size] if axis is None else [size if i == axis % len(x.shape) else n for i, n in enumerate(x.shape)]
    inverse = x.shape if axis is None else (x.shape[axis],)
    answer = [KerasTensor(shape, x.dtype)]
    for wanted, one in ((return_index, (size,)), (return_inverse, inverse), (return_counts, (size,))):
        answer += [KerasTensor(one, "int32")] if wanted else []
    return tuple(answer) if len(answer) > 1 else answer[0]


@with_spec(_unique_spec)
def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """Returns every value once.

    Args:
        x: A tensor.
        sorted: Whether the values come in order, not in that of their first occurrence. NaN comes last and equals
            nothing.
        return_index: Whether to return the places of the first occurrences too.
        return_inverse: Whether to return, for every value of `x`, its place among the results.
        return_counts: Whether to return how often each occurs.
        axis: Compares whole slices along this axis; single values of the flattened tensor by default.
        size: The number of results: what is too much is cut, what is missing filled up.
        fill_value: What it is filled with, 0 by default.

    Returns:
        The values, or a tuple of what was asked for, in the order of the arguments.

    Example:
        >>> unique([3, 1, 3])
        tensor([1, 3], dtype=torch.int32)
    """
    x = as_tensor(x)
    shape = x.shape
    values = x.reshape(-1) if axis is None else x
    dim = 0 if axis is None else axes_of(x, axis)[0]
    n = values.shape[dim]
    results, inverse, counts = torch.unique(values, return_inverse=True, return_counts=True, dim=dim)
    first = torch.full_like(counts, n).scatter_reduce(0, inverse, torch.arange(n, device=x.device), "amin")
    if not sorted:
        order = torch.argsort(first)
        results, first, counts = results.index_select(dim, order), first[order], counts[order]
        inverse = torch.argsort(order)[inverse]
    if size is not None:
        results = _fit(results, size, dim, 0 if fill_value is None else fill_value)
        first, counts = _fit(first, size, 0, None), _fit(counts, size, 0, 0)
    answer = [results]
    if return_index:
        answer.append(first.to(torch.int32))
    if return_inverse:
        answer.append(inverse.to(torch.int32).reshape(shape if axis is None else -1))
    if return_counts:
        answer.append(counts.to(torch.int32))
    return tuple(answer) if len(answer) > 1 else results


def _fit(x: torch.Tensor, size: int, dim: int, fill: Any) -> torch.Tensor:
    """Cuts or fills an axis to a size; indices (`fill=None`) are filled with the first of them."""
    have = x.shape[dim]
    if have >= size:
        return x.narrow(dim, 0, size)
    missing = list(x.shape)
    missing[dim] = size - have
    more = x.narrow(dim, 0, 1).expand(missing) if fill is None and have else x.new_full(missing, fill or 0)
    return torch.cat([x, more], dim=dim)
