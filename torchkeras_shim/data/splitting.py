"""Each process's rows of every batch.

All processes go through the same batches; each takes its part of every one, and notes how large that is beside the
whole (`Portion`). Whatever is drawn on the way, an order above all, is drawn alike in all of them: their random
generators stand at the same place outside of steps.
"""

from __future__ import annotations

import itertools
import zlib
from abc import abstractmethod
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset
from torch.utils.data.distributed import DistributedSampler

from torchkeras_shim.core import tree
from torchkeras_shim.data.adapter import Batch, DataAdapter
from torchkeras_shim.data.array_adapter import ArrayAdapter
from torchkeras_shim.data.streams import LoaderAdapter
from torchkeras_shim.distribution.portion import Portion, Work, bounds
from torchkeras_shim.distribution.processes import Processes, known

#: How many rows of arrays the processes compare before they train on them.
_COMPARED = 16


def split(adapter: DataAdapter, processes: Processes | None, whole: bool = True) -> DataAdapter:
    """Returns the adapter of this process's rows.

    Args:
        adapter: The data.
        processes: All processes; `None` if this one is alone.
        whole: Whether the data is the whole of it in each process, or that process's part.
    """
    if processes is None:
        return adapter
    if not whole or _is_split(adapter):
        return GivenParts(adapter, processes)
    if isinstance(adapter, ArrayAdapter):
        return PartOfRows(adapter, processes)
    if isinstance(adapter, LoaderAdapter) and _reads_rows(adapter.loader):
        return PartOfLoader(adapter, processes)
    return PartOfBatches(adapter, processes)


def _is_split(adapter: DataAdapter) -> bool:
    return isinstance(adapter, LoaderAdapter) and isinstance(
        getattr(adapter.loader.batch_sampler, "sampler", adapter.loader.sampler), DistributedSampler
    )


def _reads_rows(loader: DataLoader[Any]) -> bool:
    """Returns whether rows of a loader can be left out before they are read."""
    return loader.batch_sampler is not None and not isinstance(loader.dataset, IterableDataset)


class Part(DataAdapter):
    """A part of the batches of another adapter; their number and sizes are told as those of the whole.

    Args:
        adapter: The data.
        processes: The processes that share each batch.
    """

    def __init__(self, adapter: DataAdapter, processes: Processes) -> None:
        self._adapter, self._processes = adapter, processes
        #: Those included that get the same rows as another one.
        self._everyone = known() or processes
        #: How many rows of each batch of the last pass count here; 0 for a borrowed one.
        self.counts: list[int] = []

    @property
    def num_batches(self) -> int | None:  # type: ignore[override]
        """How many batches a pass has."""
        return self._adapter.num_batches

    @property
    def batch_size(self) -> int | None:  # type: ignore[override]
        """The size of whole batches."""
        return self._adapter.batch_size

    @property
    def num_samples(self) -> int | None:  # type: ignore[override]
        """How many samples a pass has in all processes together."""
        return self._adapter.num_samples

    @property
    def restarts(self) -> bool:  # type: ignore[override]
        """Whether every pass begins at the first batch."""
        return self._adapter.restarts

    @property
    def endless(self) -> bool:  # type: ignore[override]
        """Whether a pass is known to have no end."""
        return self._adapter.endless

    @property
    def places(self) -> list[str]:
        """Where the data lives."""
        return [f"{place} (1 of {self._processes.count} parts of each batch)" for place in self._adapter.places]

    def on_epoch_begin(self) -> None:
        """Tells the data."""
        self._adapter.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """Tells the data."""
        self._adapter.on_epoch_end()

    def batches(self) -> Iterator[Batch]:
        """Returns an iterator over this process's rows of one pass."""
        self.counts = []
        for portion, batch in self._portions_and_batches():
            Work.handed = portion
            self.counts.append(portion.rows)
            yield batch

    @abstractmethod
    def _portions_and_batches(self) -> Iterator[tuple[Portion, Batch]]:
        """Returns an iterator over this process's rows of one pass, with what they are of each batch."""

    def portion(self, rows: int) -> tuple[int, int, Portion]:
        """Returns where this process's part of a batch begins and ends, a borrowed row if there is none."""
        start, stop = bounds(rows, self._processes.rank, self._processes.count)
        portion = Portion(stop - start, rows)
        return (start, stop, portion) if portion.rows else (0, 1, portion)

    def _compare(self, what: str, rows: int, values: Any) -> None:
        """Raises an error if data that is whole in each process is not the same in all of them."""
        content = _content(values)
        most, fewest, content_most, content_least = self._everyone.largest(rows, -rows, content, -content)
        if most == -fewest and content_most == -content_least:
            return
        sizes = f"{rows} rows in process {self._processes.rank}, from {-fewest} to {most} in all (0 is the end)"
        raise ValueError(
            f"The data is not the same in all processes: {what} has {sizes}"
            f"{', and other values in each' if most == -fewest else ''}. Every process is given the whole of it and "
            "takes its rows. Call `keras.utils.set_random_seed(...)` before the data is made; or, if each process is "
            "to have a part of its own, write `keras.distribution.set_distribution(keras.distribution.DataParallel("
            "auto_shard_dataset=False))`."
        )


class PartOfRows(Part):
    """The rows of arrays: what other processes have is not even gathered."""

    def __init__(self, adapter: ArrayAdapter, processes: Processes) -> None:
        super().__init__(adapter, processes)
        self._compare("the data", adapter.num_samples, adapter.sample(_COMPARED))
        size, (whole, rest) = adapter.batch_size, divmod(adapter.num_samples, adapter.batch_size)
        start, stop, portion = self.portion(size)
        rows = np.arange(whole)[:, None] * size + np.arange(start, stop)
        self._rows = rows.reshape(-1)
        self._portions = [portion] * whole
        if rest:
            last_start, last_stop, last = self.portion(rest)
            self._rows = np.concatenate([self._rows, whole * size + np.arange(last_start, last_stop)])
            self._portions.append(last)
            stop, start = max(stop - start, last_stop - last_start), 0
        self._mine = adapter.reordered(self._order, num_samples=len(self._rows), batch_size=stop - start)
        self._source = adapter

    def _order(self) -> Any:
        order = self._source.order()
        if order is None:
            return self._rows
        # A data set that chose its seed when it was made has another one in each process.
        agreed = torch.from_numpy(np.array(order))
        self._everyone.spread([agreed])
        return agreed.numpy()[self._rows]

    def _portions_and_batches(self) -> Iterator[tuple[Portion, Batch]]:
        return zip(self._portions, self._mine.batches(), strict=True)


class PartOfLoader(Part):
    """The rows that a torch `DataLoader` would put into this process's part: the others are not read."""

    def __init__(self, adapter: LoaderAdapter, processes: Processes) -> None:
        super().__init__(adapter, processes)
        self._loaded = adapter
        self.portions: deque[Portion] = deque()
        loader = adapter.loader
        self._mine: DataLoader[Any] = DataLoader(
            loader.dataset,
            batch_sampler=_Chosen(self, loader.batch_sampler),
            num_workers=loader.num_workers,
            collate_fn=loader.collate_fn,
            pin_memory=loader.pin_memory,
            timeout=loader.timeout,
            worker_init_fn=loader.worker_init_fn,
            multiprocessing_context=loader.multiprocessing_context,
            generator=loader.generator,
            prefetch_factor=loader.prefetch_factor,
            persistent_workers=loader.persistent_workers,
        )

    def _portions_and_batches(self) -> Iterator[tuple[Portion, Batch]]:
        self.portions.clear()  # what an unfinished pass had asked for ahead
        for batch in self._loaded.batches_of(self._mine):
            yield self.portions.popleft(), batch


class _Chosen:
    """The batch sampler of a loader, with this process's rows alone."""

    def __init__(self, part: PartOfLoader, batches: Any) -> None:
        self._part, self._batches = part, batches

    def __iter__(self) -> Iterator[list[int]]:
        for indices in self._batches:
            start, stop, portion = self._part.portion(len(indices))
            self._part.portions.append(portion)
            yield list(indices)[start:stop]

    def __len__(self) -> int:
        return len(self._batches)


class PartOfBatches(Part):
    """The rows of batches that Python code makes: each process makes them all, and keeps its own.

    If nobody knows how many there will be, the processes compare how large each batch is, so that one that has come to
    its end does not leave the others waiting.
    """

    def _portions_and_batches(self) -> Iterator[tuple[Portion, Batch]]:
        compare = self._adapter.num_batches is None or not self._adapter.restarts
        made = self._adapter.batches()
        for number in itertools.count():
            batch = next(made, None)
            rows = 0 if batch is None else _rows(batch)
            if compare or not number:
                self._compare(f"batch {number}", rows, () if batch is None else batch)
            if batch is None:
                return
            start, stop, portion = self.portion(rows)
            yield portion, _cut(batch, slice(start, stop))


class GivenParts(Part):
    """Batches that are this process's part already. A batch of all is one of each process; some may end earlier."""

    def __init__(self, adapter: DataAdapter, processes: Processes) -> None:
        super().__init__(adapter, processes)
        own = adapter.num_batches
        most, open_ended = processes.largest(own or 0, int(own is None))
        self._num_batches = None if open_ended else most

    @property
    def num_batches(self) -> int | None:  # type: ignore[override]
        """How many batches a pass has: as many as the longest part."""
        return self._num_batches

    @property
    def num_samples(self) -> int | None:  # type: ignore[override]
        """How many samples there are together; not known."""
        return None

    def _portions_and_batches(self) -> Iterator[tuple[Portion, Batch]]:
        made = self._adapter.batches()
        last: Batch | None = None
        while True:
            batch = next(made, None)
            rows = 0 if batch is None else _rows(batch)
            if last is None:
                self._check_alike(rows, batch)
            total, without = self._processes.sum_of(rows, int(batch is None and last is None))
            if not total:
                return
            if without:
                raise ValueError("A process has no batch at all. Give each process a part of the data.")
            last = last if batch is None else batch  # a row of it is borrowed after the end
            yield Portion(rows, total), _cut(last, slice(0, rows or 1))

    def _check_alike(self, rows: int, batch: Batch | None) -> None:
        """Raises an error if processes that have other parts of the weights, and the same rows, got different ones."""
        if self._everyone.count == self._processes.count:
            return
        found = self._everyone.from_all((self._processes.rank, rows, _content(() if batch is None else batch)))
        if len(set(found)) > self._processes.count:
            raise ValueError(
                "Processes that share the rows of a batch were given different data. Received, as (part, rows, "
                f"checksum), by process: {found}. Give each process the part of the data that has the number "
                "`keras.distribution.distribution().data_shard_id`."
            )


def _content(values: Any) -> int:
    """Returns a checksum of all tensors of a structure."""
    content = 0
    for leaf in tree.flatten(values):
        if isinstance(leaf, torch.Tensor) and leaf.numel():
            content = zlib.crc32(leaf.detach().contiguous().cpu().view(-1).view(torch.uint8).numpy().tobytes(), content)
    return content


def _rows(batch: Batch) -> int:
    return next(int(leaf.shape[0]) for leaf in tree.flatten(batch) if len(getattr(leaf, "shape", ())))


def _cut(batch: Any, rows: slice) -> Any:
    return tree.map_structure(lambda leaf: leaf[rows] if len(getattr(leaf, "shape", ())) else leaf, batch)
