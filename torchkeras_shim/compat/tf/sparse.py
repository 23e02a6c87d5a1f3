"""`tf.sparse`: tensors with few values, which are torch's (COO)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf.api import public, tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.shapes import as_sizes
from torchkeras_shim.compat.tf.tensors import convert, like
from torchkeras_shim.core import sparse as core_sparse
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import StringTensor


class _SparseType(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, torch.Tensor) and instance.layout == torch.sparse_coo


@public("SparseTensor", "sparse.SparseTensor")
class SparseTensor(metaclass=_SparseType):
    """`tf.SparseTensor(indices, values, dense_shape)` makes torch's sparse tensor (COO)."""

    def __new__(cls, indices: Any, values: Any, dense_shape: Any) -> Any:
        places = convert(indices).long().reshape(-1, len(as_sizes(dense_shape)))
        if not isinstance(convert(values), torch.Tensor):
            raise TypeError("Sparse tensors hold numbers. Write tf.ragged.constant(...) for lists of texts.")
        return torch.sparse_coo_tensor(places.T, convert(values), as_sizes(dense_shape), check_invariants=True)


@tf_op("sparse.to_dense")
def to_dense(sp_input: Any, default_value: Any = None, validate_indices: bool = True) -> Any:
    """A sparse tensor with all of its values; of the lists that `VarLenFeature` reads, rows of one length."""
    if isinstance(sp_input, core_sparse.SparseTensor):
        return sp_input.to_dense(default_value)
    if isinstance(sp_input, RaggedTensor):
        return sp_input.to_tensor(default_value=default_value)
    if isinstance(sp_input, StringTensor) or sp_input.layout == torch.strided:
        return sp_input  # the list of one record
    x = sp_input.coalesce()
    if default_value is None:
        return x.to_dense()
    dense = torch.full(tuple(x.shape), convert(default_value).item(), dtype=x.dtype)
    return dense.index_put(tuple(x.indices()), x.values())


@tf_op("sparse.from_dense")
def from_dense(tensor: Any) -> Any:
    """A tensor without its zeros."""
    return like(tensor).to_sparse()


@tf_op("sparse.eye")
def eye(num_rows: Any, num_columns: Any = None, dtype: Any = "float32") -> Any:
    """A sparse matrix with ones on its diagonal."""
    rows, columns = int(num_rows), int(num_rows if num_columns is None else num_columns)
    places = torch.arange(min(rows, columns))
    return _made(
        torch.stack([places, places]), torch.ones(len(places)).to(as_dtype(dtype).torch_dtype), [rows, columns]
    )


@tf_op("sparse.sparse_dense_matmul")
def sparse_dense_matmul(sp_a: Any, b: Any, adjoint_a: bool = False, adjoint_b: bool = False) -> Any:
    """The product of a sparse and a dense matrix."""
    return torch.sparse.mm(sp_a.mH if adjoint_a else sp_a, like(b).mH if adjoint_b else like(b))


@tf_op("sparse.reorder")
def reorder(sp_input: Any) -> Any:
    """A sparse tensor with its values in the order of their places."""
    return sp_input.coalesce()


@tf_op("sparse.add")
def add(a: Any, b: Any, threshold: Any = 0) -> Any:
    """The sum: sparse of two sparse tensors, dense if one of them is."""
    if a.layout == torch.strided or b.layout == torch.strided:
        return (a.to_dense() if a.is_sparse else a) + (b.to_dense() if b.is_sparse else b)
    total = (a + b).coalesce()
    if not threshold:
        return total
    return retain(total, total.values().abs() >= threshold)


@tf_op("sparse.concat")
def concat(axis: Any, sp_inputs: Any, expand_nonconcat_dims: bool = False) -> Any:
    """Sparse tensors one after the other along an axis."""
    if expand_nonconcat_dims:
        raise NotImplementedError("tf.sparse.concat with expand_nonconcat_dims=True is not supported.")
    return torch.cat(list(sp_inputs), int(axis)).coalesce()


@tf_op("sparse.transpose")
def transpose(sp_input: Any, perm: Any = None) -> Any:
    """A sparse tensor with its axes in another order, by default in reverse."""
    x = sp_input.coalesce()
    order = list(reversed(range(x.ndim))) if perm is None else as_sizes(perm)
    return _made(x.indices()[order], x.values(), [x.shape[axis] for axis in order])


@tf_op("sparse.reshape")
def reshape(sp_input: Any, shape: Any) -> Any:
    """A sparse tensor of another shape, with as many places; one size may be -1."""
    x = sp_input.coalesce()
    sizes = as_sizes(shape)
    count = x.shape.numel()
    known = -int(np.prod(sizes)) if -1 in sizes else int(np.prod(sizes))
    if (-1 in sizes and (known == 0 or count % known)) or (-1 not in sizes and known != count):
        raise InvalidArgumentError(f"Input to reshape is a tensor with {count} places, but the shape is {sizes}.")
    sizes = [count // known if one == -1 else one for one in sizes]
    flat = torch.zeros(x.indices().shape[1], dtype=torch.int64)
    for size, places in zip(x.shape, x.indices(), strict=True):
        flat = flat * size + places
    return _made(torch.stack(torch.unravel_index(flat, sizes)), x.values(), sizes)


@tf_op("sparse.expand_dims")
def expand_dims(sp_input: Any, axis: Any = -1) -> Any:
    """A sparse tensor with a new axis of size 1."""
    return sp_input.unsqueeze(int(axis)).coalesce()


@tf_op("sparse.slice")
def slice_(sp_input: Any, start: Any, size: Any) -> Any:
    """The part of a sparse tensor that begins at `start`; what is beyond its end is left out."""
    x = sp_input.coalesce()
    first = torch.tensor(as_sizes(start))
    sizes = [min(one, whole - at) for one, whole, at in zip(as_sizes(size), x.shape, as_sizes(start), strict=True)]
    places = x.indices() - first[:, None]
    inside = ((places >= 0) & (places < torch.tensor(sizes)[:, None])).all(0)
    return _made(places[:, inside], x.values()[inside], sizes)


@tf_op("sparse.retain")
def retain(sp_input: Any, to_retain: Any) -> Any:
    """A sparse tensor with some of its values, in the order of their places."""
    x, kept = sp_input.coalesce(), convert(to_retain)
    return _made(x.indices()[:, kept], x.values()[kept], x.shape)


@public("sparse.map_values")
def map_values(op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Calls a function on the values of sparse tensors, which have their values at the same places."""
    given = [*args, *kwargs.values()]
    first = next(one for one in given if _is_sparse(one)).coalesce()
    for one in given:
        if _is_sparse(one) and not torch.equal(one.coalesce().indices(), first.indices()):
            raise InvalidArgumentError("The sparse tensors have their values at different places.")

    def values(one: Any) -> Any:
        return one.coalesce().values() if _is_sparse(one) else one

    found = op(*map(values, args), **{key: values(one) for key, one in kwargs.items()})
    return _made(first.indices(), found, first.shape)


@tf_op("sparse.maximum")
def maximum(sp_a: Any, sp_b: Any) -> Any:
    """The larger values, at each place that either has."""
    return _at_either(torch.maximum, sp_a, sp_b)


@tf_op("sparse.minimum")
def minimum(sp_a: Any, sp_b: Any) -> Any:
    """The smaller values, at each place that either has."""
    return _at_either(torch.minimum, sp_a, sp_b)


@tf_op("sparse.softmax")
def softmax(sp_input: Any) -> Any:
    """The softmax along the last axis of the values that are there."""
    return torch.sparse.softmax(sp_input, sp_input.ndim - 1).coalesce()


@tf_op("sparse.reduce_sum")
def reduce_sum(sp_input: Any, axis: Any = None, keepdims: bool | None = None, output_is_sparse: bool = False) -> Any:
    """The sum of the values along axes, dense unless `output_is_sparse`."""
    axes = list(range(sp_input.ndim)) if axis is None else as_sizes(axis)
    found = sp_input.to_dense().sum(axes, keepdim=bool(keepdims), dtype=sp_input.dtype)
    return found.to_sparse() if output_is_sparse else found


@tf_op("sparse.reduce_max")
def reduce_max(sp_input: Any, axis: Any = None, keepdims: bool | None = None, output_is_sparse: bool = False) -> Any:
    """The largest of the values that are there along axes, 0 if there are none."""
    x = sp_input.coalesce()
    lowest = torch.finfo(x.dtype).min if x.is_floating_point() else torch.iinfo(x.dtype).min
    axes = list(range(x.ndim)) if axis is None else as_sizes(axis)
    dense = torch.full(tuple(x.shape), lowest, dtype=x.dtype).index_put(tuple(x.indices()), x.values())
    there = torch.zeros(tuple(x.shape), dtype=torch.bool).index_put(tuple(x.indices()), torch.tensor(True))
    found = dense.amax(axes, keepdim=bool(keepdims))
    there = there.sum(axes, keepdim=bool(keepdims)) > 0
    found = torch.where(there, found, torch.zeros_like(found))
    return found.to_sparse() if output_is_sparse else found


def _is_sparse(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.layout == torch.sparse_coo


def _made(indices: torch.Tensor, values: torch.Tensor, shape: Any) -> torch.Tensor:
    return torch.sparse_coo_tensor(indices, values, tuple(shape)).coalesce()


def _at_either(function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], a: Any, b: Any) -> torch.Tensor:
    a, b = a.coalesce(), b.coalesce()
    first, second = (_made(one.indices(), torch.ones_like(one.values()), one.shape) for one in (a, b))
    places = tuple((first + second).coalesce().indices())
    return _made(torch.stack(places), function(a.to_dense()[places], b.to_dense()[places]), a.shape)
