"""How ragged tensors are made: class methods of `RaggedTensor`, written as functions of the class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import dtypes
from torchkeras_shim.core import row_splits as splits
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.sparse import SparseTensor
from torchkeras_shim.core.text import StringTensor, as_strings, is_text
from torchkeras_shim.core.values import as_values


def from_row_splits(cls: type[Any], values: Any, row_splits: Any) -> Any:
    """Returns a tensor of values in any form that `as_values` takes, or of a ragged tensor's rows."""
    return cls(_values(values), row_splits)


def from_row_lengths(cls: type[Any], values: Any, row_lengths: Any) -> Any:
    """Returns a tensor of rows of the given lengths.

    Example:
        >>> from torchkeras_shim.core.ragged import RaggedTensor
        >>> RaggedTensor.from_row_lengths([1, 2, 3], [1, 2])
        RaggedTensor([[1], [2, 3]])
    """
    return cls(_values(values), splits.of_lengths(row_lengths))


def from_value_rowids(cls: type[Any], values: Any, value_rowids: Any, nrows: int | None = None) -> Any:
    """Returns a tensor of values with the number of each one's row, which never falls.

    Example:
        >>> from torchkeras_shim.core.ragged import RaggedTensor
        >>> RaggedTensor.from_value_rowids([1, 2, 3], [0, 0, 2], nrows=4)
        RaggedTensor([[1, 2], [], [3], []])
    """
    return cls(_values(values), splits.of_rowids(value_rowids, nrows))


def from_row_starts(cls: type[Any], values: Any, row_starts: Any) -> Any:
    """Returns a tensor of rows that begin at the given places, each where the one before it ends.

    Example:
        >>> from torchkeras_shim.core.ragged import RaggedTensor
        >>> RaggedTensor.from_row_starts([1, 2, 3], [0, 2, 2])
        RaggedTensor([[1, 2], [], [3]])
    """
    values, starts = _values(values), torch.as_tensor(row_starts, dtype=torch.int64)
    return cls(values, torch.cat([starts, torch.tensor([len(values)])]))


def from_row_limits(cls: type[Any], values: Any, row_limits: Any) -> Any:
    """Returns a tensor of rows that end at the given places.

    Example:
        >>> from torchkeras_shim.core.ragged import RaggedTensor
        >>> RaggedTensor.from_row_limits([1, 2, 3], [2, 2, 3])
        RaggedTensor([[1, 2], [], [3]])
    """
    limits = torch.as_tensor(row_limits, dtype=torch.int64)
    return cls(_values(values), torch.cat([limits.new_zeros(1), limits]))


def from_uniform_row_length(cls: type[Any], values: Any, uniform_row_length: Any, nrows: Any = None) -> Any:
    """Returns a tensor of rows of one length.

    Example:
        >>> from torchkeras_shim.core.ragged import RaggedTensor
        >>> RaggedTensor.from_uniform_row_length(RaggedTensor.from_rows([[1], [2, 3]]), 2)
        RaggedTensor([[[1], [2, 3]]])
    """
    values = _values(values)
    places = splits.of_uniform(len(values), uniform_row_length, nrows)
    return cls(values, places, int(uniform_row_length))


def from_nested_row_splits(cls: type[Any], flat_values: Any, nested_row_splits: Iterable[Any]) -> Any:
    """Returns a tensor of several ragged dimensions, the outermost first.

    Example:
        >>> from torchkeras_shim.core.ragged import RaggedTensor
        >>> RaggedTensor.from_nested_row_splits([1, 2, 3], [[0, 2], [0, 1, 3]])
        RaggedTensor([[[1], [2, 3]]])
    """
    result = _values(flat_values)
    for places in reversed(list(nested_row_splits)):
        result = cls(result, places)
    return result


def from_nested_row_lengths(cls: type[Any], flat_values: Any, nested_row_lengths: Iterable[Any]) -> Any:
    """Returns a tensor of several ragged dimensions by the lengths of their rows, the outermost first."""
    return from_nested_row_splits(cls, flat_values, [splits.of_lengths(one) for one in nested_row_lengths])


def from_nested_value_rowids(
    cls: type[Any],
    flat_values: Any,
    nested_value_rowids: Iterable[Any],
    nested_nrows: Iterable[Any] | None = None,
) -> Any:
    """Returns a tensor of several ragged dimensions by the row of each value, the outermost first."""
    rowids = list(nested_value_rowids)
    counts = [None] * len(rowids) if nested_nrows is None else [int(one) for one in nested_nrows]
    places = [splits.of_rowids(one, count) for one, count in zip(rowids, counts, strict=True)]
    return from_nested_row_splits(cls, flat_values, places)


def from_rows(cls: type[Any], rows: Iterable[Any], dtype: Any = None) -> Any:
    """Returns a tensor of rows that are tensors, arrays, lists or ragged tensors.

    Args:
        rows: The rows. All must have the same type, and the same shape but for the first dimension.
        dtype: The type of the values, by default that of the rows: int32 and float32 for Python's numbers.

    Example:
        >>> from torchkeras_shim.core.ragged import RaggedTensor
        >>> RaggedTensor.from_rows([["a"], [], ["b", "c"]])
        RaggedTensor([[b'a'], [], [b'b', b'c']])
    """
    rows = list(rows)
    return cls(_joined_rows(rows, dtype), splits.of_lengths([len(row) for row in rows]))


def from_tensor(cls: type[Any], tensor: Any, padding: Any = None, lengths: Any = None, ragged_rank: int = 1) -> Any:
    """Returns the rows of a tensor of two dimensions or more.

    Args:
        tensor: The rows, padded to one length.
        padding: The value that is cut off at the end of each row.
        lengths: The lengths of the rows, in place of `padding`; a list of such lengths for several dimensions.
        ragged_rank: How many dimensions become ragged; only the last of them is cut by `padding`.

    Example:
        >>> from torchkeras_shim.core.ragged import RaggedTensor
        >>> RaggedTensor.from_tensor([[1, 2, 0], [3, 0, 0]], padding=0)
        RaggedTensor([[1, 2], [3]])
    """
    tensor = as_values(tensor)
    if isinstance(lengths, (list, tuple)) and lengths and np.ndim(lengths[0]) == 1:
        outer = from_tensor(cls, tensor, lengths=lengths[0])
        inner = lengths[1:]
        return outer.with_values(from_tensor(cls, outer.values, lengths=inner)) if inner else outer
    count, width = tensor.shape[:2]
    if ragged_rank > 1:
        inside = from_tensor(cls, tensor.reshape(-1, *tensor.shape[2:]), padding, None, ragged_rank - 1)
        return from_uniform_row_length(cls, inside, width, count)
    if lengths is None and padding is None:
        return from_uniform_row_length(cls, tensor.reshape(-1, *tensor.shape[2:]), width, count)
    if lengths is None:
        kept = tensor != padding
        kept = kept.reshape(*kept.shape[:2], -1).any(-1)
        lengths = (kept * torch.arange(1, width + 1)).amax(1) if width else torch.zeros(count)
    lengths = torch.as_tensor(lengths).to(torch.int64).clamp(0, width)
    return cls(tensor[torch.arange(width) < lengths[:, None]], splits.of_lengths(lengths))


def from_sparse(cls: type[Any], st_input: Any) -> Any:
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


def concatenated(parts: Sequence[Any]) -> Any:
    """Returns tensors of any kind one after the other."""
    first = parts[0]
    if _is_ragged(first):
        lengths = torch.cat([one.row_lengths() for one in parts])
        uniform = {one._length for one in parts}
        return type(first)(
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
    if rows and all(map(_is_ragged, rows)):
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


def _is_ragged(value: Any) -> bool:
    return hasattr(type(value), "nested_row_splits")


def _values(value: Any) -> Any:
    return value if _is_ragged(value) else as_values(value)
