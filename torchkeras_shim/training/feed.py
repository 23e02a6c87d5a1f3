"""The feed: the batches of a data adapter, handed out epoch by epoch."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import torch

from torchkeras_shim.core import config, tree
from torchkeras_shim.core.random_state import RandomState
from torchkeras_shim.data import DataAdapter
from torchkeras_shim.distribution.portion import Work

_SMALL_INTEGERS = ("uint8", "int8", "int16", "uint16", "int32")


class Feed:
    """Batches of a data adapter, cut into epochs.

    Args:
        adapter: Where the batches come from.
        steps: How many batches make an epoch; the whole of the data if `None` or 0. With fewer steps than batches, the
            next epoch goes on where this one stopped, as in Keras; with more, it ends with the data.
    """

    def __init__(self, adapter: DataAdapter, steps: int | None = None) -> None:
        self.adapter = adapter
        self.steps = _limited(steps or None, adapter.num_batches)
        if adapter.endless and self.steps is None:
            raise ValueError(
                "When passing an infinitely repeating dataset, the number of steps must be given. Write "
                "`fit(dataset, steps_per_epoch=...)`, with `validation_steps=...` for validation data, and "
                "`evaluate(dataset, steps=...)` or `predict(dataset, steps=...)`."
            )
        self.num_batches = self.steps or adapter.num_batches
        self._iterator: Iterator[Any] | None = None
        self._seen = 0
        self._drawn_from: RandomState | None = None  # where the random numbers stood before the order was drawn

    def _start(self) -> Iterator[Any]:
        self._drawn_from = RandomState()
        return iter(self.adapter.batches())

    def peek(self) -> Any:
        """Returns the first batch without taking it away; `None` if there is none."""
        iterator = self._iterator if self._iterator is not None else self._start()
        first = next(iterator, None)
        self._iterator = iterator if first is None else itertools.chain(_again(first), iterator)
        return first

    def epoch(self) -> Iterator[Any]:
        """Returns an iterator over the batches of one epoch; nothing of its own goes between it and the data."""
        self.adapter.on_epoch_begin()
        if self.steps is not None:
            return self._counted(self.steps)
        iterator = self._iterator if self._iterator is not None else self._start()
        self._iterator = None
        return iterator

    def end(self) -> None:
        """Tells the data that an epoch is over."""
        self.adapter.on_epoch_end()

    def rewind(self) -> None:
        """Lets the next epoch begin at the first batch. What cannot start over, such as a generator, goes on."""
        if self.adapter.restarts:
            self._iterator = None

    def get_state(self, batches: int) -> dict[str, Any]:
        """Returns, as plain values, which batch comes next.

        Args:
            batches: How many batches of the epoch are done.
        """
        taken = batches if self.steps is None else self._seen
        if not taken or self._drawn_from is None:
            return {"taken": 0, "drawn_from": None, "batches": batches}
        return {"taken": taken, "drawn_from": self._drawn_from.to_config(), "batches": batches}

    def resume(self, state: dict[str, Any], random: RandomState) -> Iterator[Any]:
        """Returns an iterator over the rest of an epoch that was interrupted where `get_state` saw it.

        Args:
            state: What `get_state` returned.
            random: Where the random numbers stood at that time.
        """
        self.rewind()  # a generator cannot: it is at its beginning
        taken, origin = state["taken"], state["drawn_from"]
        (random if origin is None else RandomState.from_config(origin)).restore()
        if self.steps is None:
            batches = self.epoch()
            _drop(batches, taken)
        else:
            self.adapter.on_epoch_begin()
            if taken:
                self._iterator = self._iterator if self._iterator is not None else self._start()
                self._seen = _drop(self._iterator, taken)
            batches = self._counted(self.steps, state["batches"])
        if taken:  # otherwise what the data draws at the start of a pass is still to come, or was drawn just now
            random.restore()
        return batches

    def _counted(self, steps: int, done: int = 0) -> Iterator[Any]:
        for step in range(done, steps):
            if self._iterator is None:
                self._iterator = self._start()
                self._seen = 0
            batch = next(self._iterator, None)
            if batch is None and not step and self._seen and self.adapter.restarts:
                self._iterator = self._start()  # the epoch before took the last batch
                self._seen = 0
                batch = next(self._iterator, None)
            if batch is None:
                self._iterator, self._seen = None, 0
                if step:  # an epoch without any batch is the caller's to speak of
                    warn_of_end(f"after {step} of {steps} steps, so the epoch ends here")
                return
            self._seen += 1
            yield batch


def _limited(steps: int | None, there: int | None) -> int | None:
    """Returns a number of steps within the limit that is set for all loops, if one is."""
    limit = config.max_steps_per_epoch()
    if not limit or (steps or there or limit + 1) <= limit:
        return steps
    warnings.warn(f"Limiting steps_per_epoch to {limit}", stacklevel=5)
    return limit


def _again(batch: Any) -> Iterator[Any]:
    """Hands a batch out a second time, with what it is of the batch of several processes."""
    portion = Work.handed

    def once() -> Iterator[Any]:
        Work.handed = portion
        yield batch

    return once()


def warn_of_end(what: str) -> None:
    """Warns of data that has fewer batches than were asked for.

    Args:
        what: Where it ended, and what follows from that.
    """
    warnings.warn(
        "Your input ran out of data; interrupting training. Make sure that your dataset or generator can generate at "
        "least `steps_per_epoch * epochs` batches. You may need to use the `.repeat()` function when building your "
        f"dataset. The data ended {what}.",
        stacklevel=3,
    )


def _drop(batches: Iterator[Any], count: int) -> int:
    """Takes batches away and returns how many there were."""
    return sum(1 for _ in itertools.islice(batches, count))


def widened(y: Any) -> Any:
    """Widens labels of small integers once, where the built-in step would do it in every batch.

    Torch's kernels index classes by int64.
    """

    def widen(leaf: Any) -> Any:
        shape, kind = getattr(leaf, "shape", None), str(getattr(leaf, "dtype", "")).removeprefix("torch.")
        if kind not in _SMALL_INTEGERS or not (len(shape or ()) == 1 or (shape or ())[1:] == (1,)):
            return leaf
        return leaf.long() if isinstance(leaf, torch.Tensor) else leaf.astype("int64")

    return tree.map_structure(widen, y) if y is not None else None
