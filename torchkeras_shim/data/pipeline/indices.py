"""Arrays whose rows are the elements: what reorders elements only reorders indices, and a batch is one gather."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import tree
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import StringTensor
from torchkeras_shim.data.pipeline import specs
from torchkeras_shim.data.zipping import zipped

#: The rows of an array in their order.
Order = range | np.ndarray[Any, np.dtype[np.int64]]

#: How many rows are gathered at once to hand them out one by one, and how many bytes of them.
_CHUNK_ROWS = 256
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Column:
    """One part of all elements: an array, and which of a table's orders its rows come in."""

    values: Any
    order: int = 0


@dataclass(frozen=True)
class Table:
    """One pass over elements that are rows of arrays.

    Args:
        columns: A structure of columns.
        orders: The rows of the columns' arrays, in the order of the pass.
        length: How many elements the pass has.
    """

    columns: Any
    orders: tuple[Order, ...]
    length: int

    def select(self, positions: np.ndarray[Any, np.dtype[np.int64]]) -> Table:
        """Returns the elements at some positions of this pass."""
        return Table(self.columns, tuple(_picked(order, positions) for order in self.orders), len(positions))

    def slice(self, start: int, stop: int | None, step: int = 1) -> Table:
        """Returns some elements of this pass, as a slice of a list."""
        orders = tuple(order[start:stop:step] for order in self.orders)
        return Table(self.columns, orders, len(range(self.length)[start:stop:step]))

    def joined(self, *others: Table) -> Table:
        """Returns this pass and then others, of the same columns."""
        tables = (self, *others)
        orders = zip(*(table.orders for table in tables), strict=True)
        return Table(
            self.columns,
            tuple(np.concatenate([np.asarray(order, dtype=np.int64) for order in group]) for group in orders),
            sum(table.length for table in tables),
        )

    def beside(self, *others: Table) -> tuple[list[Any], tuple[Order, ...], int]:
        """Returns the columns of several passes, with their orders, cut to the shortest."""
        tables = (self, *others)
        length = min(table.length for table in tables)
        columns: list[Any] = []
        orders: list[Order] = []
        for table in tables:
            shift = len(orders)
            columns.append(
                specs.map_parts(lambda column, shift=shift: Column(column.values, column.order + shift), table.columns)
            )
            orders += [order[:length] for order in table.orders]
        return columns, tuple(orders), length

    def batch(self, start: int, stop: int) -> Any:
        """Returns the elements from one position to another as one, in new memory."""
        rows = [_as_index(order[start:stop]) for order in self.orders]
        return specs.map_parts(lambda column: _gathered(column.values, rows[column.order]), self.columns)

    def rows(self) -> Iterator[Any]:
        """Returns an iterator over the elements."""
        size = max(1, min(_CHUNK_ROWS, _CHUNK_BYTES // max(1, self._row_bytes())))
        present = specs.map_parts(lambda column: column.values is not None, self.columns)
        starts = range(0, self.length, size)
        return itertools.chain.from_iterable(
            self._chunk(start, min(start + size, self.length), present) for start in starts
        )

    def _chunk(self, start: int, stop: int, present: Any) -> Iterator[Any]:
        chunk = self.batch(start, stop)
        columns = iter([_rows(part) for part in tree.flatten(chunk) if part is not None])
        return itertools.islice(zipped(present, columns), stop - start)

    def _row_bytes(self) -> int:
        tensors = [c.values for c in specs.parts_of(self.columns) if isinstance(c.values, torch.Tensor)]
        return max((tensor.nbytes // max(1, len(tensor)) for tensor in tensors), default=64)


def _picked(order: Order, positions: np.ndarray[Any, Any]) -> Order:
    if isinstance(order, range):
        return positions if order.start == 0 and order.step == 1 else order.start + order.step * positions
    picked: Order = order[positions]
    return picked


def _as_index(order: Order) -> slice | torch.Tensor:
    """Returns rows that follow one another as a slice, others as a tensor of indices."""
    if isinstance(order, range):
        if order.step == 1:
            return slice(order.start, order.stop)
        order = np.asarray(order, dtype=np.int64)
    return torch.from_numpy(np.ascontiguousarray(order))


def _gathered(values: Any, rows: slice | torch.Tensor) -> Any:
    if values is None:
        return None
    if isinstance(values, RaggedTensor):
        picked = values[rows]
        flat = picked.flat_values
        return picked.with_flat_values(flat.clone()) if isinstance(flat, torch.Tensor) else picked
    if not isinstance(values, torch.Tensor):
        return values[rows]
    if isinstance(rows, slice):
        return values[rows].clone()
    return values.index_select(0, rows.to(values.device))


def _rows(part: Any) -> Iterator[Any]:
    return iter(part.unbind(0)) if isinstance(part, torch.Tensor) else iter(part)


def generators(*key: int) -> tuple[np.random.Generator, np.random.Generator]:
    """Returns two sources of random numbers that depend on a key."""
    first, second = np.random.SeedSequence([part & 0xFFFFFFFFFFFFFFFF for part in key]).spawn(2)
    return np.random.Generator(np.random.PCG64(first)), np.random.Generator(np.random.PCG64(second))


def shuffled_positions(count: int, buffer_size: int, *key: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Returns the order in which `shuffled` hands out so many elements."""
    draws, rest = generators(*key)
    if buffer_size >= count:
        return rest.permutation(count)
    buffer = list(range(buffer_size))
    order = []
    for new, place in enumerate(
        (draws.random(count - buffer_size) * buffer_size).astype(np.int64).tolist(), buffer_size
    ):
        order.append(buffer[place])
        buffer[place] = new
    return np.concatenate([np.array(order, dtype=np.int64), np.array(buffer)[rest.permutation(buffer_size)]])


def shuffled(elements: Iterator[Any], buffer_size: int, *key: int) -> Iterator[Any]:
    """Fills a buffer, and hands out a random one of it for each further element, which takes its place.

    What is left in the buffer at the end comes out in random order.
    """
    draws, rest = generators(*key)
    buffer = list(itertools.islice(elements, buffer_size))
    places = itertools.chain.from_iterable(
        (draws.random(1024) * buffer_size).astype(np.int64).tolist() for _ in itertools.count()
    )
    for element, place in zip(elements, places, strict=False):
        yield buffer[place]
        buffer[place] = element
    for place in rest.permutation(len(buffer)).tolist():
        yield buffer[place]


def column_of(part: Any) -> Column:
    """Returns the column of an array whose first axis counts elements.

    Raises:
        ValueError: If it is a scalar.
    """
    if part is not None and not isinstance(part, RaggedTensor) and part.ndim == 0:
        what = "text" if isinstance(part, StringTensor) else f"number {part}"
        raise ValueError(
            "Unbatching a tensor is only supported for rank >= 1. `from_tensor_slices` takes the elements from the "
            f"first axis of arrays. Received: the {what}. One element of it is `Dataset.from_tensors(value)`."
        )
    return Column(part)
