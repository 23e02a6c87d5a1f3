"""`tf.IndexedSlices`, rows of a tensor by their numbers, and the updates of a variable by them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.compat.tf.api import public
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.shapes import TensorShape, as_sizes
from torchkeras_shim.compat.tf.tensors import convert
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.variable import tell_observers


@public("IndexedSlices")
class IndexedSlices:
    """Rows of a tensor and where they stand in it. Gradients are dense tensors here: none of them is one of these.

    Args:
        values: The rows.
        indices: The number of each.
        dense_shape: The shape of the whole tensor.

    Example:
        >>> rows = IndexedSlices([[1.0, 2.0]], [1], dense_shape=[2, 2])
        >>> rows.to_dense()
        tensor([[0., 0.],
                [1., 2.]])
    """

    def __init__(self, values: Any, indices: Any, dense_shape: Any = None) -> None:
        self.values, self.indices = convert(values), convert(indices)
        self.dense_shape = None if dense_shape is None else convert(dense_shape)

    @property
    def dtype(self) -> Any:
        """The type of the rows."""
        return as_dtype(self.values.dtype)

    @property
    def shape(self) -> TensorShape:
        """The shape of the whole tensor, as far as it is known."""
        if self.dense_shape is None:
            return TensorShape([None, *self.values.shape[1:]])
        return TensorShape(as_sizes(self.dense_shape))

    def to_dense(self) -> torch.Tensor:
        """Returns the whole tensor; rows of one number are added.

        Raises:
            ValueError: If its shape is not known.
        """
        if self.dense_shape is None:
            raise ValueError(
                "Tensor conversion requested for IndexedSlices for argument `value` without dense_shape: "
                f"{self!r}. Write tf.IndexedSlices(values, indices, dense_shape)."
            )
        zeros: torch.Tensor = self.values.new_zeros(as_sizes(self.dense_shape))
        return zeros.index_add(0, self.indices.long().reshape(-1), self.values)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.to_dense().numpy(force=True)

    def __neg__(self) -> IndexedSlices:
        return IndexedSlices(-self.values, self.indices, self.dense_shape)

    def __repr__(self) -> str:
        dense = "" if self.dense_shape is None else f", dense_shape={self.dense_shape}"
        return f"IndexedSlices(indices={self.indices}, values={self.values}{dense})"


def _divide(flat: torch.Tensor, rows: torch.Tensor, updates: torch.Tensor) -> None:
    by = torch.ones_like(flat).index_reduce_(0, rows, updates, "prod")
    flat.div_(by, rounding_mode=None if flat.is_floating_point() else "trunc")


def _reduced(how: str) -> Callable[[torch.Tensor, torch.Tensor, torch.Tensor], Any]:
    return lambda flat, rows, updates: flat.index_reduce_(0, rows, updates, how)


#: How rows are changed, by the name of the update.
_UPDATES: dict[str, Callable[[torch.Tensor, torch.Tensor, torch.Tensor], Any]] = {
    "update": lambda flat, rows, updates: flat.index_copy_(0, rows, updates),
    "add": lambda flat, rows, updates: flat.index_add_(0, rows, updates),
    "sub": lambda flat, rows, updates: flat.index_add_(0, rows, updates, alpha=-1),
    "mul": _reduced("prod"),
    "div": _divide,
    "max": _reduced("amax"),
    "min": _reduced("amin"),
}


def update_rows(variable: torch.Tensor, how: str, slices: Any) -> Any:
    """Changes rows of a variable and returns it."""
    if not isinstance(slices, IndexedSlices):
        raise TypeError(
            f"Argument `sparse_delta` must be a `tf.IndexedSlices`. Received arg: {slices!r}. "
            "Write tf.IndexedSlices(values, indices)."
        )
    return update_slices(variable, how, slices.indices[..., None], slices.values)


def update_slices(variable: torch.Tensor, how: str, indices: Any, updates: Any) -> Any:
    """Changes the parts of a variable that the last axis of `indices` leads to, and returns the variable.

    Raises:
        InvalidArgumentError: If an index leads to no part.
    """
    where = convert(indices).long().to(variable.device)
    depth = where.shape[-1]
    sizes, rest = variable.shape[:depth], variable.shape[depth:]
    bounds = torch.tensor(sizes, device=variable.device)
    outside = ((where < 0) | (where >= bounds)).any(-1)
    if bool(outside.any()):
        at = outside.nonzero()[0].tolist()
        raise InvalidArgumentError(
            f"indices{at} = {where[tuple(at)].tolist()} does not index into shape {list(variable.shape)}"
        )
    rows = torch.zeros(where.shape[:-1], dtype=torch.int64, device=variable.device)
    for axis, size in enumerate(sizes):
        rows = rows * size + where[..., axis]
    given = convert(updates, variable.dtype).to(variable.device).expand((*where.shape[:-1], *rest))
    tell_observers([variable])
    with torch.no_grad():
        flat = variable.detach().contiguous().reshape((-1, *rest))
        _UPDATES[how](flat, rows.reshape(-1), given.reshape((-1, *rest)))
        variable.copy_(flat.reshape(variable.shape))
    return variable


def update_batches(variable: torch.Tensor, slices: IndexedSlices) -> Any:
    """Changes rows of each part of a variable: the last axis of the indices numbers them, the others the parts."""
    grids = torch.meshgrid(*(torch.arange(size) for size in slices.indices.shape), indexing="ij")[:-1]
    where = torch.stack([*grids, slices.indices.long().cpu()], -1)
    return update_slices(variable, "update", where, slices.values)
