"""`tf.ragged`: rows of different lengths."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf import arrays
from torchkeras_shim.compat.tf.api import public, tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.shapes import as_sizes
from torchkeras_shim.compat.tf.tensors import convert
from torchkeras_shim.core import row_splits
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.ragged_makers import concatenated
from torchkeras_shim.core.text import StringTensor
from torchkeras_shim.core.values import as_values

public("RaggedTensor")(RaggedTensor)

# Making ---------------------------------------------------------------------------------------------------------------


@tf_op("ragged.constant")
def constant(
    pylist: Any,
    dtype: Any = None,
    ragged_rank: int | None = None,
    inner_shape: Any = None,
    row_splits_dtype: Any = "int64",
) -> Any:
    """Nested lists of different lengths. All but the outermost dimension are ragged, unless other numbers say less.

    Raises:
        ValueError: If scalars are at different depths, or the lists do not fit `inner_shape`.
    """
    depth = _depth(pylist)
    inner = None if inner_shape is None else tuple(as_sizes(inner_shape))
    rank = max(depth - 1 - len(inner or ()), 0) if ragged_rank is None else int(ragged_rank)
    if _is_empty(pylist):
        depth = max(depth, rank + 1)
    if depth == 0 or rank == 0:
        return convert(pylist, dtype)
    if rank >= depth:
        raise ValueError(f"pylist has scalar values depth {depth}, but ragged_rank={rank} requires a greater depth.")
    items, nested = list(pylist), []
    for _ in range(rank):
        nested.append(row_splits.of_lengths([len(one) for one in items]))
        items = [item for one in items for item in one]
    if items:
        values = convert(items, dtype)
    else:
        shape = (0, *(inner if inner is not None else (0,) * (depth - 1 - rank)))
        values = StringTensor(np.empty(shape, dtype=object)) if _is_string(dtype) else _empty(shape, dtype)
    if inner is not None and tuple(values.shape[1:]) != inner:
        raise ValueError(f"pylist's inner lists have shape {tuple(values.shape[1:])}, but inner_shape={inner}.")
    found = RaggedTensor.from_nested_row_splits(values, nested)
    return found if as_dtype(row_splits_dtype) == "int64" else found.with_row_splits_dtype(row_splits_dtype)


def _empty(shape: tuple[int, ...], dtype: Any) -> torch.Tensor:
    return torch.zeros(shape, dtype=torch.float32 if dtype is None else as_dtype(dtype).torch_dtype)


def _is_string(dtype: Any) -> bool:
    return dtype is not None and as_dtype(dtype) == "string"


def _depth(value: Any) -> int:
    """Returns how deep nested lists are; all scalars must be at that depth, and empty lists may end above it."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.ndim
    if not isinstance(value, (list, tuple, np.ndarray)):
        return int(value.ndim) if isinstance(value, (torch.Tensor, StringTensor)) else 0
    depths = [_depth(one) for one in value]
    scalars = {depth for depth, one in zip(depths, value, strict=True) if not _is_empty(one)}
    if len(scalars) > 1:
        raise ValueError("all scalar values must have the same nesting depth")
    deepest = max(depths, default=0)
    if scalars and deepest > max(scalars):
        raise ValueError(f"Invalid pylist={str(value)[:80]}: empty list nesting is greater than scalar value nesting")
    return 1 + deepest


def _is_empty(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(_is_empty(one) for one in value)


@tf_op("ragged.range")
def range_(starts: Any, limits: Any = None, deltas: Any = 1, dtype: Any = None, row_splits_dtype: Any = "int64") -> Any:
    """A range in each row."""
    starts = convert(starts, dtype)
    starts, limits = (torch.zeros_like(starts), starts) if limits is None else (starts, convert(limits, dtype))
    deltas = convert(deltas, dtype)
    bounds = np.broadcast_arrays(*(one.reshape(-1).numpy() for one in (starts, limits, deltas)))
    if (bounds[2] == 0).any():
        raise InvalidArgumentError("Requires delta != 0")
    kind = torch.promote_types(starts.dtype, torch.promote_types(limits.dtype, deltas.dtype))
    rows = [np.arange(*row) for row in zip(*bounds, strict=True)]
    values = torch.from_numpy(np.concatenate(rows)) if rows else torch.zeros(0)
    found = RaggedTensor(values.to(kind), row_splits.of_lengths([len(row) for row in rows]))
    return found if as_dtype(row_splits_dtype) == "int64" else found.with_row_splits_dtype(row_splits_dtype)


@tf_op("ragged.stack")
def stack(values: Sequence[Any], axis: int = 0) -> Any:
    """Tensors of different lengths along a new axis.

    Raises:
        ValueError: If they are of different ranks.
    """
    parts = [convert(one) for one in (values if isinstance(values, (list, tuple)) else [values])]
    ranks = {one.ndim for one in parts}
    if len(ranks) > 1:
        raise ValueError(f"All of the tensors to stack must have one rank. Received: ranks {sorted(ranks)}")
    (rank,) = ranks
    axis = axis % (rank + 1)
    if rank == 0:
        return arrays.stack(parts)
    if axis == 0:
        parts = [one if isinstance(one, RaggedTensor) or rank == 1 else rows_of(one) for one in parts]
        return RaggedTensor(concatenated(parts), row_splits.of_lengths([len(one) for one in parts]))
    return joined([with_axis(one if rank == 1 else rows_of(one), axis) for one in parts], axis)


@tf_op("ragged.boolean_mask")
def boolean_mask(data: Any, mask: Any) -> Any:
    """What a mask keeps of each row; of a mask with less dimensions, whole rows."""
    data, mask = convert(data), convert(mask)
    if not isinstance(mask, RaggedTensor):
        if mask.ndim == 1:
            return data[mask]
        mask = RaggedTensor.from_tensor(mask, ragged_rank=mask.ndim - 1)
    rows = rows_of(data)
    if not torch.equal(rows.row_splits.long(), mask.row_splits.long()):
        raise InvalidArgumentError(
            "The rows of `data` and `mask` must be of the same lengths. Received: "
            f"{rows.row_lengths().tolist()[:8]} and {mask.row_lengths().tolist()[:8]}"
        )
    if isinstance(mask.values, RaggedTensor):
        return RaggedTensor(boolean_mask(rows.values, mask.values), rows.row_splits)
    kept = mask.values
    lengths = torch.zeros(len(rows), dtype=torch.int64).index_add(0, mask.value_rowids().long(), kept.long())
    values = rows.values[kept]
    return RaggedTensor(values, row_splits.of_lengths(lengths))


@tf_op("ragged.row_splits_to_segment_ids")
def row_splits_to_segment_ids(splits: Any, out_type: Any = None) -> Any:
    """The row of each value."""
    places = row_splits.as_splits(convert(splits) if hasattr(splits, "dtype") else splits)
    ids = torch.repeat_interleave(torch.arange(len(places) - 1, dtype=places.dtype), places.diff())
    return ids if out_type is None else ids.to(as_dtype(out_type).torch_dtype)


@tf_op("ragged.segment_ids_to_row_splits")
def segment_ids_to_row_splits(segment_ids: Any, num_segments: Any = None, out_type: Any = None) -> Any:
    """Where the rows begin and end whose numbers are given for each value."""
    places = row_splits.of_rowids(segment_ids, num_segments)
    return places if out_type is None else places.to(as_dtype(out_type).torch_dtype)


@tf_op("ragged.stack_dynamic_partitions")
def stack_dynamic_partitions(data: Any, partitions: Any, num_partitions: Any) -> Any:
    """The values of each partition as a row."""
    data, partitions = convert(data), convert(partitions)
    order = torch.argsort(partitions.reshape(-1), stable=True)
    flat = data.reshape(-1, *data.shape[partitions.ndim :])[order]
    return RaggedTensor(flat, row_splits.of_rowids(partitions.reshape(-1)[order], int(num_partitions)))


@tf_op("ragged.cross")
def cross(inputs: Sequence[Any]) -> Any:
    """The feature cross of rows: all ways to take one of each, as texts joined by `_X_`."""
    rows = [rows_of(convert(one)).to_list() for one in inputs]
    crossed = []
    for parts in zip(*rows, strict=True):
        words = [[one if isinstance(one, bytes) else str(one).encode() for one in row] for row in parts]
        crossed.append([b"_X_".join(one) for one in itertools.product(*words)])
    return RaggedTensor.from_rows(crossed, dtype="string")


def rows_of(value: Any) -> Any:
    """Returns a tensor as a ragged one."""
    return value if isinstance(value, RaggedTensor) else RaggedTensor.from_tensor(as_values(value))


def joined(parts: list[Any], axis: int) -> Any:
    """Returns tensors, some of them ragged, one after the other along an axis."""
    if axis == 0:
        deepest = max(getattr(one, "ragged_rank", 0) for one in parts)
        return concatenated([_as_deep(one, deepest) for one in parts])
    rows = [rows_of(one) for one in parts]
    if len({len(one) for one in rows}) > 1:
        raise InvalidArgumentError(f"The inputs must have as many rows. Received: {[len(one) for one in rows]}")
    if axis > 1:
        return rows[0].with_values(joined([one.values for one in rows], axis - 1))
    count, number = len(rows), len(rows[0])
    every = joined(rows, 0)
    order = torch.arange(count * number).reshape(count, number).T.reshape(-1)
    mixed = every[order]
    return RaggedTensor(mixed.values, mixed.row_splits[::count])


def _as_deep(value: Any, rank: int) -> Any:
    """Returns a tensor with at least so many ragged dimensions."""
    if rank == 0 or getattr(value, "ragged_rank", 0) == rank:
        return value
    rows = rows_of(value)
    return rows.with_values(_as_deep(rows.values, rank - 1))


def with_axis(value: Any, axis: int) -> Any:
    """Returns a tensor with a new axis of size 1."""
    if not isinstance(value, RaggedTensor):
        return arrays.expand_dims(value, axis)
    if axis == 0:
        return RaggedTensor.from_uniform_row_length(value, len(value), 1)
    if axis == 1:
        return RaggedTensor.from_uniform_row_length(value, 1, len(value))
    return value.with_values(with_axis(value.values, axis - 1))
