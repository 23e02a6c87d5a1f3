"""Arrays in memory: moved to the device once, shuffled and cut into batches there."""

from __future__ import annotations

import copy
import itertools
import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import tree
from torchkeras_shim.data import placement
from torchkeras_shim.data.adapter import DEFAULT_BATCH_SIZE, Batch, DataAdapter
from torchkeras_shim.data.weights import check_weights
from torchkeras_shim.data.zipping import zipped


class ArrayAdapter(DataAdapter):
    """Batches of arrays, or of structures of arrays.

    Rows are gathered for many batches in one call and handed out as views, because for small batches the call costs
    more than the copy. Every chunk is new memory, so no batch changes after it was handed out.

    Args:
        x: An array, or a list, tuple or dict of arrays.
        y: The targets, in such a structure too.
        sample_weight: The weights, one array or one per output.
        batch_size: Samples per batch; 32 by default, or what makes `steps` batches.
        steps: How many batches are wanted, used where `batch_size` is `None`.
        shuffle: `True` for a new order in each pass, `"batch"` for a new order within each batch only.
        class_weight: A dict from class to weight, folded into the sample weights.
        device: Where the batches are needed.
        order: Returns the rows of each pass in their order, a range or an array of indices, in place of `shuffle`.
        num_samples: How many rows `order` returns.
        drop_remainder: Whether a smaller last batch is left out.

    Raises:
        ValueError: If the arrays have different lengths, no samples, or hold something that is not a number.
    """

    num_batches: int
    batch_size: int
    num_samples: int

    def __init__(
        self,
        x: Any,
        y: Any,
        sample_weight: Any,
        *,
        batch_size: int | None,
        steps: int | None,
        shuffle: bool | str,
        class_weight: Any,
        device: torch.device,
        order: Callable[[], Any] | None = None,
        num_samples: int | None = None,
        drop_remainder: bool = False,
    ) -> None:
        _check_lengths(x, y, sample_weight)
        sample_weight = check_weights(y, sample_weight, class_weight)
        self._structure = (x, y, sample_weight)
        self._device = device
        self._shuffle = _check_shuffle(shuffle)
        named = [(_name(path), leaf) for path, leaf in tree.flatten_with_path(self._structure) if leaf is not None]
        self._ordering = order
        self.num_samples = int(named[0][1].shape[0]) if num_samples is None else num_samples
        self.batch_size = _check_batch_size(batch_size, steps, self.num_samples)
        if drop_remainder:
            self.num_samples -= self.num_samples % self.batch_size
        self.num_batches = math.ceil(self.num_samples / self.batch_size)
        self._sources = placement.place([leaf for _, leaf in named], [name for name, _ in named], device)
        self._structure = tree.map_structure(lambda leaf: leaf is not None, self._structure)
        self._names = [name for name, _ in named]
        self._length = int(named[0][1].shape[0])

    @property
    def places(self) -> list[str]:
        """Where each array lives and how its rows get to the device."""
        return [f"{name}: {source.place}" for name, source in zip(self._names, self._sources, strict=True)]

    def order(self) -> np.ndarray[Any, Any] | None:
        """Draws the order of the next pass: the rows, or `None` for the order that they are in."""
        device = self._device if all(source.on_device for source in self._sources) else torch.device("cpu")
        order = self._order(device)
        return None if order is None else order.numpy(force=True)

    def sample(self, count: int) -> list[Any]:
        """Returns some rows of each array, spread over all of it."""
        rows = torch.linspace(0, self._length - 1, min(count, self._length)).long()
        return self._take_all(rows)

    def reordered(self, order: Callable[[], Any], *, num_samples: int, batch_size: int) -> ArrayAdapter:
        """Returns a feed of the same arrays in another order.

        Args:
            order: Returns the rows of each pass, an array of indices.
            num_samples: How many there are.
            batch_size: Samples per batch.
        """
        other = copy.copy(self)
        other._ordering, other.num_samples, other.batch_size = order, num_samples, batch_size
        other.num_batches = math.ceil(num_samples / batch_size)
        return other

    def batches(self) -> Iterator[Batch]:
        """Returns an iterator over one pass of the data."""
        residents = [source for source in self._sources if isinstance(source, (placement.Resident, placement.Texts))]
        if all(source.on_device for source in self._sources):
            return itertools.chain.from_iterable(self._resident_chunks(residents))
        return itertools.chain.from_iterable(self._staged_chunks())

    def _resident_chunks(self, residents: list[placement.Resident | placement.Texts]) -> Iterator[Iterator[Batch]]:
        for rows in self._chunk_rows(self._order(self._device)):
            yield zipped(self._structure, iter([source.batches(rows, self.batch_size) for source in residents]))

    def _staged_chunks(self) -> Iterator[Iterator[Batch]]:
        """Each chunk's copy starts before the chunk ahead of it is handed out."""
        stream = placement.CopyStream(self._device)
        pending = None
        for rows in self._chunk_rows(self._order(torch.device("cpu"))):
            started = stream.run(self._take_all, rows)
            if pending is not None:
                stream.ready(*pending)
                yield self._split(pending[0])
            pending = started
        if pending is not None:
            stream.ready(*pending)
            yield self._split(pending[0])

    def _take_all(self, rows: placement.Rows) -> list[Any]:
        on_device = rows.to(self._device) if isinstance(rows, torch.Tensor) else rows
        return [source.take(on_device if source.on_device else rows) for source in self._sources]

    def _chunk_rows(self, order: torch.Tensor | None) -> Iterator[placement.Rows]:
        size = self.batch_size * placement.batches_per_chunk(self._sources, self.batch_size, self._device)
        for start in range(0, self.num_samples, size):
            stop = min(start + size, self.num_samples)
            yield (start, stop) if order is None else order[start:stop]

    def _order(self, device: torch.device) -> torch.Tensor | None:
        if self._ordering is not None:
            given = self._ordering()
            if isinstance(given, range) and (given.start, given.step) == (0, 1):
                return None
            return torch.from_numpy(np.ascontiguousarray(given, dtype=np.int64)).to(device)
        if self._shuffle is False:
            return None
        if self._shuffle is True:
            return torch.randperm(self.num_samples, device=device)
        # Keys that grow from batch to batch and are random within one: sorted, they shuffle each batch alone.
        batch_of = torch.arange(self.num_samples) // self.batch_size
        return (batch_of + torch.rand(self.num_samples, dtype=torch.float64)).argsort().to(device)

    def _split(self, tensors: list[Any]) -> Iterator[Batch]:
        return zipped(self._structure, iter([placement.split(tensor, self.batch_size) for tensor in tensors]))


def _name(path: tuple[Any, ...]) -> str:
    root, *rest = path
    return ("x", "y", "sample_weight")[root] + "".join(f"[{key!r}]" for key in rest)


def _check_lengths(x: Any, y: Any, sample_weight: Any) -> None:
    sizes: dict[str, list[int]] = {}
    for label, data in (("x", x), ("y", y), ("sample_weight", sample_weight)):
        leaves = [leaf for leaf in tree.flatten(data) if leaf is not None]
        for leaf in leaves:
            if len(leaf.shape) == 0:
                raise ValueError(
                    f"Arrays must have a first axis that counts samples, but `{label}` holds a scalar: {leaf}. "
                    "Wrap lists of numbers in one array: `np.asarray(values)`."
                )
        if leaves:
            sizes[label] = [int(leaf.shape[0]) for leaf in leaves]
    if "x" not in sizes:
        raise ValueError("There is no input data: `x` is None. Pass arrays, a DataLoader, a generator or a PyDataset.")
    counts = {size for group in sizes.values() for size in group}
    if len(counts) > 1:
        raise ValueError(
            "Data cardinality is ambiguous. Make sure all arrays contain the same number of samples.\n"
            + "\n".join(f"'{label}' sizes: {', '.join(map(str, group))}" for label, group in sizes.items())
        )
    if counts == {0}:
        shapes = [tuple(leaf.shape) for leaf in tree.flatten(x) if leaf is not None]
        raise ValueError(f"The data is empty: `x` has no samples. Received: x of shape {', '.join(map(str, shapes))}")


def _check_shuffle(shuffle: bool | str) -> bool | str:
    if isinstance(shuffle, str):
        if shuffle != "batch":
            raise ValueError(f"`shuffle` must be True, False or 'batch'. Received: shuffle={shuffle!r}")
        return shuffle
    return bool(shuffle)


def _check_batch_size(batch_size: Any, steps: Any, num_samples: int) -> int:
    if not batch_size:
        return math.ceil(num_samples / steps) if steps else DEFAULT_BATCH_SIZE
    try:
        size = operator.index(batch_size)
    except TypeError:
        size = 0
    if size < 1:
        raise ValueError(f"`batch_size` must be a positive integer. Received: batch_size={batch_size!r}")
    return size
