"""`PyDataset`: batches by index, written in Python, made ahead by threads or processes where that is asked for."""

from __future__ import annotations

import itertools
import multiprocessing
import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import torch

from torchkeras_shim.data.adapter import Batch, DataAdapter
from torchkeras_shim.data.arrays import describe, is_array_like
from torchkeras_shim.data.streams import Mover, weigher


class PyDataset:
    """Base class for data that Python code makes batch by batch.

    A subclass defines `__getitem__(index)`, which returns one whole batch (`x`, `(x, y)` or `(x, y, sample_weight)`),
    and `__len__` or the property `num_batches`, which tell how many there are (`num_batches` may be `None`: no end). It
    may define `on_epoch_begin` and `on_epoch_end`.

    Args:
        workers: How many threads or processes make batches ahead; up to 1 thread means none.
        use_multiprocessing: Processes instead of threads. The data set is then copied into each at the start of an
            epoch.
        max_queue_size: How many batches may be made ahead.

    Example:
        >>> class Squares(PyDataset):
        ...     def __len__(self):
        ...         return 2
        ...     def __getitem__(self, index):
        ...         return torch.tensor([index]), torch.tensor([index**2])
        >>> list(Squares())
        [(tensor([0]), tensor([0])), (tensor([1]), tensor([1]))]
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self._workers = workers
        self._use_multiprocessing = use_multiprocessing
        self._max_queue_size = max_queue_size

    @property
    def workers(self) -> int:
        """How many threads or processes make batches ahead."""
        return self._setting("_workers", 1)  # type: ignore[no-any-return]

    @workers.setter
    def workers(self, value: int) -> None:
        self._workers = value

    @property
    def use_multiprocessing(self) -> bool:
        """Whether processes rather than threads make the batches."""
        return self._setting("_use_multiprocessing", False)  # type: ignore[no-any-return]

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        self._use_multiprocessing = value

    @property
    def max_queue_size(self) -> int:
        """How many batches may be made ahead."""
        return self._setting("_max_queue_size", 10)  # type: ignore[no-any-return]

    @max_queue_size.setter
    def max_queue_size(self, value: int) -> None:
        self._max_queue_size = value

    def _setting(self, name: str, default: Any) -> Any:
        if name not in self.__dict__:
            for missing, value in (("_workers", 1), ("_use_multiprocessing", False), ("_max_queue_size", 10)):
                self.__dict__.setdefault(missing, value)
            warnings.warn(
                f"Your `PyDataset` class {type(self).__name__} should call `super().__init__(**kwargs)` in its "
                "constructor. `**kwargs` can include `workers`, `use_multiprocessing`, `max_queue_size`. Do not pass "
                "these arguments to `fit()`.",
                stacklevel=3,
            )
        return self.__dict__.get(name, default)

    def __getitem__(self, index: int) -> Any:
        """Returns one batch."""
        raise NotImplementedError(
            f"{type(self).__name__} must define `__getitem__(self, index)`, which returns the batch at that index."
        )

    def __iter__(self) -> Iterator[Any]:
        for index in _indices(self):
            yield self[index]

    @property
    def num_batches(self) -> int | None:
        """How many batches there are, or `None` for no end."""
        if hasattr(self, "__len__"):
            return len(self)
        raise NotImplementedError(
            f"{type(self).__name__} must define `__len__`, or the property `num_batches`: "
            "\n\n@property\ndef num_batches(self):\n    return ..."
        )

    def on_epoch_begin(self) -> None:
        """Is called at the beginning of every epoch."""

    def on_epoch_end(self) -> None:
        """Is called at the end of every epoch."""


def _indices(dataset: PyDataset) -> Iterator[int]:
    try:
        count = dataset.num_batches
    except NotImplementedError:
        count = None
    return itertools.count() if count is None else iter(range(count))


class PyDatasetAdapter(DataAdapter):
    """Batches of a `PyDataset`.

    Args:
        dataset: The data set.
        shuffle: Whether each pass takes the batches in a new order.
        class_weight: A dict from class to weight.
        device: Where the batches are needed.
    """

    def __init__(self, dataset: PyDataset, *, shuffle: bool, class_weight: Any, device: torch.device) -> None:
        self._dataset = dataset
        self._shuffle = shuffle
        self._weigh = weigher(class_weight)
        self._mover = Mover(device, "PyDataset")
        if self.num_batches == 0:
            raise ValueError(f"The PyDataset has length 0. Received: {type(dataset).__name__} without batches.")

    @property
    def num_batches(self) -> int | None:  # type: ignore[override]  # it may change from epoch to epoch
        """How many batches the data set has now, or `None` for no end."""
        return self._dataset.num_batches

    def on_epoch_begin(self) -> None:
        """Tells the data set."""
        self._dataset.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """Tells the data set."""
        self._dataset.on_epoch_end()

    def batches(self) -> Iterator[Batch]:
        """Returns an iterator over one pass."""
        dataset = self._dataset
        count = dataset.num_batches
        order: Iterator[int] = itertools.count() if count is None else iter(range(count))
        if self._shuffle and count is not None:
            order = iter(torch.randperm(count).tolist())
        parallel = dataset.workers > 1 or (dataset.workers > 0 and dataset.use_multiprocessing)
        made = _made_ahead(dataset, order) if parallel else map(dataset.__getitem__, order)
        for data in made:
            yield self._weigh(self._mover(_standardized(data)))


def _standardized(data: Any) -> Any:
    if isinstance(data, dict):
        return (data,)
    if is_array_like(data):
        return (data,)
    if not isinstance(data, (tuple, list)) or not 1 <= len(data) <= 3:
        raise ValueError(
            "PyDataset.__getitem__() must return a tuple or a dict. If a tuple, it must be ordered either (input,) or "
            f"(inputs, targets) or (inputs, targets, sample_weights). Received: {describe(data)}"
        )
    return tuple(data)


def _made_ahead(dataset: PyDataset, order: Iterator[int]) -> Iterator[Any]:
    """Makes batches in a pool, in order, as many ahead as the queue may hold."""
    pool: Executor
    if dataset.use_multiprocessing:
        pool = ProcessPoolExecutor(
            dataset.workers, multiprocessing.get_context(), initializer=_receive, initargs=(dataset,)
        )
    else:
        pool = ThreadPoolExecutor(dataset.workers, thread_name_prefix="PyDataset")

    def submit(index: int) -> Future[Any]:
        return (
            pool.submit(_get_received, index)
            if dataset.use_multiprocessing
            else pool.submit(dataset.__getitem__, index)
        )

    try:
        waiting = deque(submit(index) for index in itertools.islice(order, max(1, dataset.max_queue_size)))
        while waiting:
            data = waiting.popleft().result()
            waiting.extend(submit(index) for index in itertools.islice(order, 1))
            yield data
    finally:
        pool.shutdown(cancel_futures=True)


_received: PyDataset | None = None


def _receive(dataset: PyDataset) -> None:
    """Keeps the data set that a worker process serves."""
    global _received
    _received = dataset


def _get_received(index: int) -> Any:
    return _received[index]  # type: ignore[index]
