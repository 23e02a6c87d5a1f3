"""Tensors of which only some values are there, with the places of these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import row_splits
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.text import StringTensor, as_strings
from torchkeras_shim.core.values import as_values

Values = torch.Tensor | StringTensor


class SparseTensor:
    """The values that are there and their places, in the order in which they were given.

    Layers get it as torch's sparse tensor (COO), which `to_torch` makes.

    Args:
        indices: The places: int64, a row of as many numbers as there are dimensions for each value.
        values: The values, in any form that `as_values` takes.
        dense_shape: The sizes of the whole.

    Raises:
        ValueError: If the three do not go together.
        TypeError: If the places are not integers.

    Example:
        >>> sparse = SparseTensor([[0, 2], [1, 0]], [5, 6], [2, 3])
        >>> sparse.to_torch().to_dense()
        tensor([[0, 0, 5],
                [6, 0, 0]], dtype=torch.int32)
    """

    __slots__ = ("_shape", "indices", "values")
    __array_ufunc__ = None  # numpy leaves `array * sparse` to the operators here

    def __init__(self, indices: Any, values: Any, dense_shape: Iterable[Any]) -> None:
        values = as_values(values)
        shape = tuple(int(size) for size in dense_shape)
        places = torch.as_tensor(indices)
        if places.dtype.is_floating_point:
            raise TypeError(f"The places of a sparse tensor are integers. Received: indices of type {places.dtype}")
        places = places.to(torch.int64)
        if not places.numel() and places.ndim < 2:
            places = places.reshape(0, len(shape))
        if places.ndim != 2 or places.shape[1] != len(shape) or len(places) != len(values) or values.ndim != 1:
            raise ValueError(
                "A sparse tensor takes `indices` of shape (n, rank), `values` of shape (n,) and `dense_shape` of shape "
                f"(rank,). Received: shapes {tuple(places.shape)}, {tuple(values.shape)} and ({len(shape)},)"
            )
        self.indices, self.values, self._shape = places, values, shape

    @classmethod
    def from_value(cls, sparse_tensor_value: Any) -> SparseTensor:
        """Returns anything with `indices`, `values` and `dense_shape` as a sparse tensor."""
        return cls(sparse_tensor_value.indices, sparse_tensor_value.values, sparse_tensor_value.dense_shape)

    @classmethod
    def of_torch(cls, tensor: torch.Tensor) -> SparseTensor:
        """Returns torch's sparse tensor in this form."""
        found = tensor.coalesce() if tensor.layout == torch.sparse_coo else tensor.to_sparse()
        return cls(found.indices().T.contiguous(), found.values(), found.shape)

    @classmethod
    def of_dense(cls, tensor: Values) -> SparseTensor:
        """Returns a tensor without its zeros, or its empty texts.

        Example:
            >>> SparseTensor.of_dense(torch.tensor([[0, 3], [4, 0]])).indices
            tensor([[0, 1],
                    [1, 0]])
        """
        places = (tensor != "").nonzero() if isinstance(tensor, StringTensor) else tensor.nonzero()
        return cls(places, tensor[tuple(places.unbind(1))] if tensor.ndim else tensor.reshape(-1)[:0], tensor.shape)

    @property
    def dense_shape(self) -> torch.Tensor:
        """The sizes as a tensor."""
        return torch.tensor(self._shape, dtype=torch.int64)

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes."""
        return self._shape

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self._shape)

    @property
    def dtype(self) -> Any:
        """The type of the values."""
        return self.values.dtype

    @property
    def device(self) -> torch.device:
        """Where the values are."""
        return torch.device(self.values.device)

    def with_values(self, values: Any) -> SparseTensor:
        """Returns other values at the same places."""
        return SparseTensor(self.indices, as_values(values), self._shape)

    def to(self, *args: Any, **kwargs: Any) -> SparseTensor:
        """Returns the tensor with its values on another device or of another type, as `torch.Tensor.to`."""
        return self if isinstance(self.values, StringTensor) else self.with_values(self.values.to(*args, **kwargs))

    def in_order(self) -> SparseTensor:
        """Returns the values in the order of their places."""
        order = torch.argsort(self.flat_places(), stable=True)
        return SparseTensor(self.indices[order], self.values[order.to(self.device)], self._shape)

    def flat_places(self) -> torch.Tensor:
        """Returns the place of each value in the whole laid out in one line.

        Raises:
            InvalidArgumentError: If a place is outside.
        """
        limits = self.dense_shape
        outside = ((self.indices < 0) | (self.indices >= limits)).any(1)
        if bool(outside.any()):
            first = int(outside.nonzero()[0])
            raise InvalidArgumentError(
                f"indices[{first}] = {self.indices[first].tolist()} is out of bounds: need 0 <= index < "
                f"{list(self._shape)}"
            )
        flat = torch.zeros(len(self.indices), dtype=torch.int64)
        for axis, size in enumerate(self._shape):
            flat = flat * size + self.indices[:, axis]
        return flat

    def to_torch(self) -> torch.Tensor:
        """Returns torch's sparse tensor (COO), in which values at one place are added."""
        if isinstance(self.values, StringTensor):
            raise TypeError("Text has no sparse tensors of torch's. Write tf.sparse.to_dense(x).")
        places = self.indices.T.to(self.device)
        return torch.sparse_coo_tensor(places, self.values, self._shape, check_invariants=True).coalesce()

    def to_dense(self, default_value: Any = None) -> Any:
        """Returns the whole tensor.

        Args:
            default_value: What stands where no value is: 0 or an empty text by default.
        """
        flat, count = self.flat_places(), int(self.dense_shape.prod())
        if isinstance(self.values, StringTensor):
            fill = b"" if default_value is None else as_strings(default_value).numpy()
            texts = StringTensor([fill]).numpy().repeat(count)
            texts[flat.numpy()] = self.values.numpy()
            return StringTensor.of_bytes(texts.reshape(self._shape))
        default = 0 if default_value is None else default_value
        whole = torch.empty(count, dtype=self.dtype, device=self.device).fill_(default)
        return whole.index_put((flat.to(self.device),), self.values).reshape(self._shape)

    def __len__(self) -> int:
        if not self._shape:
            raise TypeError("Scalar tensor has no `len()`.")
        return self._shape[0]

    def __getitem__(self, index: Any) -> SparseTensor:
        """Returns one row, or those of a slice, of a mask or of a vector of their numbers."""
        if isinstance(index, int) or (isinstance(index, torch.Tensor) and not index.ndim):
            row = range(len(self))[int(index)]
            there = self.indices[:, 0] == row
            return SparseTensor(self.indices[there, 1:], self.values[there], self._shape[1:])
        rows = torch.arange(len(self))[index].cpu()
        order = torch.argsort(self.indices[:, 0], stable=True)
        counts = torch.bincount(self.indices[:, 0], minlength=len(self))
        taken = order[row_splits.places((counts.cumsum(0) - counts)[rows], counts[rows])]
        first = torch.repeat_interleave(torch.arange(len(rows)), counts[rows])
        indices = torch.cat([first[:, None], self.indices[taken, 1:]], 1)
        return SparseTensor(indices, self.values[taken.to(self.device)], [len(rows), *self._shape[1:]])

    def __iter__(self) -> Iterator[SparseTensor]:
        return (self[row] for row in range(len(self)))

    def __mul__(self, other: Any) -> Any:
        return self._beside(torch.mul, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self._beside(torch.true_divide, other)

    def __neg__(self) -> Any:
        return self.with_values(-self.values)

    def _beside(self, function: Any, other: Any) -> Any:
        """Computes with the entries of a dense operand at the places that are there."""
        if isinstance(other, SparseTensor):
            return NotImplemented
        dense = torch.as_tensor(other, dtype=None if isinstance(other, torch.Tensor) else self.dtype)
        whole = dense.expand(self._shape)
        return self.with_values(function(self.values, whole[tuple(self.indices.T.to(whole.device))]))

    def __reduce__(self) -> tuple[Any, ...]:
        return SparseTensor, (self.indices, self.values, self._shape)

    def __repr__(self) -> str:
        return (
            f"SparseTensor(indices={self.indices.tolist()}, values={self.values.tolist()}, "
            f"dense_shape={list(self._shape)})"
        )


def stacked(parts: Sequence[SparseTensor]) -> SparseTensor:
    """Returns sparse tensors of one rank along a new first axis, each size the largest of theirs.

    Example:
        >>> stacked([SparseTensor([[0]], [5], [2]), SparseTensor([[2]], [6], [3])])
        SparseTensor(indices=[[0, 0], [1, 2]], values=[5, 6], dense_shape=[2, 3])
    """
    if len({one.ndim for one in parts}) > 1:
        raise InvalidArgumentError(f"Expected sparse tensors of one rank. Received: {[one.ndim for one in parts]}")
    places = torch.cat([torch.nn.functional.pad(one.indices, (1, 0), value=row) for row, one in enumerate(parts)])
    sizes = [max(size) for size in zip(*(one.shape for one in parts), strict=True)]
    return SparseTensor(places, joined([one.values for one in parts]), [len(parts), *sizes])


def joined(values: Sequence[Values]) -> Any:
    """Returns values one after the other."""
    if isinstance(values[0], StringTensor):
        return StringTensor.of_bytes(np.concatenate([np.asarray(one) for one in values]))
    return torch.cat(list(values))  # type: ignore[arg-type]
