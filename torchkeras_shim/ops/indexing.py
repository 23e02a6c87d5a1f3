"""Functions that choose values: by condition, by place, by order."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core.symbolic import KerasTensor, infer, op
from torchkeras_shim.ops.promotion import as_float, as_tensor, device_of, promote, result_type
from torchkeras_shim.ops.reductions import axes_of
from torchkeras_shim.ops.value_dependent import with_spec

__all__ = [
    "argsort",
    "bincount",
    "digitize",
    "get_item",
    "in_top_k",
    "isin",
    "nonzero",
    "searchsorted",
    "select",
    "sort",
    "take",
    "take_along_axis",
    "top_k",
    "unravel_index",
    "where",
]

TopK = collections.namedtuple("TopK", ["values", "indices"])


def _where_spec(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    if x1 is None and x2 is None:
        return _nonzero_spec(condition)
    return infer(_choose, (condition, x1, x2), {})


@with_spec(_where_spec)
def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """Returns `x1` where a condition holds, `x2` elsewhere.

    Args:
        condition: A tensor; not zero is true.
        x1: A tensor or number; without it and `x2`, the places are returned where the condition holds.
        x2: A tensor or number.

    Raises:
        ValueError: If only one of `x1` and `x2` is given.

    Example:
        >>> where([True, False], 1.0, 0.0)
        tensor([1., 0.])
    """
    if (x1 is None) != (x2 is None):
        raise ValueError("`x1` and `x2` either both should be `None` or both should have non-None value.")
    if x1 is None:
        return nonzero(condition)
    return _choose(condition, x1, x2)


def _choose(condition: Any, x1: Any, x2: Any) -> torch.Tensor:
    device = device_of(condition, x1, x2)
    condition = as_tensor(condition, device=device).to(torch.bool)
    if not isinstance(x1, torch.Tensor) and not isinstance(x2, torch.Tensor):
        x1, x2 = (as_tensor(x, device=device) if isinstance(x, (list, tuple)) else x for x in (x1, x2))
    a, b = promote(x1, x2)
    if a.device != device and a.dim() == 0 and b.dim() == 0:
        a, b = a.to(device), b.to(device)
    return torch.where(condition, a, b)


@op
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """Returns the choice of the first condition that holds, else the default.

    Args:
        condlist: The conditions.
        choicelist: As many choices.
        default: What is returned where none holds.

    Raises:
        ValueError: If there are no conditions, or not as many choices.

    Example:
        >>> select([[True, False], [True, True]], [[1, 2], [3, 4]])
        tensor([1, 4], dtype=torch.int32)
    """
    if len(condlist) != len(choicelist):
        raise ValueError(
            f"condlist and choicelist must have the same length. Received: {len(condlist)} and {len(choicelist)}"
        )
    if not condlist:
        raise ValueError("condlist and choicelist must not be empty. Received: condlist=[], choicelist=[]")
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = where(condition, choice, result)
    return result


def _nonzero_spec(x: Any) -> Any:
    return tuple(KerasTensor((None,), "int32") for _ in x.shape)


@with_spec(_nonzero_spec)
def nonzero(x: Any) -> Any:
    """Returns the places where values are not zero, one tensor of indices per axis.

    Example:
        >>> nonzero([1, 0, 2])
        (tensor([0, 2], dtype=torch.int32),)
    """
    return tuple(index.to(torch.int32) for index in torch.nonzero(as_tensor(x), as_tuple=True))


@op
def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Returns the values at some places along an axis.

    Args:
        x: A tensor.
        indices: Integers of any shape; negative ones count from the end.
        axis: The axis; by default the tensor is flattened.

    Example:
        >>> take([1.0, 2.0, 3.0], [0, -1])
        tensor([1., 3.])
    """
    x = as_tensor(x)
    indices = as_tensor(indices, device=x.device).to(torch.int64)
    if axis is None:
        return x.reshape(-1)[indices]
    return x[(slice(None),) * axes_of(x, axis)[0] + (indices,)]


@op
def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Returns, for each place of `indices`, the value that it names along an axis.

    Args:
        x: A tensor.
        indices: Integers, with as many axes as `x`; negative ones count from the end.
        axis: The axis; by default the tensor is flattened.

    Example:
        >>> take_along_axis([[1, 2], [3, 4]], [[1], [0]], axis=1)
        tensor([[2],
                [3]], dtype=torch.int32)
    """
    x = as_tensor(x)
    indices = as_tensor(indices, device=x.device).to(torch.int64)
    if axis is None:
        x, indices, axis = x.reshape(-1), indices.reshape(-1), 0
    indices = torch.where(indices < 0, indices + x.shape[axis], indices)
    return torch.take_along_dim(x, indices, dim=axis)


@op
def get_item(x: Any, key: Any) -> Any:
    """Returns `x[key]`; slices may go backwards.

    Example:
        >>> get_item([1, 2, 3], slice(None, None, -1))
        tensor([3, 2, 1], dtype=torch.int32)
    """
    x = as_tensor(x)
    keys = key if isinstance(key, tuple) else (key,)
    if not any(isinstance(one, slice) and (one.step or 1) < 0 for one in keys):
        return x[key]
    forward, flipped = _forward(keys, x.shape)
    return torch.flip(x[forward], flipped)


def _forward(keys: tuple[Any, ...], shape: Sequence[int]) -> tuple[tuple[Any, ...], list[int]]:
    """Returns an index whose slices go forwards, and the axes of the result to turn around; torch has no other way."""
    found: list[Any] = []
    flipped: list[int] = []
    axis = made = 0
    for one in keys:
        if one is Ellipsis:
            skipped = len(shape) - sum(key is not None and key is not Ellipsis for key in keys)
            axis, made = axis + skipped, made + skipped
        elif isinstance(one, slice):
            places = range(*one.indices(shape[axis]))
            if places.step < 0:
                one = slice(places[-1], places[0] + 1, -places.step) if len(places) else slice(0, 0)
                flipped.append(made)
            axis, made = axis + 1, made + 1
        elif one is None:
            made += 1
        elif isinstance(one, int):
            axis += 1
        else:
            raise ValueError(
                "A slice that goes backwards can stand beside integers, `None` and slices only. "
                f"Received: {keys}. Take `keras.ops.flip(x, axis)` first."
            )
        found.append(one)
    return tuple(found), flipped


@op
def sort(x: Any, axis: int | None = -1) -> Any:
    """Sorts along an axis, smallest first.

    Example:
        >>> sort([3, 1, 2])
        tensor([1, 2, 3], dtype=torch.int32)
    """
    x = as_tensor(x)
    return torch.sort(x.reshape(-1) if axis is None else x, dim=-1 if axis is None else axis, stable=True).values


@op
def argsort(x: Any, axis: int | None = -1) -> Any:
    """Returns the places of the values in sorted order.

    Example:
        >>> argsort([3, 1, 2])
        tensor([1, 2, 0], dtype=torch.int32)
    """
    x = as_tensor(x)
    values = x.reshape(-1) if axis is None else x
    return torch.argsort(values, dim=-1 if axis is None else axis, stable=True).to(torch.int32)


@op
def top_k(x: Any, k: int, sorted: bool = True) -> Any:
    """Returns the `k` largest values along the last axis and their places.

    Args:
        x: A tensor.
        k: How many.
        sorted: Whether the largest comes first.

    Returns:
        A named tuple `(values, indices)`.

    Example:
        >>> top_k([1.0, 3.0, 2.0], 2).indices
        tensor([1, 2], dtype=torch.int32)
    """
    values, indices = torch.topk(as_tensor(x), k, sorted=sorted)
    return TopK(values, indices.to(torch.int32))


@op
def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Returns whether each target is among the `k` highest predictions of its row; ties count as inside.

    Args:
        targets: Class indices `(batch,)`.
        predictions: Scores `(batch, classes)`.
        k: How many count.

    Example:
        >>> in_top_k([1], [[0.1, 0.5, 0.4]], k=1)
        tensor([True])
    """
    predictions = as_float(predictions)
    targets = as_tensor(targets, device=predictions.device).to(torch.int64)
    valid = (targets >= 0) & (targets < predictions.shape[-1])
    score = predictions.gather(-1, torch.where(valid, targets, 0).unsqueeze(-1))
    higher = (predictions > score).sum(dim=-1)
    return valid & (higher < k) & torch.isfinite(score.squeeze(-1))


@op
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Any:
    """Returns where values would have to be inserted into a sorted vector.

    Args:
        sorted_sequence: A sorted vector.
        values: The values.
        side: `"left"` or `"right"` of equal ones.

    Raises:
        ValueError: If the sequence is not a vector, or the side is another one.

    Example:
        >>> searchsorted([1.0, 2.0, 3.0], [2.0])
        tensor([1], dtype=torch.int32)
    """
    if side not in ("left", "right"):
        raise ValueError(f"`side` must be 'left' or 'right'. Received: side={side!r}")
    sequence, values = promote(as_tensor(sorted_sequence, device=device_of(sorted_sequence, values)), values)
    if sequence.dim() != 1:
        raise ValueError(f"`sorted_sequence` must be a vector. Received: shape={tuple(sequence.shape)}")
    values = values.to(sequence.device)
    return torch.searchsorted(sequence, values.contiguous(), right=side == "right", out_int32=True)


@op
def digitize(x: Any, bins: Any) -> Any:
    """Returns the number of the bin that each value falls into.

    Args:
        x: A tensor.
        bins: The sorted boundaries; a value equal to one belongs to the bin above.

    Example:
        >>> digitize([0.5, 1.0], [0.0, 1.0])
        tensor([1, 2], dtype=torch.int32)
    """
    x = as_tensor(x)
    x, bins = promote(x, as_tensor(bins, device=x.device))
    return torch.bucketize(x.contiguous(), bins, right=True, out_int32=True)


def _bincount_spec(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    kind = "int32" if weights is None else result_type(weights.dtype, x.dtype)
    return KerasTensor((*x.shape[:-1], None), kind)


@with_spec(_bincount_spec)
def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    """Counts how often each integer occurs.

    Args:
        x: Integers from zero on, one vector or a batch `(batch, n)` of them.
        weights: What each counts for, one by default.
        minlength: The least length of the result.
        sparse: Only `False`: there are no sparse tensors here.

    Raises:
        ValueError: If `sparse=True`, or there are more than two dimensions.

    Example:
        >>> bincount([0, 2, 2])
        tensor([1, 0, 2], dtype=torch.int32)
    """
    if sparse:
        raise ValueError("Sparse tensors are not supported. Received: sparse=True")
    x = as_tensor(x)
    if x.dim() not in (1, 2):
        raise ValueError(f"`bincount` takes one vector or a batch of them. Received: x.shape={tuple(x.shape)}")
    if weights is None:
        amounts = torch.ones_like(x, dtype=torch.int32)
    else:
        amounts = promote(as_tensor(weights, device=x.device), torch.zeros_like(x))[0]
    places = x.to(torch.int64)
    length = max(minlength, int(places.max()) + 1 if places.numel() else 0)
    counts = torch.zeros(*x.shape[:-1], length, dtype=amounts.dtype, device=x.device)
    return counts.scatter_add(-1, places, amounts)


@op
def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    """Returns whether values occur among others.

    Args:
        x1: The values.
        x2: The others.
        assume_unique: A promise that no value occurs twice.
        invert: Whether to return the opposite.

    Example:
        >>> isin([1, 2], [2, 3])
        tensor([False,  True])
    """
    device = device_of(x1, x2)
    a, b = promote(as_tensor(x1, device=device), as_tensor(x2, device=device))
    return torch.isin(a, b, assume_unique=assume_unique, invert=invert)


@op
def unravel_index(indices: Any, shape: Sequence[int]) -> Any:
    """Returns the index per axis of places in a flattened tensor.

    Args:
        indices: The places; negative ones count from the end.
        shape: The tensor's shape.

    Example:
        >>> unravel_index([3], (2, 2))
        (tensor([1], dtype=torch.int32), tensor([1], dtype=torch.int32))
    """
    indices = as_tensor(indices)
    rest, result = indices, []
    for size in reversed(tuple(shape)):
        result.append(torch.remainder(rest, size))
        rest = torch.div(rest, size, rounding_mode="floor")
    return tuple(reversed(result))
