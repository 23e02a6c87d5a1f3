"""The least of `tf.sparse`: tensors with few values, made, turned dense, and multiplied."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.compat.tf.api import public, tf_op
from torchkeras_shim.compat.tf.shapes import as_sizes
from torchkeras_shim.compat.tf.tensors import convert, like


class _SparseType(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, torch.Tensor) and instance.layout == torch.sparse_coo


@public("SparseTensor", "sparse.SparseTensor")
class SparseTensor(metaclass=_SparseType):
    """`tf.SparseTensor(indices, values, dense_shape)` makes torch's sparse tensor (COO)."""

    def __new__(cls, indices: Any, values: Any, dense_shape: Any) -> Any:
        places = convert(indices).long().reshape(-1, len(as_sizes(dense_shape)))
        return torch.sparse_coo_tensor(places.T, convert(values), as_sizes(dense_shape), check_invariants=True)


@tf_op("sparse.to_dense")
def to_dense(sp_input: Any, default_value: Any = None, validate_indices: bool = True) -> Any:
    """A sparse tensor with all of its values."""
    x = sp_input.coalesce()
    if default_value is None:
        return x.to_dense()
    dense = torch.full(tuple(x.shape), convert(default_value).item(), dtype=x.dtype)
    return dense.index_put(tuple(x.indices()), x.values())


@tf_op("sparse.from_dense")
def from_dense(tensor: Any) -> Any:
    """A tensor without its zeros."""
    return like(tensor).to_sparse()


@tf_op("sparse.sparse_dense_matmul")
def sparse_dense_matmul(sp_a: Any, b: Any, adjoint_a: bool = False, adjoint_b: bool = False) -> Any:
    """The product of a sparse and a dense matrix."""
    return torch.sparse.mm(sp_a.mH if adjoint_a else sp_a, like(b).mH if adjoint_b else like(b))


@tf_op("sparse.reorder")
def reorder(sp_input: Any) -> Any:
    """A sparse tensor with its values in the order of their places."""
    return sp_input.coalesce()


@tf_op("sparse.reduce_sum")
def reduce_sum(sp_input: Any, axis: Any = None, keepdims: bool | None = None, output_is_sparse: bool = False) -> Any:
    """The sum of the values along axes, dense."""
    dense = sp_input.to_dense()
    return dense.sum() if axis is None else dense.sum(axis, keepdim=bool(keepdims))
