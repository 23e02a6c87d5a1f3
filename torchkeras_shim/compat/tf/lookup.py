"""`tf.lookup`: tables as dicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf.api import public
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.tensors import convert
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import StringTensor, as_strings
from torchkeras_shim.ops.hashing import buckets, fingerprint


def _items(values: Any) -> list[Any]:
    found: list[Any] = convert(values).reshape(-1).tolist()
    return found


@public("lookup.KeyValueTensorInitializer")
class KeyValueTensorInitializer:
    """The keys and values of a table."""

    def __init__(
        self, keys: Any, values: Any, key_dtype: Any = None, value_dtype: Any = None, name: str | None = None
    ) -> None:
        keys, values = convert(keys, key_dtype), convert(values, value_dtype)
        self.key_dtype, self.value_dtype = as_dtype(keys.dtype), as_dtype(values.dtype)
        self.table = dict(zip(_items(keys), _items(values), strict=True))


@public("lookup.TextFileIndex")
class TextFileIndex:
    """What of a line of a file is a key or a value."""

    WHOLE_LINE = -2
    LINE_NUMBER = -1


@public("lookup.TextFileInitializer")
class TextFileInitializer:
    """The keys and values of a table, from the lines of a file."""

    def __init__(
        self,
        filename: Any,
        key_dtype: Any,
        key_index: int,
        value_dtype: Any,
        value_index: int,
        vocab_size: int | None = None,
        delimiter: str = "\t",
        name: str | None = None,
        value_index_offset: int = 0,
    ) -> None:
        self.key_dtype, self.value_dtype = as_dtype(key_dtype), as_dtype(value_dtype)
        lines = Path(filename).read_bytes().splitlines()[:vocab_size]

        def part(at: int, line: bytes, index: int, kind: Any) -> Any:
            if index == TextFileIndex.LINE_NUMBER:
                return at + value_index_offset
            text = line if index == TextFileIndex.WHOLE_LINE else line.split(delimiter.encode())[index]
            return text if kind == "string" else int(text) if kind.is_integer else float(text)

        self.table = {
            part(at, line, key_index, self.key_dtype): part(at, line, value_index, self.value_dtype)
            for at, line in enumerate(lines)
        }


class _Table:
    """What the tables have in common: looking up."""

    key_dtype: Any
    value_dtype: Any
    _table: dict[Any, Any]
    _default: Any

    def lookup(self, keys: Any, name: str | None = None) -> Any:
        """Returns the values of keys; the default value of those that are not there."""
        if isinstance(keys, RaggedTensor):
            return keys.with_values(self.lookup(keys.values))
        keys = convert(keys)
        if not isinstance(keys, (torch.Tensor, StringTensor)) or as_dtype(keys.dtype) != self.key_dtype:
            raise TypeError(f"Dtype of argument `keys` must be {self.key_dtype!r}. Received: {keys!r}")
        found = [self._table.get(one, self._default) for one in keys.reshape(-1).tolist()]
        if self.value_dtype == "string":
            return StringTensor(np.fromiter(found, dtype=object, count=len(found)).reshape(tuple(keys.shape)))
        return torch.tensor(found, dtype=self.value_dtype.torch_dtype).reshape(keys.shape)

    __getitem__ = lookup

    def size(self, name: str | None = None) -> Any:
        """Returns the number of keys."""
        return torch.tensor(len(self._table), dtype=torch.int64)

    def export(self, name: str | None = None) -> tuple[Any, Any]:
        """Returns the keys and the values."""
        return convert(list(self._table), self.key_dtype), convert(list(self._table.values()), self.value_dtype)


@public("lookup.StaticHashTable")
class StaticHashTable(_Table):
    """A table that does not change.

    Example:
        >>> table = StaticHashTable(KeyValueTensorInitializer(["a", "b"], [0, 1]), default_value=-1)
        >>> table.lookup(["b", "c"])
        tensor([ 1, -1], dtype=torch.int32)
    """

    def __init__(
        self, initializer: Any, default_value: Any, name: str | None = None, experimental_is_anonymous: bool = False
    ) -> None:
        self.key_dtype, self.value_dtype = initializer.key_dtype, initializer.value_dtype
        self._table = initializer.table
        self._default = _items(convert(default_value, self.value_dtype))[0]


@public("lookup.StaticVocabularyTable")
class StaticVocabularyTable(_Table):
    """A table that gives keys that are not there one of some further numbers, by their hash."""

    def __init__(
        self, initializer: Any, num_oov_buckets: int, lookup_key_dtype: Any = None, name: str | None = None
    ) -> None:
        self.key_dtype = initializer.key_dtype if lookup_key_dtype is None else as_dtype(lookup_key_dtype)
        self.value_dtype = as_dtype("int64")
        self._table, self._buckets = dict(initializer.table), int(num_oov_buckets)
        self._default = 0

    def lookup(self, keys: Any, name: str | None = None) -> Any:
        """Returns the numbers of keys."""
        if isinstance(keys, RaggedTensor):
            return keys.with_values(self.lookup(keys.values))
        keys = convert(keys)
        size = len(self._table)
        items = keys.reshape(-1).tolist()
        missing = [one for one in items if one not in self._table]
        if missing and not self._buckets:
            raise InvalidArgumentError(
                f"{missing[0]!r} is not in the table, and there are no buckets: num_oov_buckets=0."
            )
        texts = [one if isinstance(one, bytes) else str(one) for one in missing]
        others = iter(buckets(fingerprint(as_strings(texts)), self._buckets).tolist() if missing else ())
        found = [self._table[one] if one in self._table else size + next(others) for one in items]
        return torch.tensor(found, dtype=torch.int64).reshape(keys.shape)

    __getitem__ = lookup


@public("lookup.experimental.MutableHashTable", "lookup.experimental.DenseHashTable")
class MutableHashTable(_Table):
    """A table that changes."""

    def __init__(
        self, key_dtype: Any, value_dtype: Any, default_value: Any, *_: Any, name: str = "MutableHashTable", **__: Any
    ) -> None:
        self.key_dtype, self.value_dtype = as_dtype(key_dtype), as_dtype(value_dtype)
        self._table, self._default = {}, _items(convert(default_value, self.value_dtype))[0]

    def insert(self, keys: Any, values: Any, name: str | None = None) -> None:
        """Adds keys, or gives those that are there another value."""
        self._table.update(
            zip(_items(convert(keys, self.key_dtype)), _items(convert(values, self.value_dtype)), strict=True)
        )

    def remove(self, keys: Any, name: str | None = None) -> None:
        """Takes keys out."""
        for one in _items(convert(keys, self.key_dtype)):
            self._table.pop(one, None)
