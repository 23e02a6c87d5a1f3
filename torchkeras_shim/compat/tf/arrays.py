"""Making, shaping, joining, cutting and indexing tensors."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim import ops
from torchkeras_shim.compat.tf.api import public, tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.shapes import Shape, Size, TensorShape, as_sizes
from torchkeras_shim.compat.tf.tensors import convert, like, together
from torchkeras_shim.core.device import default_device
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.text import StringTensor

# Making ------------------------------------------------------------------------------------------------------------


@tf_op("constant")
def constant(value: Any, dtype: Any = None, shape: Any = None) -> Any:
    """A value as a tensor; with `shape`, reshaped, or filled if it is one number."""
    tensor = convert(value, dtype)
    if shape is None:
        return tensor.clone() if isinstance(tensor, torch.Tensor) and tensor is value else tensor
    sizes = as_sizes(shape)
    if tensor.ndim == 0 or tensor.shape.numel() == 1:
        return fill(sizes, tensor.reshape(()))
    if int(np.prod(sizes)) != tensor.shape.numel():
        raise TypeError(
            "Eager execution of tf.constant with unsupported shape. "
            f"Tensor {value!r} has {tensor.shape.numel()} elements, shape is {sizes}."
        )
    return tensor.reshape(sizes)


@tf_op("fill")
def fill(dims: Any, value: Any) -> Any:
    """A tensor of one value."""
    value = convert(value)
    sizes = as_sizes(dims)
    if isinstance(value, StringTensor):
        return StringTensor(np.full(sizes, value.numpy(), dtype=object))
    return value.expand(sizes).clone()


@tf_op("zeros")
def zeros(shape: Any, dtype: Any = "float32") -> Any:
    """A tensor of zeros."""
    if as_dtype(dtype) == "string":
        return StringTensor(np.full(as_sizes(shape), b"", dtype=object))
    return torch.zeros(as_sizes(shape), dtype=as_dtype(dtype).torch_dtype, device=default_device())


@tf_op("ones")
def ones(shape: Any, dtype: Any = "float32") -> Any:
    """A tensor of ones."""
    return torch.ones(as_sizes(shape), dtype=as_dtype(dtype).torch_dtype, device=default_device())


@tf_op("zeros_like")
def zeros_like(input: Any, dtype: Any = None) -> Any:
    """Zeros in the shape and type of a tensor."""
    return torch.zeros_like(like(input), dtype=None if dtype is None else as_dtype(dtype).torch_dtype)


@tf_op("ones_like")
def ones_like(input: Any, dtype: Any = None) -> Any:
    """Ones in the shape and type of a tensor."""
    return torch.ones_like(like(input), dtype=None if dtype is None else as_dtype(dtype).torch_dtype)


@tf_op("eye", "linalg.eye")
def eye(num_rows: Any, num_columns: Any = None, batch_shape: Any = None, dtype: Any = "float32") -> Any:
    """Identity matrices."""
    columns = num_rows if num_columns is None else num_columns
    matrix = torch.eye(int(num_rows), int(columns), dtype=as_dtype(dtype).torch_dtype, device=default_device())
    return matrix if batch_shape is None else matrix.expand(*as_sizes(batch_shape), *matrix.shape).clone()


@tf_op("range")
def range_(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None) -> Any:
    """Numbers from `start`, or 0, up to and without `limit`: int32 unless one of them says otherwise."""
    if limit is None:
        start, limit = 0, start
    bounds = [convert(one) for one in (start, limit, delta)]
    kinds = [as_dtype(one.dtype).name for one in bounds]
    if dtype is None:
        dtype = next((name for name in ("float64", "float32", "int64", "int32") if name in kinds), kinds[0])
    values = [one.item() for one in bounds]
    if values[2] == 0:
        raise InvalidArgumentError("Requires delta != 0: 0 [Op:Range]")
    if (values[0] - values[1]) * values[2] > 0:
        if values[2] > 0:
            raise InvalidArgumentError(f"Requires start <= limit when delta > 0: {values[0]}/{values[1]} [Op:Range]")
        raise InvalidArgumentError(f"Requires start >= limit when delta < 0: {values[0]}/{values[1]} [Op:Range]")
    return torch.arange(*values, dtype=as_dtype(dtype).torch_dtype, device=default_device())


range_.__name__ = "range"


@tf_op("linspace")
def linspace(start: Any, stop: Any, num: Any, axis: int = 0) -> Any:
    """Numbers at one distance, both ends included; float64 if the ends are integers."""
    start, stop = together("LinSpace", start, stop)
    if not start.is_floating_point():
        start, stop = start.to(torch.float64), stop.to(torch.float64)
    if start.ndim == 0 and not (start.requires_grad or stop.requires_grad):
        return torch.linspace(start.item(), stop.item(), int(num), dtype=start.dtype, device=start.device)
    parts = torch.linspace(0, 1, int(num), dtype=start.dtype, device=start.device)
    grid = start[None] + parts.reshape(-1, *[1] * start.ndim) * (stop - start)[None]
    return torch.movedim(grid, 0, axis)


@tf_op("one_hot")
def one_hot(
    indices: Any, depth: Any, on_value: Any = None, off_value: Any = None, axis: int | None = None, dtype: Any = None
) -> Any:
    """Each index as a row with one `on_value`; what is out of range gives a row without."""
    indices = like(indices)
    if indices.is_floating_point():
        raise InvalidArgumentError(
            f"Value for attr 'TI' of {as_dtype(indices.dtype).name} "
            "is not in the list of allowed values: uint8, int8, int32, int64 [Op:OneHot]"
        )
    if dtype is None:
        given = next((one for one in (on_value, off_value) if one is not None), None)
        dtype = "float32" if given is None else convert(given).dtype
    wanted = as_dtype(dtype).torch_dtype
    hot = indices[..., None] == torch.arange(int(depth), device=indices.device)
    on = torch.as_tensor(True if on_value is None and wanted is torch.bool else 1 if on_value is None else on_value)
    off = torch.as_tensor(0 if off_value is None else off_value)
    result = torch.where(hot, on.to(hot.device, wanted), off.to(hot.device, wanted))
    return result if axis in (None, -1) else torch.movedim(result, -1, int(axis))


# Shapes ------------------------------------------------------------------------------------------------------------


@public("shape")
def shape(input: Any, out_type: Any = None, name: str | None = None) -> Any:
    """The shape, as sizes that compute like a tensor."""
    if isinstance(input, KerasTensor):
        return tuple(input.shape)
    if not isinstance(input, (torch.Tensor, StringTensor, RaggedTensor)):
        input = convert(input)
    if isinstance(input, RaggedTensor):
        return input.shape
    return Shape(input.shape)


@public("size")
def size(input: Any, out_type: Any = "int32", name: str | None = None) -> Any:
    """The number of elements."""
    return Size(int(np.prod(shape(input))))


@public("rank")
def rank(input: Any, name: str | None = None) -> Any:
    """The number of dimensions."""
    return Size(len(shape(input)))


@tf_op("reshape")
def reshape(tensor: Any, shape: Any) -> Any:
    """A tensor in another shape; one size may be -1."""
    x = like(tensor)
    return x.reshape(as_sizes(shape))


@tf_op("ensure_shape")
def ensure_shape(x: Any, shape: Any) -> Any:
    """A tensor as it is, if its shape agrees.

    Raises:
        InvalidArgumentError: If it does not.
    """
    x = like(x)
    if not TensorShape(shape).is_compatible_with(x.shape):
        raise InvalidArgumentError(
            f"Shape of tensor {list(x.shape)} is not compatible with expected shape {TensorShape(shape)}."
        )
    return x


@tf_op("squeeze")
def squeeze(input: Any, axis: Any = None) -> Any:
    """A tensor without its dimensions of size 1, or without those that are named."""
    x = like(input)
    if axis is None or (isinstance(axis, (list, tuple)) and not axis):
        return x.reshape([one for one in x.shape if one != 1])
    axes = sorted({one % x.ndim for one in as_sizes(axis)})
    for one in axes:
        if x.shape[one] != 1:
            raise InvalidArgumentError(
                f"Can not squeeze dim[{one}], expected a dimension of 1, got {x.shape[one]} [Op:Squeeze]"
            )
    return x.reshape([size for at, size in enumerate(x.shape) if at not in axes])


@tf_op("expand_dims")
def expand_dims(input: Any, axis: Any) -> Any:
    """A tensor with one more dimension, of size 1."""
    x = like(input)
    at = int(axis)
    if not -x.ndim - 1 <= at <= x.ndim:
        raise InvalidArgumentError(
            f"Tried to expand dim index {at} for tensor with {x.ndim} dimensions. [Op:ExpandDims]"
        )
    sizes = list(x.shape)
    sizes.insert(at if at >= 0 else at + x.ndim + 1, 1)
    return x.reshape(sizes)


@tf_op("transpose")
def transpose(a: Any, perm: Any = None, conjugate: bool = False) -> Any:
    """A tensor with its dimensions in another order, by default the reverse."""
    x = like(a)
    order = list(reversed(range(x.ndim))) if perm is None else as_sizes(perm)
    x = x.permute(order)
    return torch.conj_physical(x) if conjugate and x.is_complex() else x


@tf_op("tile")
def tile(input: Any, multiples: Any) -> Any:
    """A tensor repeated along each of its dimensions."""
    x, times = like(input), as_sizes(multiples)
    if len(times) != x.ndim:
        raise InvalidArgumentError(
            f"Expected multiples argument to be a vector of length {x.ndim} but got length {len(times)} [Op:Tile]"
        )
    return StringTensor.of_bytes(np.tile(x.numpy(), times)) if isinstance(x, StringTensor) else x.repeat(times)


@tf_op("repeat")
def repeat(input: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each element, or slice along an axis, repeated."""
    x = like(input)
    times = repeats if isinstance(repeats, int) else like(repeats).long()
    if isinstance(x, StringTensor):
        return StringTensor(np.repeat(x.numpy(), np.asarray(times), axis))
    if axis is None:
        x, axis = x.reshape(-1), 0
    if isinstance(times, torch.Tensor) and times.ndim == 1 and len(times) == 1:
        times = int(times)
    return torch.repeat_interleave(x, times, dim=axis)


@tf_op("broadcast_to")
def broadcast_to(input: Any, shape: Any) -> Any:
    """A tensor in a larger shape."""
    return like(input).expand(as_sizes(shape)).clone()


@public("broadcast_static_shape")
def broadcast_static_shape(shape_x: Any, shape_y: Any) -> Any:
    """The shape of two tensors computed with one another."""
    return TensorShape(np.broadcast_shapes(tuple(shape_x), tuple(shape_y)))


@public("broadcast_dynamic_shape")
def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Any:
    """The shape of two tensors computed with one another."""
    return Shape(np.broadcast_shapes(tuple(as_sizes(shape_x)), tuple(as_sizes(shape_y))))


@tf_op("meshgrid")
def meshgrid(*args: Any, indexing: str = "xy") -> Any:
    """The coordinates of a grid, one tensor for each axis."""
    return list(torch.meshgrid(*[like(one).reshape(-1) for one in args], indexing=indexing))


@tf_op("reverse")
def reverse(tensor: Any, axis: Any) -> Any:
    """A tensor turned round along axes."""
    x = like(tensor)
    axes = as_sizes(axis)
    return (
        StringTensor.of_bytes(np.flip(x.numpy(), tuple(axes))) if isinstance(x, StringTensor) else torch.flip(x, axes)
    )


@tf_op("roll")
def roll(input: Any, shift: Any, axis: Any) -> Any:
    """A tensor moved along axes; what falls out comes in at the other end."""
    return torch.roll(like(input), as_sizes(shift), as_sizes(axis))


@tf_op("reverse_sequence")
def reverse_sequence(input: Any, seq_lengths: Any, seq_axis: int, batch_axis: int = 0) -> Any:
    """The first elements of each sequence in reverse; those after them stay."""
    x = torch.movedim(like(input), (batch_axis, seq_axis), (0, 1))
    place = torch.arange(x.shape[1], device=x.device)[None]
    lengths = like(seq_lengths).to(x.device)[:, None]
    index = torch.where(place < lengths, lengths - 1 - place, place).long()
    index = index.reshape(*index.shape, *[1] * (x.ndim - 2)).expand_as(x)
    return torch.movedim(torch.gather(x, 1, index), (0, 1), (batch_axis, seq_axis))


# Joining and cutting -------------------------------------------------------------------------------------------------


@tf_op("concat")
def concat(values: Any, axis: Any) -> Any:
    """Tensors of one type, one after the other along an axis."""
    if isinstance(values, (torch.Tensor, StringTensor)):
        return values
    values = list(values)
    if any(isinstance(one, Shape) for one in values) and all(_is_sizes(one) for one in values):
        return Shape([item for one in values for item in one])
    if any(isinstance(one, RaggedTensor) for one in values):
        return _concat_ragged(values, int(axis))
    tensors = together("ConcatV2", *values)
    if isinstance(tensors[0], StringTensor):
        return StringTensor.of_bytes(np.concatenate([one.numpy() for one in tensors], int(axis)))
    if tensors[0].ndim == 0:
        raise InvalidArgumentError(
            "ConcatOp : Expected concatenating dimensions in the range [0, 0), but got 0: "
            "scalars are put together by tf.stack."
        )
    return torch.cat(tensors, int(axis))


def _is_sizes(value: Any) -> bool:
    return isinstance(value, (Shape, list, tuple)) and all(isinstance(item, int) for item in value)


def _concat_ragged(values: Sequence[Any], axis: int) -> Any:
    rows = [list(one) if isinstance(one, RaggedTensor) else list(convert(one)) for one in values]
    if axis == 0:
        return RaggedTensor.from_rows([row for one in rows for row in one])
    return RaggedTensor.from_rows([concat(parts, 0) for parts in zip(*rows, strict=True)])


@tf_op("stack")
def stack(values: Any, axis: Any = 0) -> Any:
    """Tensors of one type and shape, along a new axis."""
    values = list(values)
    if (
        values
        and all(isinstance(one, Size) or type(one) is int for one in values)
        and any(isinstance(one, Size) for one in values)
    ):
        return Shape(values)
    tensors = together("Pack", *values)
    if isinstance(tensors[0], StringTensor):
        return StringTensor.of_bytes(np.stack([np.asarray(one) for one in tensors], int(axis)))
    return torch.stack(tensors, int(axis))


@tf_op("unstack")
def unstack(value: Any, num: Any = None, axis: Any = 0) -> Any:
    """The slices along an axis, as a list."""
    x = like(value)
    if isinstance(x, StringTensor):
        return list(x)
    if num is not None and int(num) != x.shape[int(axis)]:
        raise ValueError(f"Argument `num` must be the size {x.shape[int(axis)]} of axis {axis}. Received: num={num}")
    return list(torch.unbind(x, int(axis)))


@tf_op("split")
def split(value: Any, num_or_size_splits: Any, axis: Any = 0, num: Any = None) -> Any:
    """A tensor cut into a number of equal parts, or into parts of given sizes."""
    x, axis = like(value), int(axis)
    size = x.shape[axis]
    if isinstance(num_or_size_splits, (int, np.integer)) or getattr(num_or_size_splits, "ndim", 1) == 0:
        parts = int(num_or_size_splits)
        if size % parts:
            raise InvalidArgumentError(
                f"Number of ways to split should evenly divide the split dimension, "
                f"but got split_dim {axis} (size = {size}) and num_split {parts} [Op:Split]"
            )
        return list(torch.split(x, size // parts, axis)) if size else [x] * parts
    sizes = as_sizes(num_or_size_splits)
    if -1 in sizes:
        sizes[sizes.index(-1)] = size - sum(sizes) - 1
    return list(torch.split(x, sizes, axis))


@tf_op("slice")
def slice_(input_: Any, begin: Any, size: Any) -> Any:
    """A part of a tensor: from `begin`, as many as `size` says; -1 is all the rest."""
    x = like(input_)
    return x[tuple(slice(b, None if s == -1 else b + s) for b, s in zip(as_sizes(begin), as_sizes(size), strict=True))]


slice_.__name__ = "slice"


@tf_op("strided_slice")
def strided_slice(input_: Any, begin: Any, end: Any, strides: Any = None) -> Any:
    """A part of a tensor: from `begin` to `end` in steps."""
    x, begin, end = like(input_), as_sizes(begin), as_sizes(end)
    steps = [1] * len(begin) if strides is None else as_sizes(strides)
    return x[tuple(slice(b, e, s) for b, e, s in zip(begin, end, steps, strict=True))]


@tf_op("pad")
def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0) -> Any:
    """A tensor with more elements before and after, along each axis."""
    x = like(tensor)
    pairs = [tuple(as_sizes(one)) for one in (paddings.tolist() if isinstance(paddings, torch.Tensor) else paddings)]
    if mode.upper() == "CONSTANT":
        flat = [one for pair in reversed(pairs) for one in pair]
        value = constant_values.item() if isinstance(constant_values, torch.Tensor) else constant_values
        return torch.nn.functional.pad(x, flat, value=value)
    return ops.pad(x, pairs, mode=mode.lower())


# Indexing ----------------------------------------------------------------------------------------------------------


@tf_op("gather")
def gather(params: Any, indices: Any, validate_indices: Any = None, axis: Any = None, batch_dims: int = 0) -> Any:
    """The slices of `params` along an axis at `indices`.

    Raises:
        InvalidArgumentError: If an index is negative or too large (seen on the CPU).
    """
    x = like(params)
    index = like(indices)
    if isinstance(indices, RaggedTensor):
        return indices.with_values(gather(x, indices.values))
    if isinstance(x, RaggedTensor):
        if axis or batch_dims or index.ndim != 1:
            raise NotImplementedError(
                "Rows of a ragged tensor are gathered by a vector of their numbers, along axis 0."
            )
        if index.numel() and not 0 <= int(index.min()) <= int(index.max()) < x.nrows():
            raise InvalidArgumentError(f"indices = {index.tolist()} is not in [0, {x.nrows()}) [Op:GatherV2]")
        return x[index]
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
