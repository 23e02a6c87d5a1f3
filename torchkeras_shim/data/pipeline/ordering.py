"""Which elements, in which order, how often."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch.utils.data import get_worker_info

from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.data.pipeline import specs
from torchkeras_shim.data.pipeline.indices import Column, Table, shuffled, shuffled_positions
from torchkeras_shim.data.pipeline.node import INFINITE, UNKNOWN, Node, Through, limited
from torchkeras_shim.data.pipeline.sources import Elements, new_seed

#: More rows than this are not written out as one array of indices.
_LARGEST_TABLE = 1 << 24


def as_count(value: Any, name: str) -> int:
    """Returns an argument that counts something as an integer.

    Raises:
        TypeError: If it is not one.
    """
    try:
        return operator.index(value)
    except TypeError as error:
        raise TypeError(f"`{name}` must be an integer. Received: {name}={value!r}") from error


def positive(value: Any, name: str, message: str) -> int:
    """Returns a positive integer.

    Raises:
        TypeError: If it is not an integer.
        InvalidArgumentError: If it is not positive, with TensorFlow's message.
    """
    count = as_count(value, name)
    if count < 1:
        raise InvalidArgumentError(f"{message} Received: {name}={count}")
    return count


class Take(Through):
    """The first elements; all of them for a negative number."""

    def __init__(self, source: Node, count: Any) -> None:
        super().__init__(source)
        self.count = as_count(count, "count")

    @property
    def cardinality(self) -> int:
        """The number of elements."""
        if self.count < 0:
            return self.source.cardinality
        return 0 if self.count == 0 else limited(self.source.cardinality, self.count)

    def table(self) -> Table:
        """Returns the first rows."""
        table = self.source.table()
        return table if self.count < 0 else table.slice(0, self.count)

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the first elements, which does not ask for any other."""
        return iter(self.source) if self.count < 0 else itertools.islice(self.source, self.count)


class Skip(Through):
    """All but the first elements; none for a negative number."""

    def __init__(self, source: Node, count: Any) -> None:
        super().__init__(source)
        self.count = as_count(count, "count")

    @property
    def cardinality(self) -> int:
        """The number of elements."""
        if self.count < 0:
            return 0
        known = self.source.cardinality
        return known if known < 0 else max(0, known - self.count)

    def table(self) -> Table:
        """Returns the rows behind the first ones."""
        table = self.source.table()
        return table.slice(0, 0) if self.count < 0 else table.slice(self.count, None)

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the elements behind the first ones."""
        return iter(()) if self.count < 0 else itertools.islice(self.source, self.count, None)


class Shard(Through):
    """Every n-th element."""

    def __init__(self, source: Node, num_shards: Any, index: Any) -> None:
        super().__init__(source)
        self._every, self._first = as_count(num_shards, "num_shards"), as_count(index, "index")
        if self._every < 1:
            raise InvalidArgumentError(
                f"Number of shards must be greater than zero (currently num_shards = {self._every})."
            )
        if not 0 <= self._first < self._every:
            raise InvalidArgumentError(
                f"Index must be between 0 and {self._every - 1} (currently index = {self._first})."
            )

    @property
    def cardinality(self) -> int:
        """The number of elements."""
        known = self.source.cardinality
        return known if known < 0 else len(range(self._first, known, self._every))

    def table(self) -> Table:
        """Returns every n-th row."""
        return self.source.table().slice(self._first, None, self._every)

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over every n-th element."""
        return itertools.islice(self.source, self._first, None, self._every)


class Repeat(Through):
    """The elements again and again, each time from a new pass."""

    def __init__(self, source: Node, count: Any = None) -> None:
        super().__init__(source)
        self.count = -1 if count is None else max(-1, as_count(count, "count"))
        rows = self.source.cardinality * self.count
        self.indexable = source.indexable and 0 <= rows <= _LARGEST_TABLE

    @property
    def cardinality(self) -> int:
        """The number of elements."""
        known = self.source.cardinality
        if self.count == 0 or known == 0:
            return 0
        if self.count < 0:
            return INFINITE
        return known if known < 0 else known * self.count

    def table(self) -> Table:
        """Returns the rows of all passes."""
        if self.count == 0:
            return self.source.table().slice(0, 0)
        return self.source.table().joined(*(self.source.table() for _ in range(self.count - 1)))

    def tables(self) -> Iterator[Table] | None:
        """Returns a table for each pass."""
        if self.indexable or not self.source.indexable:
            return super().tables()
        return (self.source.table() for _ in self._times() if self.source.cardinality)

    def _times(self) -> Iterator[int]:
        return itertools.count() if self.count < 0 and self.source.cardinality else iter(range(max(0, self.count)))

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the passes, which ends with an empty one."""
        for _ in self._times():
            empty = True
            for element in self.source:
                empty = False
                yield element
            if empty:
                return


class Shuffle(Through):
    """The elements in a random order, as far as a buffer allows.

    Args:
        source: The elements.
        buffer_size: How many elements to choose from.
        seed: Makes the sequence of orders repeatable. Without one, torch's global generator chooses it now.
        reshuffle: Whether each pass has a new order.
    """

    def __init__(self, source: Node, buffer_size: Any, seed: int | None, reshuffle: bool) -> None:
        super().__init__(source)
        self._buffer_size = (
            positive(buffer_size, "buffer_size", "buffer_size must be greater than zero or UNKNOWN_CARDINALITY.")
            if buffer_size != UNKNOWN
            else 1 << 62
        )
        self._seed = new_seed() if seed is None else as_count(seed, "seed")
        self._reshuffle = reshuffle
        self._passes = 0

    @property
    def cardinality(self) -> int:
        """The number of elements."""
        return self.source.cardinality

    def _key(self) -> tuple[int, ...]:
        """Returns what the order of the next pass depends on."""
        if not self._reshuffle:
            return self._seed, 0
        self._passes += 1
        worker = get_worker_info()
        # The workers of a loader are copies made for each of its epochs: without its seed, all epochs would be alike.
        return (self._seed, self._passes) if worker is None else (self._seed, self._passes, worker.seed - worker.id)

    def table(self) -> Table:
        """Returns the rows in a new order."""
        table = self.source.table()
        return table.select(shuffled_positions(table.length, self._buffer_size, *self._key()))

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the elements in a new order."""
        return shuffled(iter(self.source), self._buffer_size, *self._key())


class Enumerate(Node):
    """Pairs of a number and an element."""

    def __init__(self, source: Node, start: Any) -> None:
        super().__init__(source)
        self._source = source
        self._start = as_count(start, "start")
        self.shares = source.shares
        self.indexable = source.indexable

    @property
    def cardinality(self) -> int:
        """The number of elements."""
        return self._source.cardinality

    @cached_property
    def spec(self) -> Any:
        """The specs of a pair."""
        return specs.TensorSpec((), "int64"), self._source.spec

    def table(self) -> Table:
        """Returns the rows beside their numbers."""
        rows = self._source.table()
        numbers = Column(torch.arange(self._start, self._start + rows.length))
        return Table(*_paired(Table(numbers, (range(rows.length),), rows.length), rows))

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the pairs."""
        return ((torch.tensor(number), element) for number, element in enumerate(self._source, self._start))


def _paired(*tables: Table) -> tuple[Any, Any, int]:
    columns, orders, length = tables[0].beside(*tables[1:])
    return tuple(columns), orders, length


class Unique(Through):
    """The elements that were not there before. Each is one tensor."""

    def __init__(self, source: Node) -> None:
        super().__init__(source)
        self.indexable = False

    @property
    def cardinality(self) -> int:
        """Not known."""
        return UNKNOWN

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the first of all equal elements."""
        seen = set()
        for element in self.source:
            if specs.is_structure(element):
                raise TypeError(
                    "`unique` only supports elements with a single component. Received: an element "
                    f"{specs.describe(element)}. Write `dataset.map(lambda x, y: x).unique()`."
                )
            array = np.asarray(element.numpy())
            key = (array.shape, tuple(array.flat) if array.dtype.kind == "O" else array.tobytes())
            if key not in seen:
                seen.add(key)
                yield element


class Window(Node):
    """Groups of elements that follow one another, each as data sets.

    Args:
        source: The elements.
        size: The elements of a window.
        shift: How many elements further the next window begins: by default its size.
        stride: The distance between the elements of a window: 2 takes every second one.
        drop_remainder: Whether windows with fewer elements are left out.
        wrap: Returns a node as a data set.
    """

    def __init__(self, source: Node, size: Any, shift: Any, stride: Any, drop_remainder: bool, wrap: Any) -> None:
        super().__init__(source)
        self._source = source
        self._size = positive(size, "size", "Window size must be greater than zero.")
        self._shift = (
            self._size if shift is None else positive(shift, "shift", "Window shift must be greater than zero.")
        )
        self._stride = positive(stride, "stride", "Window stride must be greater than zero.")
        self._drop = bool(drop_remainder)
        self._wrap = wrap

    @property
    def cardinality(self) -> int:
        """The number of windows."""
        known = self._source.cardinality
        if known < 0:
            return known
        count = known - (self._size - 1) * self._stride if self._drop else known
        return max(0, math.ceil(count / self._shift))

    @cached_property
    def spec(self) -> Any:
        """The specs of a window, in the structure of the elements."""
        return specs.map_parts(specs.DatasetSpec, self._source.spec)

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the windows."""
        reach = (self._size - 1) * self._stride + 1
        iterator = iter(self._source)
        buffer: list[Any] = []
        while True:
            buffer += itertools.islice(iterator, reach - len(buffer))
            if not buffer or (self._drop and len(buffer) < reach):
                return
            yield specs.map_parts(lambda part: self._wrap(Elements(part)), _columns(buffer[:: self._stride]))
            if self._shift > len(buffer):
                skipped = len(list(itertools.islice(iterator, self._shift - len(buffer))))
                if skipped < self._shift - len(buffer):
                    return
            del buffer[: self._shift]


def _columns(elements: list[Any]) -> Any:
    """Returns lists of the parts of several elements, in their structure."""
    return specs.map_parts(lambda *parts: list(parts), *elements)
