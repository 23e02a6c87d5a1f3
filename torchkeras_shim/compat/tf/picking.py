"""Taking elements out of tensors by their place or value, and putting them in."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf.api import tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.shapes import as_sizes
from torchkeras_shim.compat.tf.tensors import like, together
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.text import StringTensor


@tf_op("gather")
def gather(params: Any, indices: Any, validate_indices: Any = None, axis: Any = None, batch_dims: int = 0) -> Any:
    """The slices of `params` along an axis at `indices`.

    Raises:
        InvalidArgumentError: If an index is negative or too large (seen on the CPU).
    """
    x = like(params)
    index = like(indices)
    if isinstance(x, StringTensor):
        return StringTensor(np.take(x.numpy(), np.asarray(index), axis or 0))
    batch = batch_dims + index.ndim if batch_dims < 0 else batch_dims
    axis = batch if axis is None else int(axis) % x.ndim
    if index.device.type == "cpu" and index.numel():
        low, high = int(index.min()), int(index.max())
        if low < 0 or high >= x.shape[axis]:
            wrong = low if low < 0 else high
            raise InvalidArgumentError(f"indices = {wrong} is not in [0, {x.shape[axis]}) [Op:GatherV2]")
    index = index.long()
    if batch == 0:
        flat = torch.index_select(x, axis, index.reshape(-1).to(x.device))
        return flat.reshape(*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])
    lead = int(np.prod(index.shape[:batch]))
    rows = x.reshape(lead, *x.shape[batch:])
    places = index.reshape(lead, *index.shape[batch:])
    found = [gather(row, place, axis=axis - batch) for row, place in zip(rows, places, strict=True)]
    return torch.stack(found).reshape(*index.shape[:batch], *found[0].shape)


@tf_op("gather_nd")
def gather_nd(params: Any, indices: Any, batch_dims: int = 0) -> Any:
    """The elements or slices of `params` at the places that the last axis of `indices` spells out."""
    x, index = like(params), like(indices).long()
    if batch_dims:
        pairs = zip(x, index, strict=True)
        return torch.stack([gather_nd(row, place, batch_dims - 1) for row, place in pairs])
    depth = index.shape[-1]
    limits = torch.tensor(x.shape[:depth], device=index.device)
    if index.numel() and bool(((index < 0) | (index >= limits)).any()):
        raise InvalidArgumentError(f"indices do not index into param shape {list(x.shape)} [Op:GatherNd]")
    if isinstance(x, StringTensor):
        return x[tuple(index.unbind(-1))]
    return x[tuple(index.unbind(-1))] if depth else x.expand(*index.shape[:-1], *x.shape)


@tf_op("boolean_mask")
def boolean_mask(tensor: Any, mask: Any, axis: int | None = None) -> Any:
    """The elements or slices where a mask is true."""
    x, mask = like(tensor), like(mask)
    at = axis or 0
    if isinstance(x, StringTensor):
        return x[mask]
    if tuple(x.shape[at : at + mask.ndim]) != tuple(mask.shape):
        raise ValueError(f"Shapes {tuple(x.shape[at : at + mask.ndim])} and {tuple(mask.shape)} are incompatible")
    return x[(slice(None),) * at + (mask,)]


@tf_op("where")
def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """Elements of `x` where true and of `y` elsewhere; alone, the places of what is true, one in each row."""
    condition = like(condition)
    condition = condition if condition.dtype == torch.bool else condition != 0
    if x is None and y is None:
        return torch.nonzero(condition)
    if x is None or y is None:
        raise ValueError("x and y must both be non-None or both be None.")
    x, y = together("SelectV2", x, y)
    if isinstance(x, StringTensor):
        return StringTensor(np.where(np.asarray(condition), np.asarray(x), np.asarray(y)))
    return torch.where(condition, x, y)


Unique = namedtuple("Unique", ["y", "idx"])
UniqueWithCounts = namedtuple("UniqueWithCounts", ["y", "idx", "count"])


@tf_op("unique")
def unique(x: Any, out_idx: Any = "int32") -> Any:
    """The different values in the order of their first occurrence, and where in them each value is."""
    values, places, _ = _first_unique(x)
    return Unique(values, places.to(as_dtype(out_idx).torch_dtype))


@tf_op("unique_with_counts")
def unique_with_counts(x: Any, out_idx: Any = "int32") -> Any:
    """As `unique`, and how often each value occurs."""
    values, places, counts = _first_unique(x)
    wanted = as_dtype(out_idx).torch_dtype
    return UniqueWithCounts(values, places.to(wanted), counts.to(wanted))


def _first_unique(x: Any) -> tuple[Any, torch.Tensor, torch.Tensor]:
    x = like(x)
    array = x.numpy() if isinstance(x, StringTensor) else x.detach().cpu().numpy()
    values, first, inverse, counts = np.unique(array, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(first, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    ordered = values[order]
    result = StringTensor.of_bytes(ordered) if isinstance(x, StringTensor) else torch.from_numpy(ordered).to(x.device)
    return result, torch.from_numpy(place[inverse]), torch.from_numpy(counts[order])


def _scattered(tensor: Any, indices: Any, updates: Any, how: str) -> Any:
    x, index = like(tensor).clone(), like(indices).long()
    updates = like(updates).to(x.dtype)
    places = tuple(index.unbind(-1))
    if how in ("update", "add"):
        return x.index_put(places, updates, accumulate=how == "add")
    flat = torch.zeros(x.shape[: index.shape[-1]], dtype=torch.long)
    numbers = (
        torch.arange(flat.numel()).reshape(flat.shape)[tuple(one.cpu() for one in places)].reshape(-1).to(x.device)
    )
    tail = x.shape[index.shape[-1] :]
    rows, new = x.reshape(-1, *tail), updates.reshape(-1, *tail)
    where_to = numbers.reshape(-1, *[1] * len(tail)).expand_as(new)
    return rows.scatter_reduce(0, where_to, new, "amax" if how == "max" else "amin").reshape(x.shape)


@tf_op("tensor_scatter_nd_update")
def tensor_scatter_nd_update(tensor: Any, indices: Any, updates: Any) -> Any:
    """A copy of a tensor with other values at some places."""
    return _scattered(tensor, indices, updates, "update")


@tf_op("tensor_scatter_nd_add")
def tensor_scatter_nd_add(tensor: Any, indices: Any, updates: Any) -> Any:
    """A copy of a tensor with values added at some places."""
    return _scattered(tensor, indices, updates, "add")


@tf_op("tensor_scatter_nd_sub")
def tensor_scatter_nd_sub(tensor: Any, indices: Any, updates: Any) -> Any:
    """A copy of a tensor with values subtracted at some places."""
    return _scattered(tensor, indices, -like(updates), "add")


@tf_op("tensor_scatter_nd_max")
def tensor_scatter_nd_max(tensor: Any, indices: Any, updates: Any) -> Any:
    """A copy of a tensor with the larger of old and new values at some places."""
    return _scattered(tensor, indices, updates, "max")


@tf_op("tensor_scatter_nd_min")
def tensor_scatter_nd_min(tensor: Any, indices: Any, updates: Any) -> Any:
    """A copy of a tensor with the smaller of old and new values at some places."""
    return _scattered(tensor, indices, updates, "min")


@tf_op("scatter_nd")
def scatter_nd(indices: Any, updates: Any, shape: Any) -> Any:
    """Zeros with values added at some places."""
    updates = like(updates)
    return _scattered(torch.zeros(as_sizes(shape), dtype=updates.dtype, device=updates.device), indices, updates, "add")


@tf_op("searchsorted")
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left", out_type: Any = "int32") -> Any:
    """Where values belong in a sorted sequence."""
    sequence, values = together("LowerBound", sorted_sequence, values)
    return torch.searchsorted(sequence, values, side=side).to(as_dtype(out_type).torch_dtype)


@tf_op("sequence_mask")
def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = "bool") -> Any:
    """True for as many places at the start of each row as its length says."""
    lengths = like(lengths)
    longest = int(lengths.max()) if maxlen is None else int(maxlen)
    return (torch.arange(longest, device=lengths.device) < lengths[..., None]).to(as_dtype(dtype).torch_dtype)


@tf_op("math.invert_permutation")
def invert_permutation(x: Any) -> Any:
    """The permutation that undoes another."""
    x = like(x)
    return torch.argsort(x.long()).to(x.dtype)


@tf_op("stop_gradient")
def stop_gradient(input: Any) -> Any:
    """A tensor through which no gradient goes."""
    x = like(input)
    return x.detach() if isinstance(x, torch.Tensor) else x


@tf_op("dynamic_partition")
def dynamic_partition(data: Any, partitions: Any, num_partitions: int) -> Any:
    """The slices of `data` in as many lists as there are partitions."""
    data, partitions = like(data), like(partitions)
    return [boolean_mask(data, partitions == one) for one in range(num_partitions)]


@tf_op("dynamic_stitch")
def dynamic_stitch(indices: Sequence[Any], data: Sequence[Any]) -> Any:
    """Slices of several tensors put at the places that `indices` name."""
    places = torch.cat([like(one).reshape(-1) for one in indices]).long()
    parts = [like(one) for one in data]
    tail = parts[0].shape[like(indices[0]).ndim :]
    rows = torch.cat([one.reshape(-1, *tail) for one in parts])
    return torch.zeros(int(places.max()) + 1, *tail, dtype=rows.dtype).index_copy(0, places, rows)


@tf_op("unravel_index")
def unravel_index(indices: Any, dims: Any) -> Any:
    """The coordinates of places in a tensor laid out in one line, a row for each dimension.

    Raises:
        InvalidArgumentError: If a place is beyond the end.
    """
    places, sizes = like(indices), as_sizes(dims)
    if places.numel() and not 0 <= int(places.min()) <= int(places.max()) < int(np.prod(sizes)):
        raise InvalidArgumentError(f"index is out of bound as with dims {sizes}. Received: {places.tolist()}")
    return torch.stack(torch.unravel_index(places, tuple(sizes))).to(places.dtype)
