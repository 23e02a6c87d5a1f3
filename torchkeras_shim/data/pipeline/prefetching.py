"""Elements made before they are asked for, by a thread, and kept for the next pass."""

from __future__ import annotations

import atexit
import queue
import threading
from collections.abc import Iterator
from typing import Any

from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.data.pipeline.indices import Table
from torchkeras_shim.data.pipeline.node import AUTOTUNE, Node, Through
from torchkeras_shim.data.pipeline.ordering import as_count

#: How many elements are made ahead if nobody says how many.
_AHEAD = 2
#: How long the end of an iterator waits for its thread, which may be in the middle of an element.
_SECONDS_TO_END = 1.0
#: How long the end of the program does.
_SECONDS_AT_EXIT = 10.0


class Prefetch(Through):
    """Elements that a thread makes ahead.

    Args:
        source: The elements.
        buffer_size: How many may be ready; `AUTOTUNE` for a few.
    """

    def __init__(self, source: Node, buffer_size: Any) -> None:
        super().__init__(source)
        size = AUTOTUNE if buffer_size is None else as_count(buffer_size, "buffer_size")
        if size < AUTOTUNE:
            raise InvalidArgumentError(
                f"buffer_size must be >= 0 or set buffer_size to be -1 for auto-tuning. Received: buffer_size={size}"
            )
        self.size = _AHEAD if size == AUTOTUNE else size

    @property
    def cardinality(self) -> int:
        """The number of elements."""
        return self.source.cardinality

    def table(self) -> Table:
        """Returns the rows, which need not be made ahead."""
        return self.source.table()

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the elements."""
        return ahead(iter(self.source), self.size) if self.size else iter(self.source)


#: The threads that make elements, with their queues and what stops them.
_at_work: dict[threading.Thread, tuple[queue.Queue[Any], threading.Event]] = {}


class _End:
    """What a thread puts last into its queue, with the error that has ended it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(elements: Iterator[Any], size: int) -> Iterator[Any]:
    """Hands out elements that a thread has made; the thread ends with the iterator."""
    ready: queue.Queue[Any] = queue.Queue(size)
    stop = threading.Event()
    # The thread knows the source, the queue and the event, but not this generator: otherwise that would never be let
    # go.
    thread = threading.Thread(
        target=_produce, args=(elements, ready, stop), name="torchkeras_shim-prefetch", daemon=True
    )
    del elements
    _at_work[thread] = ready, stop
    thread.start()
    try:
        while True:
            element = ready.get()
            if isinstance(element, _End):
                if element.error is not None:
                    raise element.error
                return
            yield element
    finally:
        _end(thread)


def _end(thread: threading.Thread, seconds: float = _SECONDS_TO_END) -> None:
    """Ends a thread, which may be waiting for room in its queue."""
    work = _at_work.pop(thread, None)
    if work is not None:
        ready, stop = work
        stop.set()
        _drain(ready)
    if thread is not threading.current_thread():
        thread.join(seconds)


@atexit.register
def _end_all() -> None:
    """Ends the threads of iterators that are still held.

    A thread that is at work in torch while Python goes is ended in the middle of C++, which aborts the whole process.
    """
    for ready, stop in list(_at_work.values()):
        stop.set()
        _drain(ready)
    for thread in list(_at_work):
        _end(thread, _SECONDS_AT_EXIT)


def _produce(elements: Iterator[Any], ready: queue.Queue[Any], stop: threading.Event) -> None:
    end = _End()
    try:
        for element in elements:
            ready.put(element)
            if stop.is_set():
                break
    except BaseException as error:  # handed on, whatever it is
        end = _End(error)
    close = getattr(elements, "close", None)
    if close is not None:
        close()
    if stop.is_set():
        _drain(ready)
    ready.put(end)


def _drain(ready: queue.Queue[Any]) -> None:
    try:
        while True:
            ready.get_nowait()
    except queue.Empty:
        return


class Cache(Through):
    """Elements that are kept from the first whole pass on."""

    def __init__(self, source: Node) -> None:
        super().__init__(source)
        self._kept: list[Any] | None = None
        self._table: Table | None = None
        self.shares = not source.indexable

    @property
    def cardinality(self) -> int:
        """The number of elements."""
        return self.source.cardinality

    def table(self) -> Table:
        """Returns the rows in the order of the first pass."""
        if self._table is None:
            self._table = self.source.table()
        return self._table

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the elements."""
        if self._kept is not None:
            yield from self._kept
            return
        kept = []
        for element in self.source:
            kept.append(element)
            yield element
        if self._kept is None:
            self._kept = kept
