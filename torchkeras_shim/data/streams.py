"""Batches that somebody else makes: generators, iterables and `DataLoader`s, as they come."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader

from torchkeras_shim.core import tree
from torchkeras_shim.core.device import has_streams
from torchkeras_shim.data.adapter import Batch, DataAdapter
from torchkeras_shim.data.arrays import describe
from torchkeras_shim.data.packing import unpack_x_y_sample_weight
from torchkeras_shim.data.placement import CopyStream, leaf_to_device
from torchkeras_shim.data.weights import class_weight_to_sample_weights

_NOTHING = object()
_FORMS = "either (input,) or (inputs, targets) or (inputs, targets, sample_weights)"


class Mover:
    """Takes batches apart and brings their leaves to the device.

    Args:
        device: Where the batches are needed.
        kind: What the data is called in error messages.
    """

    def __init__(self, device: torch.device, kind: str) -> None:
        self._device = device
        self._kind = kind
        self._stream = CopyStream(device)
        self._checked = False

    def __call__(self, data: Any) -> Batch:
        """Returns `(x, y, sample_weight)` on the device."""
        batch = unpack_x_y_sample_weight(data)
        if not self._checked:
            self._check(batch)
        if not has_streams(self._device) or any(
            isinstance(leaf, torch.Tensor) and leaf.device.type != "cpu" for leaf in tree.flatten(batch)
        ):
            # What is on the device already was made on its current stream, and is used there.
            return tree.map_structure(self._leaf, batch)  # type: ignore[no-any-return]
        moved, token = self._stream.run(tree.map_structure, self._leaf, batch)
        self._stream.ready([leaf for leaf in tree.flatten(moved) if leaf is not None], token)
        return moved  # type: ignore[no-any-return]

    def _leaf(self, leaf: Any) -> Any:
        return None if leaf is None else leaf_to_device(leaf, self._device)

    def _check(self, batch: Batch) -> None:
        """Says at the first batch what can never work."""
        for leaf in tree.flatten(batch):
            if leaf is not None and len(getattr(leaf, "shape", ())) == 0:
                raise ValueError(
                    f"When passing a {self._kind} to a Keras model, the arrays must be at least rank 1: each element "
                    f"is a whole batch, not one sample. Received: {describe(batch)}"
                )
        self._checked = True


class GeneratorAdapter(DataAdapter):
    """A Python generator or another iterator: consumed as it goes, never started over.

    Args:
        iterator: Yields `(x,)`, `(x, y)` or `(x, y, sample_weight)`.
        device: Where the batches are needed.

    Raises:
        ValueError: If it yields nothing, or something else than such tuples.
    """

    restarts = False

    def __init__(self, iterator: Iterator[Any], device: torch.device) -> None:
        self._mover = Mover(device, "Python generator")
        first = next(iterator, _NOTHING)
        if first is _NOTHING:
            raise ValueError(
                "When passing a Python generator to a Keras model, the generator must yield at least one batch. "
                "Received an empty generator."
            )
        self._check_tuple(first)
        self._rest = itertools.chain([first], iterator)

    def batches(self) -> Iterator[Batch]:
        """Returns an iterator over what is left."""
        for data in self._rest:
            self._check_tuple(data)
            yield self._mover(data)

    def _check_tuple(self, data: Any) -> None:
        if type(data) is not tuple or not 1 <= len(data) <= 3:
            raise ValueError(
                "When passing a Python generator to a Keras model, the generator must return a tuple, "
                f"{_FORMS}. Received: {describe(data)}. Write, for example: `yield inputs, targets`"
            )


class IterableAdapter(DataAdapter):
    """Anything else that can be iterated over again and again, each pass from its beginning.

    Args:
        iterable: Its elements are batches: `x`, `(x, y)` or `(x, y, sample_weight)`.
        class_weight: A dict from class to weight.
        device: Where the batches are needed.
    """

    def __init__(self, iterable: Iterable[Any], class_weight: Any, device: torch.device) -> None:
        self._iterable = iterable
        self._weigh = weigher(class_weight)
        self._mover = Mover(device, "dataset")
        self.num_batches = _length(iterable)

    def batches(self) -> Iterator[Batch]:
        """Returns an iterator over one pass."""
        for data in self._iterable:
            yield self._weigh(self._mover(data))


class LoaderAdapter(DataAdapter):
    """A torch `DataLoader`, used as it is: its sampler, workers and collation decide what a batch is.

    Args:
        loader: The loader.
        device: Where the batches are needed.
    """

    def __init__(self, loader: DataLoader[Any], device: torch.device) -> None:
        self.loader = loader
        self._mover = Mover(device, "torch DataLoader")
        self.batch_size = loader.batch_size
        self.num_batches = _length(loader)
        if self.num_batches is not None:
            if self.num_batches == 0:
                raise ValueError(
                    f"The torch DataLoader has no batches. Received: {loader.dataset!r} of length "
                    f"{_length(loader.dataset)}, batch_size={loader.batch_size}, drop_last={loader.drop_last}"
                )
            if loader.batch_size is not None:
                self.num_samples = self.num_batches * loader.batch_size if loader.drop_last else _length(loader.sampler)

    def batches(self) -> Iterator[Batch]:
        """Returns an iterator over one pass of the loader."""
        return self.batches_of(self.loader)

    def batches_of(self, loader: DataLoader[Any]) -> Iterator[Batch]:
        """Returns an iterator over one pass of a loader, of the same data, on the device."""
        return map(self._mover, loader)


def weigher(class_weight: Any) -> Callable[[Batch], Batch]:
    """Returns a function that folds class weights into a batch."""
    if class_weight is None:
        return lambda batch: batch

    def weigh(batch: Batch) -> Batch:
        x, y, sample_weight = batch
        if sample_weight is not None:
            raise ValueError("You cannot specify `class_weight` and `sample_weight` at the same time.")
        return x, y, None if y is None else class_weight_to_sample_weights(y, class_weight)

    return weigh


def _length(sized: Any) -> int | None:
    """`len`, or `None` if there is none, as for iterable-style and endless data sets."""
    try:
        return len(sized)
    except TypeError:
        return None
