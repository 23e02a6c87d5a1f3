"""`tf.queue`: queues of elements, which wait as TensorFlow's do."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.compat.tf.api import NAMES, public
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.errors import OutOfRangeError
from torchkeras_shim.compat.tf.shapes import TensorShape
from torchkeras_shim.compat.tf.tensors import convert
from torchkeras_shim.core.text import StringTensor


@public("queue.QueueBase")
class QueueBase:
    """A queue of elements of one or several parts. A thread that finds it full or empty waits.

    Args:
        capacity: How many elements it holds.
        dtypes: The type of each part.
        shapes: The shape of each part, which `dequeue_many` needs in TensorFlow and which is checked here.
        names: Names of the parts, by which elements are dicts.
        min_left: How many elements stay until the queue is closed.
    """

    def __init__(self, capacity: int, dtypes: Any, shapes: Any, names: Any, min_left: int = 0) -> None:
        self.dtypes = [as_dtype(one) for one in (dtypes if isinstance(dtypes, (list, tuple)) else [dtypes])]
        several = isinstance(shapes, (list, tuple)) and shapes and not isinstance(shapes[0], int)
        given = shapes if several else [shapes] * len(self.dtypes)
        self.shapes = [TensorShape(one) for one in given]
        self.names = names
        self._capacity = None if int(capacity) < 0 else int(capacity)
        self._min_left, self._held, self._closed = min_left, list[Any](), False
        self._changed = threading.Condition()

    def enqueue(self, vals: Any, name: str | None = None) -> None:
        """Puts one element in."""
        element = self._element(vals)
        with self._changed:
            self._wait(lambda: self._capacity is None or len(self._held) < self._capacity)
            if self._closed:
                raise NAMES["errors.CancelledError"]("The queue is closed.")
            self._held.append(element)
            self._changed.notify_all()

    def enqueue_many(self, vals: Any, name: str | None = None) -> None:
        """Puts the rows of tensors in, one after the other."""
        parts = self._parts(vals)
        for row in zip(*(convert(one, kind) for one, kind in zip(parts, self.dtypes, strict=True)), strict=True):
            self.enqueue(dict(zip(self.names, row, strict=True)) if self.names else list(row))

    def dequeue(self, name: str | None = None) -> Any:
        """Takes the next element out.

        Raises:
            OutOfRangeError: If the queue is closed and has none.
        """
        with self._changed:
            self._wait(lambda: len(self._held) > (0 if self._closed else self._min_left))
            if not self._held:
                raise OutOfRangeError("The queue is closed and has insufficient elements.")
            element = self._held.pop(self._next())
            self._changed.notify_all()
        if self.names:
            return dict(zip(self.names, element, strict=True))
        return element[0] if len(element) == 1 else list(element)

    def dequeue_many(self, n: int, name: str | None = None) -> Any:
        """Takes elements out, and stacks them."""
        return self._stacked([self.dequeue() for _ in range(int(n))])

    def dequeue_up_to(self, n: int, name: str | None = None) -> Any:
        """Takes elements out and stacks them; of a closed queue as many as there are."""
        found: list[Any] = []
        while len(found) < int(n) and not (self._closed and not self._held and found):
            found.append(self.dequeue())
        return self._stacked(found)

    def size(self, name: str | None = None) -> torch.Tensor:
        """Returns the number of elements."""
        return torch.tensor(len(self._held), dtype=torch.int32)

    def is_closed(self, name: str | None = None) -> torch.Tensor:
        """Returns whether the queue is closed."""
        return torch.tensor(self._closed)

    def close(self, cancel_pending_enqueues: bool = False, name: str | None = None) -> None:
        """Lets nothing more in; what is inside can be taken out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _wait(self, ready: Callable[[], bool]) -> None:
        self._changed.wait_for(lambda: self._closed or ready())

    def _next(self) -> int:
        return 0

    def _parts(self, vals: Any) -> list[Any]:
        if isinstance(vals, dict):
            return [vals[name] for name in self.names]
        return list(vals) if isinstance(vals, (list, tuple)) and len(self.dtypes) == len(vals) else [vals]

    def _element(self, vals: Any) -> list[Any]:
        element = [convert(one, kind) for one, kind in zip(self._parts(vals), self.dtypes, strict=True)]
        for part, shape in zip(element, self.shapes, strict=True):
            if not shape.is_compatible_with(part.shape):
                raise ValueError(f"Shapes {tuple(part.shape)} and {shape} are incompatible")
        return element

    def _stacked(self, elements: list[Any]) -> Any:
        if not self.names and len(self.dtypes) == 1:
            return _stack(elements)
        keys = self.names or range(len(self.dtypes))
        columns = [_stack([one[key] for one in elements]) for key in keys]
        return dict(zip(self.names, columns, strict=True)) if self.names else columns


def _stack(parts: list[Any]) -> Any:
    return StringTensor([one.numpy() for one in parts]) if isinstance(parts[0], StringTensor) else torch.stack(parts)


@public("queue.FIFOQueue")
class FIFOQueue(QueueBase):
    """A queue whose first element comes out first."""

    def __init__(
        self,
        capacity: int,
        dtypes: Any,
        shapes: Any = None,
        names: Any = None,
        shared_name: str | None = None,
        name: str = "fifo_queue",
    ) -> None:
        super().__init__(capacity, dtypes, shapes, names)


@public("queue.RandomShuffleQueue")
class RandomShuffleQueue(QueueBase):
    """A queue of which any element may come next."""

    def __init__(
        self,
        capacity: int,
        min_after_dequeue: int,
        dtypes: Any,
        shapes: Any = None,
        names: Any = None,
        seed: int | None = None,
        shared_name: str | None = None,
        name: str = "random_shuffle_queue",
    ) -> None:
        super().__init__(capacity, dtypes, shapes, names, int(min_after_dequeue))
        self._random = random.Random(seed)

    def _next(self) -> int:
        return self._random.randrange(len(self._held))


@public("queue.PriorityQueue")
class PriorityQueue(QueueBase):
    """A queue whose elements begin with a number; the smallest comes out first."""

    def __init__(
        self,
        capacity: int,
        types: Any,
        shapes: Any = None,
        names: Any = None,
        shared_name: str | None = None,
        name: str = "priority_queue",
    ) -> None:
        several = types if isinstance(types, (list, tuple)) else [types]
        rest = [None] * len(several) if shapes is None else list(shapes)
        super().__init__(capacity, ["int64", *several], [(), *rest], names)

    def _next(self) -> int:
        return min(range(len(self._held)), key=lambda place: int(self._held[place][0]))
