"""Rows of different lengths, one after the other in one tensor."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import dtypes
from torchkeras_shim.core import row_splits as splits
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.sparse import SparseTensor
from torchkeras_shim.core.text import StringTensor, as_strings, is_text
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

    @classmethod
    def from_row_splits(cls, values: Any, row_splits: Any) -> RaggedTensor:
        """Returns a tensor of values in any form that `as_values` takes, or of a ragged tensor's rows."""
        return cls(_as_values(values), row_splits)

    @classmethod
    def from_row_lengths(cls, values: Any, row_lengths: Any) -> RaggedTensor:
        """Returns a tensor of rows of the given lengths.

        Example:
            >>> RaggedTensor.from_row_lengths([1, 2, 3], [1, 2])
            RaggedTensor([[1], [2, 3]])
        """
        return cls(_as_values(values), splits.of_lengths(row_lengths))

    @classmethod
    def from_value_rowids(cls, values: Any, value_rowids: Any, nrows: int | None = None) -> RaggedTensor:
        """Returns a tensor of values with the number of each one's row, which never falls.

        Example:
            >>> RaggedTensor.from_value_rowids([1, 2, 3], [0, 0, 2], nrows=4)
            RaggedTensor([[1, 2], [], [3], []])
        """
        return cls(_as_values(values), splits.of_rowids(value_rowids, nrows))

    @classmethod
    def from_row_starts(cls, values: Any, row_starts: Any) -> RaggedTensor:
        """Returns a tensor of rows that begin at the given places, each where the one before it ends.

        Example:
            >>> RaggedTensor.from_row_starts([1, 2, 3], [0, 2, 2])
            RaggedTensor([[1, 2], [], [3]])
        """
        values, starts = _as_values(values), torch.as_tensor(row_starts, dtype=torch.int64)
        return cls(values, torch.cat([starts, torch.tensor([len(values)])]))

    @classmethod
    def from_row_limits(cls, values: Any, row_limits: Any) -> RaggedTensor:
        """Returns a tensor of rows that end at the given places.

        Example:
            >>> RaggedTensor.from_row_limits([1, 2, 3], [2, 2, 3])
            RaggedTensor([[1, 2], [], [3]])
        """
        limits = torch.as_tensor(row_limits, dtype=torch.int64)
        return cls(_as_values(values), torch.cat([limits.new_zeros(1), limits]))

    @classmethod
    def from_uniform_row_length(cls, values: Any, uniform_row_length: Any, nrows: Any = None) -> RaggedTensor:
        """Returns a tensor of rows of one length.

        Example:
            >>> RaggedTensor.from_uniform_row_length(RaggedTensor.from_rows([[1], [2, 3]]), 2)
            RaggedTensor([[[1], [2, 3]]])
        """
        values = _as_values(values)
        places = splits.of_uniform(len(values), uniform_row_length, nrows)
        return cls(values, places, int(uniform_row_length))

    @classmethod
    def from_nested_row_splits(cls, flat_values: Any, nested_row_splits: Iterable[Any]) -> RaggedTensor:
        """Returns a tensor of several ragged dimensions, the outermost first.

        Example:
            >>> RaggedTensor.from_nested_row_splits([1, 2, 3], [[0, 2], [0, 1, 3]])
            RaggedTensor([[[1], [2, 3]]])
        """
        result = _as_values(flat_values)
        for places in reversed(list(nested_row_splits)):
            result = cls(result, places)
        return result  # type: ignore[no-any-return]

    @classmethod
    def from_nested_row_lengths(cls, flat_values: Any, nested_row_lengths: Iterable[Any]) -> RaggedTensor:
        """Returns a tensor of several ragged dimensions by the lengths of their rows, the outermost first."""
        return cls.from_nested_row_splits(flat_values, [splits.of_lengths(one) for one in nested_row_lengths])

    @classmethod
    def from_nested_value_rowids(
        cls, flat_values: Any, nested_value_rowids: Iterable[Any], nested_nrows: Iterable[Any] | None = None
    ) -> RaggedTensor:
        """Returns a tensor of several ragged dimensions by the row of each value, the outermost first."""
        rowids = list(nested_value_rowids)
        counts = [None] * len(rowids) if nested_nrows is None else [int(one) for one in nested_nrows]
        places = [splits.of_rowids(one, count) for one, count in zip(rowids, counts, strict=True)]
        return cls.from_nested_row_splits(flat_values, places)

    @classmethod
    def from_rows(cls, rows: Iterable[Any], dtype: Any = None) -> RaggedTensor:
        """Returns a tensor of rows that are tensors, arrays, lists or ragged tensors.

        Args:
            rows: The rows. All must have the same type, and the same shape but for the first dimension.
            dtype: The type of the values, by default that of the rows: int32 and float32 for Python's numbers.

        Example:
            >>> RaggedTensor.from_rows([["a"], [], ["b", "c"]])
            RaggedTensor([[b'a'], [], [b'b', b'c']])
        """
        rows = list(rows)
        return cls(_joined_rows(rows, dtype), splits.of_lengths([len(row) for row in rows]))

    @classmethod
    def from_tensor(cls, tensor: Any, padding: Any = None, lengths: Any = None, ragged_rank: int = 1) -> RaggedTensor:
        """Returns the rows of a tensor of two dimensions or more.

        Args:
            tensor: The rows, padded to one length.
            padding: The value that is cut off at the end of each row.
            lengths: The lengths of the rows, in place of `padding`; a list of such lengths for several dimensions.
            ragged_rank: How many dimensions become ragged; only the last of them is cut by `padding`.

        Example:
            >>> RaggedTensor.from_tensor([[1, 2, 0], [3, 0, 0]], padding=0)
            RaggedTensor([[1, 2], [3]])
        """
        tensor = as_values(tensor)
        if isinstance(lengths, (list, tuple)) and lengths and np.ndim(lengths[0]) == 1:
            outer = cls.from_tensor(tensor, lengths=lengths[0])
            inner = lengths[1:]
            return outer.with_values(cls.from_tensor(outer.values, lengths=inner)) if inner else outer
        count, width = tensor.shape[:2]
        if ragged_rank > 1:
            inside = cls.from_tensor(tensor.reshape(-1, *tensor.shape[2:]), padding, None, ragged_rank - 1)
            return cls.from_uniform_row_length(inside, width, count)
        if lengths is None and padding is None:
            return cls.from_uniform_row_length(tensor.reshape(-1, *tensor.shape[2:]), width, count)
        if lengths is None:
            kept = tensor != padding
            kept = kept.reshape(*kept.shape[:2], -1).any(-1)
            lengths = (kept * torch.arange(1, width + 1)).amax(1) if width else torch.zeros(count)
        lengths = torch.as_tensor(lengths).to(torch.int64).clamp(0, width)
        return cls(tensor[torch.arange(width) < lengths[:, None]], splits.of_lengths(lengths))

    @classmethod
    def from_sparse(cls, st_input: Any) -> RaggedTensor:
        """Returns the rows of a sparse matrix whose values stand at the beginning of each row.

        Raises:
            InvalidArgumentError: If there is a gap before a value.
        """
        sparse = st_input if isinstance(st_input, SparseTensor) else SparseTensor.of_torch(st_input)
        if sparse.ndim != 2:
            raise ValueError(f"A ragged tensor is made of a sparse matrix. Received: shape {sparse.shape}")
        rows, columns = sparse.indices.unbind(1)
        places = splits.of_rowids(rows, sparse.shape[0])
        if not torch.equal(columns, torch.arange(len(columns)) - places[rows]):
            raise InvalidArgumentError(
                "SparseTensor is not right-ragged: the values of each row must stand at its beginning, in order. "
                f"Received: columns {columns.tolist()[:16]} of rows {rows.tolist()[:16]}"
            )
        return cls(sparse.values, places)

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
        if not isinstance(index, tuple):
            return self._rows(index)
        first, *rest = _expanded(index, self.ndim)
        if first is None:
            return RaggedTensor(self[tuple(rest)] if rest else self, [0, len(self)], len(self))
        rows = self._rows(first)
        if not rest:
            return rows
        if isinstance(first, (slice, torch.Tensor)):
            return rows._inside(rest)
        return rows[tuple(rest)]

    def _rows(self, index: Any) -> Any:
        """Returns one row, or those of a slice, of a mask or of a vector of their numbers."""
        if index is Ellipsis:
            return self
        if index is None:
            return self[None,]
        if isinstance(index, slice):
            rows = range(len(self))[index]
            if rows.step != 1:
                return self._taken(torch.tensor(rows, dtype=torch.int64))
            places = self.row_splits[rows.start : rows.stop + 1] if rows else self.row_splits[:1]
            values = self.values[int(places[0]) : int(places[-1])]
            return RaggedTensor(values, places - places[0], self._length)
        if isinstance(index, torch.Tensor) and index.ndim:
            return self._taken(index.nonzero().squeeze(-1) if index.dtype == torch.bool else index.long())
        row = operator.index(index)
        if not -len(self) <= row < len(self):
            raise IndexError(f"Row key {row} out of bounds. There are {len(self)} rows.")
        row %= len(self)
        return self.values[int(self.row_splits[row]) : int(self.row_splits[row + 1])]

    def _taken(self, rows: torch.Tensor) -> RaggedTensor:
        rows = rows.cpu()
        lengths = self.row_lengths()[rows]
        values = self.values[splits.places(self.row_starts()[rows], lengths).to(self.device)]
        return RaggedTensor(values, splits.of_lengths(lengths).to(self.row_splits.dtype), self._length)

    def _inside(self, parts: Sequence[Any]) -> Any:
        """Returns the parts of every row that an index of the dimensions after the first names."""
        first, *rest = parts
        beyond = (slice(None), *rest)
        if first is None:
            inner = self._inside(rest) if rest else self
            return RaggedTensor(inner, torch.arange(len(self) + 1), 1)
        if not isinstance(first, slice):
            if self._length is None:
                raise ValueError(
                    f"Cannot index into the ragged dimension with {first!r}: not every row has such a column. Take a "
                    "slice (`ragged[:, :1]`) or one row first (`ragged[0]`)."
                )
            column = range(self._length)[operator.index(first)]
            found = self.values[(self.row_starts() + column).to(self.device)]
            return found[beyond] if rest else found
        rows = self
        if first != slice(None):
            starts, lengths, step = splits.cut(self.row_lengths(), first)
            values = self.values[splits.places(self.row_starts() + starts, lengths, step).to(self.device)]
            rows = RaggedTensor(values, splits.of_lengths(lengths).to(self.row_splits.dtype))
        return rows.with_values(rows.values[beyond]) if rest else rows

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


def concatenated(parts: Sequence[Any]) -> Any:
    """Returns tensors of any kind one after the other."""
    first = parts[0]
    if isinstance(first, RaggedTensor):
        lengths = torch.cat([one.row_lengths() for one in parts])
        uniform = {one._length for one in parts}
        return RaggedTensor(
            concatenated([one.values for one in parts]),
            splits.of_lengths(lengths).to(first.row_splits.dtype),
            uniform.pop() if len(uniform) == 1 else None,
        )
    if isinstance(first, StringTensor):
        return StringTensor.of_bytes(np.concatenate([one.numpy() for one in parts]))
    return torch.cat(list(parts))


def _joined_rows(rows: list[Any], dtype: Any) -> Any:
    """Returns rows one after the other."""
    filled = [row for row in rows if len(row)]
    if rows and all(isinstance(row, RaggedTensor) for row in rows):
        return concatenated(rows)
    if dtype == "string" or (filled and is_text(filled[0])) or (rows and isinstance(rows[0], StringTensor)):
        texts = [as_strings(row).numpy() for row in filled]
        return StringTensor.of_bytes(np.concatenate(texts) if texts else np.empty(0, dtype=object))
    typed = [row for row in rows if len(row) or isinstance(row, (torch.Tensor, np.ndarray))]
    tensors = [as_values(row) for row in typed]
    floats = next((one.dtype for one in tensors if one.is_floating_point()), None)
    if floats is not None and not any(isinstance(row, (torch.Tensor, np.ndarray)) for row in typed):
        tensors = [one.to(floats) for one in tensors]  # [[1], [2.5]]
    values = torch.cat(tensors) if tensors else torch.zeros(0)
    return values if dtype is None else values.to(dtypes.to_torch_dtype(dtype))


def _as_values(value: Any) -> Any:
    return value if isinstance(value, RaggedTensor) else as_values(value)


def _rows_of(values: Any) -> RaggedTensor:
    return values if isinstance(values, RaggedTensor) else RaggedTensor.from_tensor(values)


def _merged(values: Any, outer: int, inner: int) -> Any:
    if isinstance(values, RaggedTensor):
        return values.merge_dims(outer, inner)
    return values.reshape(*values.shape[:outer], -1, *values.shape[inner + 1 :])


def _expanded(index: tuple[Any, ...], rank: int) -> list[Any]:
    """Returns an index with slices in place of `...`."""
    at = next((place for place, one in enumerate(index) if one is Ellipsis), None)
    if at is None:
        return list(index)
    missing = rank - sum(one is not None and one is not Ellipsis for one in index)
    return [*index[:at], *[slice(None)] * missing, *index[at + 1 :]]


def _long(places: torch.Tensor) -> torch.Tensor:
    return places.long()
