"""Iterators over a data set."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core.errors import InvalidArgumentError, OutOfRangeError
from torchkeras_shim.data.pipeline import specs
from torchkeras_shim.data.pipeline.mapping import copied
from torchkeras_shim.data.pipeline.node import Node

_NOTHING = object()


class Optional:
    """An element, or nothing.

    Example:
        >>> found, none = Optional(3), Optional()
        >>> found.has_value(), found.get_value(), none.has_value()
        (tensor(True), 3, tensor(False))
    """

    def __init__(self, value: Any = _NOTHING) -> None:
        self._value = value

    def has_value(self, name: str | None = None) -> torch.Tensor:
        """Returns whether there is an element."""
        return torch.tensor(self._value is not _NOTHING)

    def get_value(self, name: str | None = None) -> Any:
        """Returns the element.

        Raises:
            InvalidArgumentError: If there is none.
        """
        if self._value is _NOTHING:
            raise InvalidArgumentError("The given optional does not have a value. Ask `has_value()` first.")
        return self._value

    @property
    def element_spec(self) -> Any:
        """The specs of the element."""
        return specs.map_parts(specs.spec_of, self.get_value())


class DatasetIterator(Iterator[Any]):
    """One pass over a data set. Threads that work for it end when it ends or is let go.

    Args:
        node: The data set's last node.
        elements: The elements of the pass.
    """

    def __init__(self, node: Node, elements: Iterator[Any]) -> None:
        self._node = node
        self._turn = threading.RLock()  # threads may share an iterator, generators allow for one at a time
        self._elements = map(copied, elements) if node.shares else elements

    def __next__(self) -> Any:
        with self._turn:
            return next(self._elements)

    def get_next(self) -> Any:
        """Returns the next element.

        Raises:
            OutOfRangeError: If there is none.
        """
        for element in self:
            return element
        raise OutOfRangeError("End of sequence")

    def get_next_as_optional(self) -> Optional:
        """Returns the next element, or that there is none."""
        for element in self:
            return Optional(element)
        return Optional()

    @property
    def element_spec(self) -> Any:
        """The specs of an element."""
        return self._node.spec


def to_numpy(element: Any) -> Any:
    """Returns an element with numpy arrays and scalars for tensors, and `bytes` for text."""
    return specs.map_parts(_part_to_numpy, element)


def _part_to_numpy(part: Any) -> Any:
    if isinstance(part, specs.Nested):
        raise TypeError(
            "`Dataset.as_numpy_iterator()` is not supported for datasets that produce datasets. Write "
            "`dataset.flat_map(lambda window: window)` first."
        )
    if part is None:
        return None
    array = part.numpy(force=True) if isinstance(part, torch.Tensor) else part.numpy()
    return array[()] if isinstance(array, np.ndarray) and not array.ndim else array
