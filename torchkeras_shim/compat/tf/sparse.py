"""`tf.sparse`: tensors with few values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf import grafts
from torchkeras_shim.compat.tf.api import public, tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.ragged import rows_of
from torchkeras_shim.compat.tf.shapes import TensorShape, as_sizes
from torchkeras_shim.compat.tf.tensors import convert, like
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.sparse import SparseTensor, joined
from torchkeras_shim.core.text import StringTensor

public("SparseTensor", "sparse.SparseTensor")(SparseTensor)


def as_sparse(value: Any) -> SparseTensor:
    """Returns a sparse tensor, torch's too, or ragged rows, in TensorFlow's form.

    Raises:
        TypeError: If it is none of them.
    """
    if isinstance(value, SparseTensor):
        return value
    if isinstance(value, RaggedTensor):
        return value.to_sparse()
    if isinstance(value, torch.Tensor) and value.layout == torch.sparse_coo:
        return SparseTensor.of_torch(value)
    raise TypeError(f"Input must be a SparseTensor. Write tf.sparse.from_dense(x). Received: {str(value)[:80]}")


def _is_sparse(value: Any) -> bool:
    return isinstance(value, SparseTensor) or (isinstance(value, torch.Tensor) and value.layout == torch.sparse_coo)


def _at(places: torch.Tensor, values: Any, shape: Sequence[int]) -> SparseTensor:
    """Returns values in the order of their places, which are numbers in the whole laid out in one line."""
    order = torch.argsort(places, stable=True)
    indices = torch.stack(torch.unravel_index(places[order], tuple(shape)), 1)
    return SparseTensor(indices, values[order], shape)


# Forms --------------------------------------------------------------------------------------------------------------


@tf_op("sparse.to_dense")
def to_dense(sp_input: Any, default_value: Any = None, validate_indices: bool = True) -> Any:
    """A sparse tensor with all of its values, or ragged rows filled up.

    Raises:
        InvalidArgumentError: If `validate_indices`, and the places are not in order or one comes twice.
    """
    if isinstance(sp_input, RaggedTensor):
        return sp_input.to_tensor(default_value=default_value)
    x = as_sparse(sp_input)
    if validate_indices:
        steps = x.flat_places().diff()
        if bool((steps <= 0).any()):
            place = int((steps <= 0).nonzero()[0]) + 1
            what = "repeated" if int(steps[place - 1]) == 0 else "out of order"
            raise InvalidArgumentError(
                f"indices[{place}] = {x.indices[place].tolist()} is {what}. Many sparse ops require sorted indices. "
                "Use `tf.sparse.reorder` to create a correctly ordered copy."
            )
    return x.to_dense(default_value)


@tf_op("sparse.from_dense")
def from_dense(tensor: Any) -> Any:
    """A tensor without its zeros, or its empty texts."""
    x = convert(tensor)
    if x.ndim == 0:
        raise InvalidArgumentError("tf.sparse.from_dense takes a tensor of one dimension or more. Received: a scalar")
    return SparseTensor.of_dense(x)


@tf_op("sparse.eye")
def eye(num_rows: Any, num_columns: Any = None, dtype: Any = "float32") -> Any:
    """A sparse matrix with ones on its diagonal."""
    rows, columns = int(num_rows), int(num_rows if num_columns is None else num_columns)
    places = torch.arange(min(rows, columns))
    ones = torch.ones(len(places), dtype=as_dtype(dtype).torch_dtype)
    return SparseTensor(torch.stack([places, places], 1), ones, [rows, columns])


@tf_op("sparse.reorder")
def reorder(sp_input: Any) -> Any:
    """A sparse tensor with its values in the order of their places."""
    return as_sparse(sp_input).in_order()


@tf_op("sparse.transpose")
def transpose(sp_input: Any, perm: Any = None) -> Any:
    """A sparse tensor with its axes in another order, by default in reverse."""
    x = as_sparse(sp_input)
    order = list(reversed(range(x.ndim))) if perm is None else as_sizes(perm)
    return SparseTensor(x.indices[:, order], x.values, [x.shape[axis] for axis in order]).in_order()


@tf_op("sparse.reshape")
def reshape(sp_input: Any, shape: Any) -> Any:
    """A sparse tensor of another shape, with as many places; one size may be -1."""
    x, sizes = as_sparse(sp_input), as_sizes(shape)
    count = int(np.prod(x.shape))
    known = int(np.prod([one for one in sizes if one != -1]))
    if (-1 in sizes and (known == 0 or count % known)) or (-1 not in sizes and known != count):
        raise InvalidArgumentError(f"Input to reshape is a tensor with {count} places, but the shape is {sizes}.")
    sizes = [count // known if one == -1 else one for one in sizes]
    return SparseTensor(torch.stack(torch.unravel_index(x.flat_places(), tuple(sizes)), 1), x.values, sizes)


@tf_op("sparse.expand_dims")
def expand_dims(sp_input: Any, axis: Any = -1) -> Any:
    """A sparse tensor with a new axis of size 1."""
    x = as_sparse(sp_input)
    if not -x.ndim - 1 <= int(axis) <= x.ndim:
        raise InvalidArgumentError(f"axis={int(axis)} is out of range: [{-x.ndim - 1}, {x.ndim}]")
    at = int(axis) % (x.ndim + 1)
    places = torch.cat([x.indices[:, :at], x.indices.new_zeros(len(x.indices), 1), x.indices[:, at:]], 1)
    return SparseTensor(places, x.values, [*x.shape[:at], 1, *x.shape[at:]])


@tf_op("sparse.reset_shape")
def reset_shape(sp_input: Any, new_shape: Any = None) -> Any:
    """A sparse tensor of other sizes: the smallest that hold its values by default."""
    x = as_sparse(sp_input)
    if new_shape is None:
        sizes = (x.indices.amax(0) + 1).tolist() if len(x.indices) else [0] * x.ndim
        return SparseTensor(x.indices, x.values, sizes)
    sizes = as_sizes(new_shape)
    if len(sizes) != x.ndim:
        raise ValueError(f"The new shape must have rank {x.ndim}. Received: new_shape={sizes}")
    if any(size < old for size, old in zip(sizes, x.shape, strict=True)):
        raise ValueError(
            f"Condition x <= y did not hold: the new shape must not be smaller. Received: {list(x.shape)} and {sizes}"
        )
    return SparseTensor(x.indices, x.values, sizes)


# Joining and cutting ------------------------------------------------------------------------------------------------


@tf_op("sparse.concat")
def concat(axis: Any, sp_inputs: Any, expand_nonconcat_dims: bool = False) -> Any:
    """Sparse tensors one after the other along an axis."""
    parts = [as_sparse(one) for one in sp_inputs]
    at = int(axis) % parts[0].ndim
    sizes = [max(one.shape[place] for one in parts) for place in range(parts[0].ndim)]
    others = {tuple(size for place, size in enumerate(one.shape) if place != at) for one in parts}
    if len(others) > 1 and not expand_nonconcat_dims:
        raise InvalidArgumentError(
            f"All dimensions except {at} must match. Write expand_nonconcat_dims=True to take the largest. Received: "
            f"shapes {[list(one.shape) for one in parts]}"
        )
    places, begin = [], 0
    for one in parts:
        shift = torch.zeros(one.ndim, dtype=torch.int64)
        shift[at] = begin
        places.append(one.indices + shift)
        begin += one.shape[at]
    sizes[at] = begin
    return SparseTensor(torch.cat(places), joined([one.values for one in parts]), sizes).in_order()


@tf_op("sparse.split")
def split(sp_input: Any, num_split: Any, axis: Any) -> Any:
    """A sparse tensor cut into parts along an axis; the first ones are larger by one if it does not divide."""
    x, count, at = as_sparse(sp_input), int(num_split), int(axis)
    size, rest = divmod(x.shape[at], count)
    found, begin = [], 0
    for part in range(count):
        width = size + (part < rest)
        start, sizes = [0] * x.ndim, list(x.shape)
        start[at], sizes[at] = begin, width
        found.append(slice_(x, start, sizes))
        begin += width
    return found


@tf_op("sparse.slice")
def slice_(sp_input: Any, start: Any, size: Any) -> Any:
    """The part of a sparse tensor that begins at `start`; what is beyond its end is left out."""
    x = as_sparse(sp_input)
    sizes = [
        max(0, min(one, whole - at)) for one, whole, at in zip(as_sizes(size), x.shape, as_sizes(start), strict=True)
    ]
    places = x.indices - torch.tensor(as_sizes(start))
    inside = ((places >= 0) & (places < torch.tensor(sizes))).all(1)
    return SparseTensor(places[inside], x.values[inside], sizes)


@tf_op("sparse.retain")
def retain(sp_input: Any, to_retain: Any) -> Any:
    """A sparse tensor with some of its values."""
    x, kept = as_sparse(sp_input), convert(to_retain)
    if kept.shape != (len(x.values),):
        raise ValueError(
            f"`to_retain` must be of shape ({len(x.values)},), as there are so many values. Received: shape "
            f"{tuple(kept.shape)}"
        )
    return SparseTensor(x.indices[kept], x.values[kept], x.shape)


@tf_op("sparse.fill_empty_rows")
def fill_empty_rows(sp_input: Any, default_value: Any) -> Any:
    """A sparse matrix with a value at the beginning of each row that has none, and which rows these are."""
    x = as_sparse(sp_input)
    empty = torch.bincount(x.indices[:, 0], minlength=x.shape[0]) == 0
    rows = empty.nonzero()
    places = torch.cat([x.indices, torch.cat([rows, torch.zeros(len(rows), x.ndim - 1, dtype=torch.int64)], 1)])
    if isinstance(x.values, StringTensor):
        more: Any = StringTensor([convert(default_value).numpy()] * len(rows)) if len(rows) else x.values[:0]
    else:
        more = torch.full((len(rows),), convert(default_value).item(), dtype=x.dtype)
    return SparseTensor(places, joined([x.values, more]), x.shape).in_order(), empty


# Computing ----------------------------------------------------------------------------------------------------------


@tf_op("sparse.sparse_dense_matmul", "sparse.matmul")
def sparse_dense_matmul(sp_a: Any, b: Any, adjoint_a: bool = False, adjoint_b: bool = False) -> Any:
    """The product of two matrices, one of them sparse."""
    if _is_sparse(b):
        return sparse_dense_matmul(b, sp_a, not adjoint_b, not adjoint_a).mH
    a, dense = as_sparse(sp_a).to_torch(), like(b)
    return torch.sparse.mm(a.mH if adjoint_a else a, dense.mH if adjoint_b else dense)


@tf_op("sparse.add")
def add(a: Any, b: Any, threshold: Any = 0) -> Any:
    """The sum: sparse of two sparse tensors, dense if one of them is.

    Values below `threshold` are left out.
    """
    if not (_is_sparse(a) and _is_sparse(b)):
        return _whole(a) + _whole(b)
    total = SparseTensor.of_torch(as_sparse(a).to_torch() + as_sparse(b).to_torch())
    return retain(total, total.values.abs() >= threshold) if threshold else total


def _whole(value: Any) -> Any:
    return as_sparse(value).to_dense() if _is_sparse(value) else like(value)


@public("sparse.map_values")
def map_values(op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Calls a function on the values of sparse tensors, which have their values at the same places."""
    sparse = [as_sparse(one) for one in (*args, *kwargs.values()) if _is_sparse(one)]
    for one in sparse:
        _check_shapes(sparse[0], one)
        if not torch.equal(one.indices, sparse[0].indices):
            raise InvalidArgumentError("The sparse tensors have their values at different places.")

    def values(one: Any) -> Any:
        return as_sparse(one).values if _is_sparse(one) else one

    return sparse[0].with_values(op(*map(values, args), **{key: values(one) for key, one in kwargs.items()}))


@tf_op("sparse.maximum")
def maximum(sp_a: Any, sp_b: Any) -> Any:
    """The larger values, at each place that either has."""
    return _at_either(torch.maximum, sp_a, sp_b)


@tf_op("sparse.minimum")
def minimum(sp_a: Any, sp_b: Any) -> Any:
    """The smaller values, at each place that either has."""
    return _at_either(torch.minimum, sp_a, sp_b)


def _check_shapes(first: SparseTensor, second: SparseTensor) -> None:
    ours, theirs = (list(one.dense_shape.tolist()) for one in (first, second))
    if ours != theirs:
        raise InvalidArgumentError(f"Operands' shapes do not match: got {ours} and {theirs}")


def _at_either(function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], a: Any, b: Any) -> SparseTensor:
    first, second = as_sparse(a), as_sparse(b)
    _check_shapes(first, second)
    places, which = torch.unique(torch.cat([first.flat_places(), second.flat_places()]), return_inverse=True)
    ours, theirs = which.split([len(first.values), len(second.values)])

    def spread(one: SparseTensor, at: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(places), dtype=one.dtype).index_put((at,), one.values)

    return _at(places, function(spread(first, ours), spread(second, theirs)), first.shape)


@tf_op("sparse.softmax")
def softmax(sp_input: Any) -> Any:
    """The softmax along the last axis of the values that are there."""
    x = as_sparse(sp_input)
    return SparseTensor.of_torch(torch.sparse.softmax(x.to_torch(), x.ndim - 1))


def _grouped(x: SparseTensor, axis: Any) -> tuple[torch.Tensor, list[int], list[int]]:
    """Returns the place of each value in what a reduction leaves, the sizes of that, and the axes that go."""
    gone = list(range(x.ndim)) if axis is None else [one % x.ndim for one in as_sizes(axis)]
    left = [one for one in range(x.ndim) if one not in gone]
    flat = torch.zeros(len(x.indices), dtype=torch.int64)
    for one in left:
        flat = flat * x.shape[one] + x.indices[:, one]
    return flat, [x.shape[one] for one in left], gone


def _reduced(x: SparseTensor, axis: Any, keepdims: Any, output_is_sparse: bool, how: str) -> Any:
    places, sizes, gone = _grouped(x, axis)
    shape = [1 if one in gone else size for one, size in enumerate(x.shape)] if keepdims else sizes
    dense = torch.zeros(int(np.prod(sizes)), dtype=x.dtype)
    dense = dense.scatter_reduce(0, places, x.values, how, include_self=how == "sum")
    if not output_is_sparse:
        return dense.reshape(shape)
    there = torch.unique(places)
    return _at(there, dense[there], shape) if shape else SparseTensor(torch.zeros(1, 0), dense, [])


@tf_op("sparse.reduce_sum")
def reduce_sum(sp_input: Any, axis: Any = None, keepdims: bool | None = None, output_is_sparse: bool = False) -> Any:
    """The sum of the values along axes, dense unless `output_is_sparse`."""
    return _reduced(as_sparse(sp_input), axis, keepdims, output_is_sparse, "sum")


@tf_op("sparse.reduce_max")
def reduce_max(sp_input: Any, axis: Any = None, keepdims: bool | None = None, output_is_sparse: bool = False) -> Any:
    """The largest of the values that are there along axes, 0 if there are none."""
    return _reduced(as_sparse(sp_input), axis, keepdims, output_is_sparse, "amax")


@tf_op("sparse.to_indicator")
def to_indicator(sp_input: Any, vocab_size: Any) -> Any:
    """Whether each number below `vocab_size` is among the values of each row."""
    x = as_sparse(sp_input)
    found = torch.zeros((*x.shape[:-1], int(vocab_size)), dtype=torch.bool)
    places = (*x.indices[:, :-1].unbind(1), x.values.long())
    found[places] = True
    return found


@tf_op("sparse.bincount")
def bincount(
    values: Any,
    weights: Any = None,
    axis: Any = 0,
    minlength: Any = None,
    maxlength: Any = None,
    binary_output: bool = False,
) -> Any:
    """How often each integer occurs in the whole, or in each row for `axis=-1`, as a sparse tensor."""
    held = values if _is_sparse(values) else rows_of(values) if isinstance(values, RaggedTensor) else convert(values)
    if _is_sparse(held):
        rows, numbers, count = as_sparse(held).indices[:, 0], as_sparse(held).values, as_sparse(held).shape[0]
    elif isinstance(held, RaggedTensor):
        rows, numbers, count = held.value_rowids(), held.values, len(held)
    else:
        count = len(held) if held.ndim == 2 else 1
        numbers = held.reshape(-1)
        rows = torch.arange(count).repeat_interleave(len(numbers) // max(count, 1))
    if weights is not None:
        given = as_sparse(weights).values if _is_sparse(weights) else convert(weights)
        weights = given.flat_values if isinstance(given, RaggedTensor) else given.reshape(-1)
    whole = axis is None or int(axis) == 0
    size = max(int(numbers.max()) + 1 if len(numbers) else 0, int(minlength or 0))
    size = size if maxlength is None else min(size, int(maxlength))
    inside = numbers < size
    places = ((torch.zeros_like(rows) if whole else rows) * size + numbers.long())[inside]
    there, which = torch.unique(places, return_inverse=True)
    amounts = torch.ones(len(places), dtype=numbers.dtype) if weights is None else weights[inside]
    total = torch.zeros(len(there), dtype=amounts.dtype).index_add(0, which, amounts)
    total = torch.ones_like(total) if binary_output else total
    return _at(there, total, [size] if whole else [count, size])


def _segments(mode: str, data: Any, indices: Any, segment_ids: Any, num_segments: Any) -> torch.Tensor:
    rows, ids = convert(data)[convert(indices).long()], convert(segment_ids).long()
    count = int(ids.max()) + 1 if num_segments is None and len(ids) else int(num_segments or 0)
    total = torch.zeros((count, *rows.shape[1:]), dtype=rows.dtype).index_add(0, ids, rows)
    sizes = torch.bincount(ids, minlength=count).clamp(min=1).to(rows.dtype).reshape(-1, *[1] * (rows.ndim - 1))
    return total / (1 if mode == "sum" else sizes if mode == "mean" else sizes.sqrt()) if mode != "sum" else total


for _mode, _name in (("sum", "segment_sum"), ("mean", "segment_mean"), ("sqrt", "segment_sqrt_n")):

    def _of_mode(mode: str) -> Callable[..., Any]:
        def call(data: Any, indices: Any, segment_ids: Any, num_segments: Any = None) -> Any:
            return _segments(mode, data, indices, segment_ids, num_segments)

        return call

    _segment = _of_mode(_mode)
    _segment.__name__ = _name
    _segment.__doc__ = f"Rows of `data` at `indices`, put together by segments: {_name.replace('_', ' ')}."
    tf_op(f"sparse.{_name}")(_segment)


# Embeddings ---------------------------------------------------------------------------------------------------------


@tf_op("nn.embedding_lookup_sparse")
def embedding_lookup_sparse(
    params: Any,
    sp_ids: Any,
    sp_weights: Any = None,
    combiner: str | None = None,
    max_norm: float | None = None,
    allow_fast_lookup: bool = False,
) -> Any:
    """The rows of a matrix at the ids of each row of a sparse tensor, put together: mean, sum or sqrtn."""
    combiner = combiner or "mean"
    if combiner not in ("mean", "sqrtn", "sum"):
        raise ValueError(f"combiner must be one of 'mean', 'sqrtn' or 'sum', got {combiner}")
    ids = as_sparse(sp_ids)
    rows = ids.indices[:, 0]
    vectors = _looked_up(params, ids.values, max_norm)
    weights = torch.ones(len(rows)) if sp_weights is None else as_sparse(sp_weights).values
    weights = weights.to(vectors.dtype)[:, None]
    count = int(rows[-1]) + 1 if len(rows) else 0
    total = vectors.new_zeros(count, vectors.shape[1]).index_add(0, rows, vectors * weights)
    if combiner == "sum":
        return total
    squares = weights if combiner == "mean" else weights**2
    sizes = vectors.new_zeros(count, 1).index_add(0, rows, squares)
    return torch.nan_to_num(total / (sizes if combiner == "mean" else sizes.sqrt()), nan=0.0)


def _looked_up(params: Any, ids: Any, max_norm: float | None) -> Any:
    matrix = like(params[0] if isinstance(params, (list, tuple)) and len(params) == 1 else params)
    if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < len(matrix):
        raise InvalidArgumentError(f"indices = {ids.tolist()[:16]} is not in [0, {len(matrix)}) [Op:GatherV2]")
    vectors = matrix[ids.long()]
    if max_norm is None:
        return vectors
    norm = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return torch.where(norm > max_norm, vectors * (max_norm / norm.clamp(min=1e-12)), vectors)


@tf_op("nn.safe_embedding_lookup_sparse")
def safe_embedding_lookup_sparse(
    embedding_weights: Any,
    sparse_ids: Any,
    sparse_weights: Any = None,
    combiner: str = "mean",
    default_id: Any = None,
    max_norm: float | None = None,
    allow_fast_lookup: bool = False,
) -> Any:
    """As `embedding_lookup_sparse`; negative ids are left out, and rows without any give `default_id` or zeros."""
    ids = as_sparse(sparse_ids)
    weights = None if sparse_weights is None else as_sparse(sparse_weights)
    kept = ids.values >= 0 if weights is None else (ids.values >= 0) & (weights.values > 0)
    ids = retain(ids, kept)
    weights = None if weights is None else retain(weights, kept)
    ids, empty = fill_empty_rows(ids, default_id or 0)
    weights = None if weights is None else fill_empty_rows(weights, 1.0)[0]
    found = embedding_lookup_sparse(embedding_weights, ids, weights, combiner, max_norm)
    return found if default_id is not None else torch.where(empty[:, None], torch.zeros_like(found), found)


# As attributes ------------------------------------------------------------------------------------------------------


def _shape_of(self: SparseTensor) -> TensorShape:
    return TensorShape(_plain_shape(self))


_plain_shape = SparseTensor.shape.fget  # type: ignore[attr-defined]
grafts.add(SparseTensor, {"shape": property(_shape_of), "get_shape": lambda self: self.shape})
