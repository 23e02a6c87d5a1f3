"""Rows of different lengths, one after the other in one tensor."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import dtypes
from torchkeras_shim.core import ragged_indexing as indexing
from torchkeras_shim.core import ragged_makers as makers
from torchkeras_shim.core import row_splits as splits
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.sparse import SparseTensor
from torchkeras_shim.core.text import StringTensor, as_strings
from torchkeras_shim.core.values import as_values

Values = Any  # a tensor, a `StringTensor`, or a `RaggedTensor` for a further ragged dimension

_Operator = Callable[["RaggedTensor", Any], Any]


def _both(function: Callable[[Any, Any], Any]) -> tuple[_Operator, _Operator]:
    """Returns the methods for an operator with the ragged tensor on its left and on its right."""
    return (
        lambda ragged, other: ragged._with(function, ragged._beside(other)),
        lambda ragged, other: ragged._with(lambda values, beside: function(beside, values), ragged._beside(other)),
    )


class RaggedTensor:
    """A tensor whose second dimension differs from row to row, and perhaps further ones: its values may be ragged.

    Operators compute on the values and keep the rows.

    Args:
        values: All rows one after the other, a tensor, a `StringTensor` or a `RaggedTensor`.
        row_splits: Where each row begins, and last where the last one ends: int64, one more than there are rows.
        uniform_row_length: The length of every row, if the rows are known to have one.

    Raises:
        InvalidArgumentError: If `row_splits` does not begin at 0, grow, and end at the number of values.

    Example:
        >>> ragged = RaggedTensor(torch.tensor([1, 2, 3]), torch.tensor([0, 2, 2, 3]))
        >>> ragged
        RaggedTensor([[1, 2], [], [3]])
        >>> ragged.shape, (ragged * 10).to_list()
        ((3, None), [[10, 20], [], [30]])
        >>> ragged.to_tensor()
        tensor([[1, 2],
                [0, 0],
                [3, 0]])
    """

    __slots__ = ("_length", "row_splits", "values")
    __hash__ = None  # type: ignore[assignment]
    __array_ufunc__ = None  # numpy leaves `array * ragged` to the operators here

    def __init__(self, values: Values, row_splits: Any, uniform_row_length: int | None = None) -> None:
        places = splits.as_splits(row_splits)
        splits.check(places, len(values))
        self.values = values
        self.row_splits = places
        self._length = uniform_row_length

    from_row_splits = classmethod(makers.from_row_splits)
    from_row_lengths = classmethod(makers.from_row_lengths)
    from_value_rowids = classmethod(makers.from_value_rowids)
    from_row_starts = classmethod(makers.from_row_starts)
    from_row_limits = classmethod(makers.from_row_limits)
    from_uniform_row_length = classmethod(makers.from_uniform_row_length)
    from_nested_row_splits = classmethod(makers.from_nested_row_splits)
    from_nested_row_lengths = classmethod(makers.from_nested_row_lengths)
    from_nested_value_rowids = classmethod(makers.from_nested_value_rowids)
    from_rows = classmethod(makers.from_rows)
    from_tensor = classmethod(makers.from_tensor)
    from_sparse = classmethod(makers.from_sparse)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"A ragged tensor has no attribute {name!r}, and functions on tensors of whole rows do not take it. Write "
            "ragged.to_tensor() for padded rows, or compute on ragged.values and write ragged.with_values(result)."
        )

    def with_values(self, values: Values) -> RaggedTensor:
        """Returns the same rows with other values, one for each of those here."""
        return RaggedTensor(_as_values(values), self.row_splits, self._length)

    def with_flat_values(self, values: Values) -> RaggedTensor:
        """Returns the same rows, in all ragged dimensions, with other values."""
        inner = self.values
        return self.with_values(inner.with_flat_values(values) if isinstance(inner, RaggedTensor) else values)

    def with_row_splits_dtype(self, dtype: Any) -> RaggedTensor:
        """Returns the tensor with the places of its rows as int32 or int64."""
        kind = dtypes.to_torch_dtype(dtypes.standardize_dtype(dtype))
        inner = self.values.with_row_splits_dtype(dtype) if isinstance(self.values, RaggedTensor) else self.values
        return RaggedTensor(inner, self.row_splits.to(kind), self._length)

    @property
    def flat_values(self) -> Any:
        """The values inside of all ragged dimensions."""
        return self.values.flat_values if isinstance(self.values, RaggedTensor) else self.values

    @property
    def nested_row_splits(self) -> tuple[torch.Tensor, ...]:
        """The places of the rows of each ragged dimension, the outermost first."""
        inner = self.values.nested_row_splits if isinstance(self.values, RaggedTensor) else ()
        return (self.row_splits, *inner)

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape, with `None` for ragged dimensions."""
        return (len(self), self._length, *self.values.shape[1:])

    @property
    def uniform_row_length(self) -> torch.Tensor | None:
        """The length of every row, if the rows are known to have one."""
        return None if self._length is None else torch.tensor(self._length, dtype=self.row_splits.dtype)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return int(self.values.ndim) + 1

    @property
    def dtype(self) -> Any:
        """The type of the values."""
        return self.values.dtype

    @property
    def device(self) -> torch.device:
        """Where the values are."""
        return self.values.device  # type: ignore[no-any-return]

    @property
    def ragged_rank(self) -> int:
        """The number of ragged dimensions."""
        return len(self.nested_row_splits)

    def nrows(self, out_type: Any = None) -> torch.Tensor:
        """Returns the number of rows, of the type of the splits unless another is given."""
        return torch.tensor(len(self), dtype=self._kind(out_type))

    def row_lengths(self, axis: int = 1) -> Any:
        """Returns the length of each row; of the rows of an inner ragged dimension as a ragged tensor."""
        if axis > 1:
            return self.with_values(self.values.row_lengths(axis - 1))
        return self.row_splits.diff()

    def nested_row_lengths(self) -> tuple[torch.Tensor, ...]:
        """Returns the lengths of the rows of each ragged dimension, the outermost first."""
        return tuple(one.diff() for one in self.nested_row_splits)

    def row_starts(self) -> torch.Tensor:
        """Returns where each row begins among the values."""
        return self.row_splits[:-1]

    def row_limits(self) -> torch.Tensor:
        """Returns where each row ends among the values."""
        return self.row_splits[1:]

    def value_rowids(self) -> torch.Tensor:
        """Returns the row of each value."""
        return torch.repeat_interleave(torch.arange(len(self), dtype=self.row_splits.dtype), self.row_lengths())

    def nested_value_rowids(self) -> tuple[torch.Tensor, ...]:
        """Returns the row of each value in each ragged dimension, the outermost first."""
        inner = self.values.nested_value_rowids() if isinstance(self.values, RaggedTensor) else ()
        return (self.value_rowids(), *inner)

    def bounding_shape(self, axis: Any = None, out_type: Any = None) -> torch.Tensor:
        """Returns the smallest shape that holds all rows, or its sizes along the given axes."""
        sizes = torch.tensor(self._bounds(), dtype=self._kind(out_type))
        return sizes if axis is None else sizes[axis]

    def to(self, *args: Any, **kwargs: Any) -> RaggedTensor:
        """Returns the tensor with its values on another device or of another type, as `torch.Tensor.to`."""
        flat = self.flat_values
        return self if isinstance(flat, StringTensor) else self.with_flat_values(flat.to(*args, **kwargs))

    def merge_dims(self, outer_axis: int, inner_axis: int) -> Any:
        """Returns the tensor with the dimensions from one to the other as one.

        Example:
            >>> RaggedTensor.from_nested_row_splits([1, 2, 3], [[0, 2, 2], [0, 1, 3]]).merge_dims(1, 2)
            RaggedTensor([[1, 2, 3], []])
        """
        outer, inner = (axis % self.ndim for axis in (outer_axis, inner_axis))
        if outer > inner:
            raise ValueError(
                f"Expected outer_axis ({outer_axis}) to be less than or equal to inner_axis ({inner_axis})"
            )
        if outer > 1:
            return self.with_values(_merged(self.values, outer - 1, inner - 1))
        merged = self
        for _ in range(inner - max(outer, 1)):
            values = _rows_of(merged.values)
            merged = RaggedTensor(values.values, values.row_splits[merged.row_splits.long()])
        return merged if outer or not inner else merged.values

    def to_tensor(self, default_value: Any = None, shape: Sequence[int | None] | None = None) -> Any:
        """Returns the rows filled up to one length.

        Args:
            default_value: What fills the rows: 0 or an empty string by default.
            shape: The shape of the result; `None` for a dimension that is as large as it must be. What is beyond it is
                cut.

        Example:
            >>> RaggedTensor.from_rows([[1, 2], [3]]).to_tensor(default_value=-1, shape=[None, 3])
            tensor([[ 1,  2, -1],
                    [ 3, -1, -1]], dtype=torch.int32)
        """
        bound = self._bounds()
        for axis, size in enumerate(shape or ()):
            bound[axis] = bound[axis] if size is None else int(size)
        inner = self.values
        if isinstance(inner, RaggedTensor):
            inner = inner.to_tensor(default_value, [None, *bound[2:]])
        rows, width = bound[:2]
        counts = self.row_lengths()[:rows].clamp(max=width)
        taken = (torch.arange(width) < counts[:, None]).nonzero(as_tuple=True)
        values = inner[(self.row_starts()[taken[0]] + taken[1]).to(self.device)]
        if isinstance(values, StringTensor):
            filled = np.full(bound, b"" if default_value is None else as_strings(default_value).numpy(), dtype=object)
            filled[taken[0].numpy(), taken[1].numpy()] = values.numpy()
            return StringTensor.of_bytes(filled)
        default = 0 if default_value is None else default_value
        tensor = values.new_zeros(bound)
        tensor[...] = torch.as_tensor(default, dtype=values.dtype, device=values.device)
        corner = (*(one.to(self.device) for one in taken), *(slice(size) for size in values.shape[1:]))
        tensor[corner] = values
        return tensor

    def to_sparse(self) -> SparseTensor:
        """Returns the values as those of a sparse tensor, at the beginnings of its rows."""
        flat, rows = self.flat_values, self
        columns: list[torch.Tensor] = []
        while isinstance(rows, RaggedTensor):
            ids = rows.value_rowids().long()
            inside = torch.arange(len(ids)) - rows.row_starts()[ids]
            columns = [*(one[ids] for one in columns), inside] if columns else [ids, inside]
            rows = rows.values
        if flat.ndim > 1:
            raise ValueError(
                "`to_sparse` takes ragged tensors whose values are scalars. Received: values of shape "
                f"{tuple(flat.shape)}. Write RaggedTensor.from_tensor(x, ragged_rank={self.ndim - 1}) first."
            )
        return SparseTensor(torch.stack(columns, 1), flat, self._bounds())

    def to_list(self) -> list[Any]:
        """Returns nested lists."""
        return [row.to_list() if isinstance(row, RaggedTensor) else row.tolist() for row in self]

    def numpy(self) -> np.ndarray[Any, Any]:
        """Returns an object array of arrays, or one plain array if all rows are of equal length."""
        rows = [np.asarray(row.numpy(force=True) if isinstance(row, torch.Tensor) else row.numpy()) for row in self]
        if len({row.shape for row in rows}) == 1 and not isinstance(self.values, RaggedTensor):
            return np.stack(rows)
        array: np.ndarray[Any, Any] = np.empty(len(rows), dtype=object)
        for index, row in enumerate(rows):
            array[index] = row
        return array

    def __iter__(self) -> Iterator[Any]:
        bounds = self.row_splits.tolist()
        return (self.values[start:stop] for start, stop in itertools.pairwise(bounds))

    def __len__(self) -> int:
        return len(self.row_splits) - 1

    def __getitem__(self, index: Any) -> Any:
        return indexing.item(self, index)

    def _bounds(self) -> list[int]:
        longest = int(self.row_lengths().amax()) if len(self) else 0
        inner = self.values._bounds() if isinstance(self.values, RaggedTensor) else self.values.shape
        return [len(self), longest if self._length is None else self._length, *inner[1:]]

    def _kind(self, out_type: Any) -> torch.dtype:
        return self.row_splits.dtype if out_type is None else dtypes.to_torch_dtype(dtypes.standardize_dtype(out_type))

    def _beside(self, other: Any) -> Any:
        """Returns another operand with an entry for each flat value here."""
        if isinstance(other, RaggedTensor):
            mine, theirs = self.nested_row_splits, other.nested_row_splits
            if len(mine) != len(theirs) or not all(map(torch.equal, map(_long, mine), map(_long, theirs))):
                raise InvalidArgumentError(
                    "Condition x == y did not hold. Two ragged tensors must have rows of the same lengths. "
                    f"Received: row_lengths {self.row_lengths().tolist()[:8]} and {other.row_lengths().tolist()[:8]}"
                )
            return other.flat_values
        if isinstance(other, (str, bytes, bool, int, float, complex)):
            return other
        tensor = as_values(other)
        inner = self.values
        if tensor.ndim <= self.flat_values.ndim - 1:
            return tensor  # broadcasts against the inner dimensions
        if tensor.numel() == 1 and tensor.ndim <= self.ndim and isinstance(tensor, torch.Tensor):
            return tensor.reshape(())
        if tensor.ndim == self.ndim and tensor.shape[0] in (1, len(self)) and tensor.shape[1] == 1:
            per_row = tensor[:, 0]
            per_value = per_row[self.value_rowids()] if len(per_row) == len(self) else per_row
            return inner._beside(per_value) if isinstance(inner, RaggedTensor) else per_value
        raise InvalidArgumentError(
            "Unable to broadcast: a dense tensor beside a RaggedTensor must have shape (rows, 1, ...) or fit into one "
            f"value. Received: shapes {self.shape} and {tuple(tensor.shape)}. Convert with `ragged.to_tensor()` first."
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return RaggedTensor, (self.values, self.row_splits, self._length)

    def __repr__(self) -> str:
        return f"RaggedTensor({self.to_list()})"

    def _with(self, function: Callable[..., Any], *others: Any) -> Any:
        try:
            return self.with_flat_values(function(self.flat_values, *others))
        except TypeError:
            return NotImplemented

    __add__, __radd__ = _both(operator.add)
    __sub__, __rsub__ = _both(operator.sub)
    __mul__, __rmul__ = _both(operator.mul)
    __truediv__, __rtruediv__ = _both(operator.truediv)
    __floordiv__, __rfloordiv__ = _both(operator.floordiv)
    __mod__, __rmod__ = _both(operator.mod)
    __pow__, __rpow__ = _both(operator.pow)
    __and__, __rand__ = _both(operator.and_)
    __or__, __ror__ = _both(operator.or_)
    __xor__, __rxor__ = _both(operator.xor)
    __lt__, __gt__ = _both(operator.lt)
    __le__, __ge__ = _both(operator.le)

    def __eq__(self, other: Any) -> Any:
        return NotImplemented if other is None else self._with(operator.eq, self._beside(other))

    def __ne__(self, other: Any) -> Any:
        return NotImplemented if other is None else self._with(operator.ne, self._beside(other))

    def __neg__(self) -> Any:
        return self._with(operator.neg)

    def __abs__(self) -> Any:
        return self._with(operator.abs)

    def __invert__(self) -> Any:
        return self._with(operator.invert)


def _as_values(value: Any) -> Any:
    return value if isinstance(value, RaggedTensor) else as_values(value)


def _rows_of(values: Any) -> RaggedTensor:
    return values if isinstance(values, RaggedTensor) else RaggedTensor.from_tensor(values)


def _merged(values: Any, outer: int, inner: int) -> Any:
    if isinstance(values, RaggedTensor):
        return values.merge_dims(outer, inner)
    return values.reshape(*values.shape[:outer], -1, *values.shape[inner + 1 :])


def _long(places: torch.Tensor) -> torch.Tensor:
    return places.long()
