"""Rows of different lengths, one after the other in one tensor."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import config, dtypes
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.text import StringTensor, as_strings, is_text

Values = torch.Tensor | StringTensor

_Operator = Callable[["RaggedTensor", Any], Any]


def _both(function: Callable[[Any, Any], Any]) -> tuple[_Operator, _Operator]:
    """Returns the methods for an operator with the ragged tensor on its left and on its right."""
    return (
        lambda ragged, other: ragged._with(function, ragged._beside(other)),
        lambda ragged, other: ragged._with(lambda values, beside: function(beside, values), ragged._beside(other)),
    )


class RaggedTensor:
    """A tensor whose second dimension differs from row to row.

    Operators compute on the values and keep the rows.

    Args:
        values: All rows one after the other, a tensor or a `StringTensor`.
        row_splits: Where each row begins, and last where the last one ends: int64, one more than there are rows.

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

    __slots__ = ("row_splits", "values")
    __hash__ = None  # type: ignore[assignment]
    __array_ufunc__ = None  # numpy leaves `array * ragged` to the operators here

    def __init__(self, values: Values, row_splits: Any) -> None:
        splits = torch.as_tensor(row_splits, dtype=torch.int64)
        _check(splits, len(values))
        self.values = values
        self.row_splits = splits

    @classmethod
    def from_row_splits(cls, values: Any, row_splits: Any) -> RaggedTensor:
        """Returns a tensor of values in any form that `as_values` takes."""
        return cls(as_values(values), row_splits)

    @classmethod
    def from_row_lengths(cls, values: Any, row_lengths: Any) -> RaggedTensor:
        """Returns a tensor of rows of the given lengths.

        Example:
            >>> RaggedTensor.from_row_lengths([1, 2, 3], [1, 2])
            RaggedTensor([[1], [2, 3]])
        """
        return cls(as_values(values), _splits(torch.as_tensor(row_lengths, dtype=torch.int64)))

    @classmethod
    def from_value_rowids(cls, values: Any, value_rowids: Any, nrows: int | None = None) -> RaggedTensor:
        """Returns a tensor of values with the number of each one's row, which never falls.

        Example:
            >>> RaggedTensor.from_value_rowids([1, 2, 3], [0, 0, 2], nrows=4)
            RaggedTensor([[1, 2], [], [3], []])
        """
        rows = torch.as_tensor(value_rowids, dtype=torch.int64)
        count = (int(rows[-1]) + 1 if len(rows) else 0) if nrows is None else int(nrows)
        if len(rows) and int(rows[-1]) >= count:
            raise ValueError(
                f"Expected nrows >= value_rowids[-1] + 1; got nrows={count}, value_rowids[-1]={int(rows[-1])}. "
                f"Write nrows={int(rows[-1]) + 1}, or leave it out."
            )
        if len(rows) and (int(rows[0]) < 0 or bool((rows.diff() < 0).any())):
            raise InvalidArgumentError(
                "Arguments to from_value_rowids do not form a valid RaggedTensor. The numbers of rows must not be "
                f"negative, and never fall. Received: value_rowids={rows.tolist()}. Sort the values by their rows."
            )
        return cls(as_values(values), _splits(torch.bincount(rows, minlength=count)))

    @classmethod
    def from_row_starts(cls, values: Any, row_starts: Any) -> RaggedTensor:
        """Returns a tensor of rows that begin at the given places, each where the one before it ends.

        Example:
            >>> RaggedTensor.from_row_starts([1, 2, 3], [0, 2, 2])
            RaggedTensor([[1, 2], [], [3]])
        """
        return cls._of_places(values, row_starts, before=False)

    @classmethod
    def from_row_limits(cls, values: Any, row_limits: Any) -> RaggedTensor:
        """Returns a tensor of rows that end at the given places.

        Example:
            >>> RaggedTensor.from_row_limits([1, 2, 3], [2, 2, 3])
            RaggedTensor([[1, 2], [], [3]])
        """
        return cls._of_places(values, row_limits, before=True)

    @classmethod
    def _of_places(cls, values: Any, places: Any, before: bool) -> RaggedTensor:
        values, places = as_values(values), torch.as_tensor(places, dtype=torch.int64)
        end = torch.tensor([0 if before else len(values)])
        return cls(values, torch.cat([end, places] if before else [places, end]))

    @classmethod
    def from_rows(cls, rows: Iterable[Any], dtype: Any = None) -> RaggedTensor:
        """Returns a tensor of rows that are tensors, arrays or lists.

        Args:
            rows: The rows. All must have the same type, and the same shape but for the first dimension.
            dtype: The type of the values, by default that of the rows: int32 and float32 for Python's numbers.

        Example:
            >>> RaggedTensor.from_rows([["a"], [], ["b", "c"]])
            RaggedTensor([[b'a'], [], [b'b', b'c']])
        """
        rows = list(rows)
        filled = [row for row in rows if len(row)]
        if dtype == "string" or (filled and is_text(filled[0])) or (rows and isinstance(rows[0], StringTensor)):
            texts = [as_strings(row).numpy() for row in rows if len(row)]
            values: Values = StringTensor.of_bytes(np.concatenate(texts) if texts else np.empty(0, dtype=object))
        else:
            typed = [row for row in rows if len(row) or isinstance(row, (torch.Tensor, np.ndarray))]
            tensors = [as_values(row) for row in typed]
            floats = next((one.dtype for one in tensors if one.is_floating_point()), None)
            if floats is not None and not any(isinstance(row, (torch.Tensor, np.ndarray)) for row in typed):
                tensors = [one.to(floats) for one in tensors]  # [[1], [2.5]]
            values = torch.cat(tensors) if tensors else torch.zeros(0)
            if dtype is not None:
                values = values.to(dtypes.to_torch_dtype(dtype))
        return cls(values, _splits(torch.tensor([len(row) for row in rows], dtype=torch.int64)))

    @classmethod
    def from_tensor(cls, tensor: Any, padding: Any = None, lengths: Any = None) -> RaggedTensor:
        """Returns the rows of a tensor of two dimensions or more.

        Args:
            tensor: The rows, padded to one length.
            padding: The value that is cut off at the end of each row.
            lengths: The lengths of the rows, in place of `padding`.

        Example:
            >>> RaggedTensor.from_tensor([[1, 2, 0], [3, 0, 0]], padding=0)
            RaggedTensor([[1, 2], [3]])
        """
        tensor = as_values(tensor)
        width = tensor.shape[1]
        if lengths is None and padding is None:
            lengths = torch.full((len(tensor),), width)
        elif lengths is None:
            kept = tensor != padding
            kept = kept.reshape(*kept.shape[:2], -1).any(-1)
            lengths = (kept * torch.arange(1, width + 1)).amax(1) if width else torch.zeros(len(tensor))
        lengths = torch.as_tensor(lengths).to(torch.int64).clamp(0, width)
        inside = torch.arange(width) < lengths[:, None]
        return cls(tensor[inside], _splits(lengths))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"A ragged tensor has no attribute {name!r}, and functions on tensors of whole rows do not take it. Write "
            "ragged.to_tensor() for padded rows, or compute on ragged.values and write ragged.with_values(result)."
        )

    def with_values(self, values: Values) -> RaggedTensor:
        """Returns the same rows with other values, one for each of those here."""
        return RaggedTensor(values, self.row_splits)

    @property
    def flat_values(self) -> Values:
        """The values: of one ragged dimension they are the same as `values`."""
        return self.values

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape, with `None` for the ragged dimension."""
        return (self.nrows(), None, *self.values.shape[1:])

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.values.ndim + 1

    @property
    def dtype(self) -> Any:
        """The type of the values."""
        return self.values.dtype

    @property
    def device(self) -> torch.device:
        """Where the values are."""
        return self.values.device

    @property
    def ragged_rank(self) -> int:
        """The number of ragged dimensions, which is 1."""
        return 1

    def nrows(self) -> int:
        """Returns the number of rows."""
        return len(self.row_splits) - 1

    def row_lengths(self) -> torch.Tensor:
        """Returns the length of each row."""
        return self.row_splits.diff()

    def row_starts(self) -> torch.Tensor:
        """Returns where each row begins among the values."""
        return self.row_splits[:-1]

    def row_limits(self) -> torch.Tensor:
        """Returns where each row ends among the values."""
        return self.row_splits[1:]

    def value_rowids(self) -> torch.Tensor:
        """Returns the row of each value."""
        return torch.repeat_interleave(torch.arange(self.nrows()), self.row_lengths())

    def bounding_shape(self) -> tuple[int, ...]:
        """Returns the smallest shape that holds all rows."""
        longest = int(self.row_lengths().amax()) if self.nrows() else 0
        return (self.nrows(), longest, *self.values.shape[1:])

    def to(self, *args: Any, **kwargs: Any) -> RaggedTensor:
        """Returns the tensor with its values on another device or of another type, as `torch.Tensor.to`."""
        return self if isinstance(self.values, StringTensor) else self.with_values(self.values.to(*args, **kwargs))

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
        bound = list(self.bounding_shape())
        for axis, size in enumerate(shape or ()):
            bound[axis] = bound[axis] if size is None else int(size)
        rows, width = bound[:2]
        counts = self.row_lengths()[:rows].clamp(max=width)
        taken = (torch.arange(width) < counts[:, None]).nonzero(as_tuple=True)
        values = self.values[(self.row_starts()[taken[0]] + taken[1]).to(self.device)]
        if isinstance(values, StringTensor):
            filled = np.full(bound, b"" if default_value is None else as_strings(default_value).numpy(), dtype=object)
            filled[taken[0].numpy(), taken[1].numpy()] = values.numpy()
            return StringTensor.of_bytes(filled)
        default = 0 if default_value is None else default_value
        tensor = values.new_zeros(bound)
        tensor[...] = torch.as_tensor(default, dtype=values.dtype, device=values.device)
        tensor[tuple(one.to(self.device) for one in taken)] = values
        return tensor

    def to_list(self) -> list[Any]:
        """Returns nested lists."""
        return [row.tolist() for row in self]

    def numpy(self) -> np.ndarray[Any, Any]:
        """Returns an object array of arrays, or one plain array if all rows are of equal length."""
        rows = [np.asarray(row.numpy(force=True) if isinstance(row, torch.Tensor) else row.numpy()) for row in self]
        if len({len(row) for row in rows}) == 1:
            return np.stack(rows)
        array: np.ndarray[Any, Any] = np.empty(len(rows), dtype=object)
        array[:] = rows
        return array

    def __iter__(self) -> Iterator[Any]:
        bounds = self.row_splits.tolist()
        return (self.values[start:stop] for start, stop in itertools.pairwise(bounds))

    def __len__(self) -> int:
        return self.nrows()

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, tuple):
            first, *rest = index
            inner = self[first]
            if not rest:
                return inner
            if isinstance(inner, RaggedTensor):
                return RaggedTensor.from_rows([row[_columns(rest[0])] for row in inner], dtype=inner._type())
            return inner[tuple(rest)]
        if isinstance(index, slice):
            rows = range(self.nrows())[index]
            if rows.step == 1:
                splits = self.row_splits[rows.start : rows.stop + 1] if rows else self.row_splits[:1]
                return RaggedTensor(self.values[int(splits[0]) : int(splits[-1])], splits - splits[0])
            return RaggedTensor.from_rows([self[row] for row in rows], dtype=self._type())
        if isinstance(index, torch.Tensor) and index.ndim:
            picked = index.nonzero().squeeze(-1) if index.dtype == torch.bool else index
            return RaggedTensor.from_rows([self[int(row)] for row in picked], dtype=self._type())
        row = operator.index(index)
        if not -self.nrows() <= row < self.nrows():
            raise IndexError(f"Row key {row} out of bounds. There are {self.nrows()} rows.")
        row %= self.nrows()
        return self.values[int(self.row_splits[row]) : int(self.row_splits[row + 1])]

    def _type(self) -> Any:
        return "string" if isinstance(self.values, StringTensor) else self.values.dtype

    def _beside(self, other: Any) -> Any:
        """Returns another operand with an entry for each value here."""
        if isinstance(other, RaggedTensor):
            if not torch.equal(self.row_splits, other.row_splits):
                raise InvalidArgumentError(
                    "Condition x == y did not hold. Two ragged tensors must have rows of the same lengths. "
                    f"Received: row_lengths {self.row_lengths().tolist()[:8]} and {other.row_lengths().tolist()[:8]}"
                )
            return other.values
        if isinstance(other, (str, bytes, bool, int, float, complex)):
            return other
        tensor = as_values(other)
        if tensor.ndim <= self.values.ndim - 1:
            return tensor  # broadcasts against the inner dimensions
        if tensor.ndim == self.ndim and tensor.shape[0] in (1, self.nrows()) and tensor.shape[1] == 1:
            per_row = tensor[:, 0]
            return per_row[self.value_rowids()] if len(per_row) == self.nrows() else per_row
        raise InvalidArgumentError(
            "Unable to broadcast: a dense tensor beside a RaggedTensor must have shape (rows, 1, ...) or fit into one "
            f"value. Received: shapes {self.shape} and {tuple(tensor.shape)}. Convert with `ragged.to_tensor()` first."
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return RaggedTensor, (self.values, self.row_splits)

    def __repr__(self) -> str:
        return f"RaggedTensor({self.to_list()})"

    def _with(self, function: Callable[..., Any], *others: Any) -> Any:
        try:
            return self.with_values(function(self.values, *others))
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


def as_values(value: Any) -> Any:
    """Returns a tensor, an array, a number or nested lists as a tensor, text as a `StringTensor`.

    Python's numbers become int32 (int64 if they must) and `floatx()`; arrays keep their type, and lists of arrays, too.

    Raises:
        ValueError: If nested lists are of different lengths.
    """
    if isinstance(value, (torch.Tensor, StringTensor)):
        return value
    if is_text(value):
        return as_strings(value)
    first = value
    while isinstance(first, (list, tuple)) and len(first):
        first = first[0]
    if isinstance(first, torch.Tensor):
        return torch.stack([as_values(one) for one in value])
    if hasattr(value, "dtype"):
        return torch.as_tensor(value)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(
            "Can't convert non-rectangular Python sequence to Tensor. Nested lists must be of equal lengths; for "
            "others "
            f"there is RaggedTensor.from_rows(...). Received: {str(value)[:80]}"
        ) from error
    if hasattr(first, "dtype"):
        return torch.as_tensor(array)
    if array.dtype == np.int64 and (not array.size or max(-int(array.min()), int(array.max())) < 2**31):
        return torch.as_tensor(array.astype(np.int32))
    tensor = torch.as_tensor(array)
    return tensor.to(dtypes.to_torch_dtype(config.floatx())) if tensor.is_floating_point() else tensor


def _splits(lengths: torch.Tensor) -> torch.Tensor:
    return torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])


def _columns(index: Any) -> Any:
    if isinstance(index, slice):
        return index
    raise ValueError(
        f"Cannot index into the ragged dimension with {index!r}: not every row has such a column. Take a slice "
        "(`ragged[:, :1]`) or one row first (`ragged[0]`)."
    )


def _check(splits: torch.Tensor, count: int) -> None:
    begins = "Arguments to from_row_splits do not form a valid RaggedTensor"
    received = f"Received: row_splits {splits.tolist()[:16]} for {count} values"
    if splits.ndim != 1 or not len(splits):
        raise InvalidArgumentError(f"{begins}: row_splits must be a vector that begins with 0. {received}")
    if int(splits[0]) != 0:
        raise InvalidArgumentError(f"{begins}:zero. The first of them must be 0. {received}")
    if bool((splits.diff() < 0).any()):
        raise InvalidArgumentError(f"{begins}:monotonic. They must not decrease. {received}")
    if int(splits[-1]) != count:
        raise InvalidArgumentError(f"{begins}. The last of them must be the number of values. {received}")
