"""Files of text: lines, and tables of comma-separated values."""

from __future__ import annotations

import collections
import csv
import io
import itertools
from collections.abc import Callable, Iterator
from typing import IO, Any

import numpy as np
import torch

from torchkeras_shim.core import dtypes
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.text import STRING, StringTensor, scalar
from torchkeras_shim.core.values import as_values
from torchkeras_shim.data.pipeline import specs
from torchkeras_shim.data.pipeline.node import UNKNOWN, Node
from torchkeras_shim.data.pipeline.records import compression_of, opened

#: Bytes that are no UTF-8 pass through Python's text unharmed.
_ERRORS = "surrogateescape"
#: How many rows of a table are looked at to find the types of its columns, if nobody says.
_ROWS_FOR_TYPES = 100


def lines_of(file: IO[bytes]) -> Iterator[bytes]:
    """Returns an iterator over the lines of a file, without their ends."""
    for line in file:
        yield line.removesuffix(b"\n").removesuffix(b"\r")


class Cells(Node):
    """The rows of tables of comma-separated values, each a tuple of scalars.

    Args:
        paths: The files.
        defaults: A type for each column that must be filled, or a value for empty cells, whose type is the column's.
        compression: How the files are compressed.
        header: Whether the first line of each file is left out.
        delimiter: What separates the cells.
        quoted: Whether `"` may enclose cells.
        missing: Text that stands for an empty cell.
        columns: The indices of the columns that are wanted, all by default.
    """

    def __init__(
        self,
        paths: list[bytes],
        defaults: Any,
        *,
        compression: Any = None,
        header: bool = False,
        delimiter: str = ",",
        quoted: bool = True,
        missing: str = "",
        columns: Any = None,
    ) -> None:
        super().__init__()
        self._paths = paths
        self._columns = [_Column(default) for default in defaults]
        self._compression = compression_of(compression)
        self._header = header
        self._reading = {"delimiter": delimiter, "quoting": csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE}
        self._missing = missing
        self._chosen = None if columns is None else list(columns)
        self.spec = tuple(specs.TensorSpec((), column.dtype) for column in self._columns)
        if self._chosen is not None and len(self._chosen) != len(self._columns):
            raise InvalidArgumentError(
                f"There must be one default for each of `select_cols`. Received: {len(self._columns)} defaults for "
                f"{len(self._chosen)} columns"
            )

    @property
    def cardinality(self) -> int:
        """Not known."""
        return UNKNOWN

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the rows."""
        return self.results(self.call)

    def results(self, call: Callable[[list[str]], Any]) -> Iterator[Any]:
        """Returns an iterator over what a function in place of `call` makes of each row's cells."""
        for path in self._paths:
            with opened(path, self._compression) as file:
                for row in table_of(file, self._header, self._reading):
                    yield call(row)

    def call(self, cells: list[str]) -> tuple[Any, ...]:
        """Returns the values of a row's cells.

        Raises:
            InvalidArgumentError: If there are more or fewer than columns, or a cell is not of its column's type.
        """
        if self._chosen is not None:
            if max(self._chosen, default=0) >= len(cells):
                raise InvalidArgumentError(f"Expect {max(self._chosen) + 1} fields but have {len(cells)} in record")
            cells = [cells[index] for index in self._chosen]
        if len(cells) != len(self._columns):
            wanted = len(self._columns)
            have = "more" if len(cells) > wanted else f"{len(cells)}"
            raise InvalidArgumentError(f"Expect {wanted} fields but have {have} in record. Received: {cells}")
        return tuple(
            column.value(cell, index, self._missing)
            for index, (column, cell) in enumerate(zip(self._columns, cells, strict=True))
        )


class _Column:
    """The type of a column, and what an empty cell is."""

    def __init__(self, default: Any) -> None:
        self.default: Any = None
        try:
            self.dtype = specs.type_name(default)
        except (ValueError, TypeError):
            self.dtype = ""
        if not self.dtype or (isinstance(default, str) and self.dtype != default):
            given = as_values(default)
            flat = given.reshape(-1)
            self.dtype = specs.type_name(given.dtype)
            self.default = flat[0] if len(flat) else None

    def value(self, cell: str, index: int, missing: str) -> Any:
        if cell == "" or cell == missing:
            if self.default is None:
                raise InvalidArgumentError(f"Field {index} is required but missing in record!")
            return self.default
        if self.dtype == STRING:
            return StringTensor.of_bytes(scalar(cell.encode("utf-8", _ERRORS)))
        try:
            number = float(cell) if self.dtype.startswith("float") else int(cell)
        except ValueError:
            raise InvalidArgumentError(f"Field {index} in record is not a valid {self.dtype}: {cell}") from None
        return torch.tensor(number, dtype=dtypes.to_torch_dtype(self.dtype))


def table_of(file: IO[bytes], header: bool, reading: dict[str, Any]) -> Iterator[list[str]]:
    """Returns an iterator over the rows of a table."""
    text = io.TextIOWrapper(file, newline="", encoding="utf-8", errors=_ERRORS)
    try:
        rows = (row or [""] for row in csv.reader(text, **reading))  # an empty line is one empty cell
        yield from itertools.islice(rows, int(header), None)
    finally:
        text.detach()


class Batches(Node):
    """Batches of rows of cells as dicts of columns, the label apart.

    Args:
        source: Batches of tuples.
        names: The names of the columns.
        label: The column that is the label, or `None`.
    """

    def __init__(self, source: Node, names: list[str], label: str | None) -> None:
        super().__init__(source)
        self._source = source
        self._names = names
        self._label = label
        self.spec = self._named(source.spec)

    @property
    def cardinality(self) -> int:
        """The number of batches."""
        return self._source.cardinality

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the batches."""
        return map(self._named, self._source)

    def _named(self, columns: Any) -> Any:
        features = collections.OrderedDict(zip(self._names, columns, strict=True))
        return features if self._label is None else (features, features.pop(self._label))


def column_names(path: bytes, compression: str, delimiter: str, quoted: bool) -> list[str]:
    """Returns the names in the first line of a table."""
    reading = {"delimiter": delimiter, "quoting": csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE}
    with opened(path, compression) as file:
        for row in table_of(file, False, reading):
            return row
    raise InvalidArgumentError(f"The file {path.decode(errors='replace')} has no header line: it is empty.")


def inferred_defaults(
    path: bytes, compression: str, header: bool, delimiter: str, quoted: bool, missing: str, rows: int | None
) -> list[Any]:
    """Returns a default for each column of a table: 0, 0.0 or the empty text, whichever all its first cells agree "
    "with.
    """
    reading = {"delimiter": delimiter, "quoting": csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE}
    with opened(path, compression) as file:
        sample = list(itertools.islice(table_of(file, header, reading), rows or _ROWS_FOR_TYPES))
    columns = list(itertools.zip_longest(*sample, fillvalue=""))
    return [_default_of([cell for cell in column if cell not in ("", missing)]) for column in columns]


def _default_of(cells: list[str]) -> Any:
    for kind, limit in ((np.int32, 2**31), (np.int64, 2**63)):
        if all(_is_number(cell, int) and -limit <= int(cell) < limit for cell in cells):
            return kind(0)
    return np.float32(0) if all(_is_number(cell, float) for cell in cells) else ""


def _is_number(cell: str, kind: Any) -> bool:
    try:
        kind(cell)
    except ValueError:
        return False
    return True
