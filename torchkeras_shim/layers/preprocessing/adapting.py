"""What `adapt` learns from: one array, or anything that yields batches."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import StringTensor
from torchkeras_shim.layers.preprocessing.data_layer import to_data


def is_one_array(data: Any) -> bool:
    """Returns whether data is one array, of any make, rather than batches of it.

    Example:
        >>> is_one_array(np.zeros(3)), is_one_array([np.zeros(3)]), is_one_array("text")
        (True, False, True)
    """
    return isinstance(data, (torch.Tensor, StringTensor, RaggedTensor, str, bytes)) or hasattr(data, "__array__")


def batches(data: Any, steps: int | None = None) -> Iterator[Any]:
    """Yields the inputs in each batch of a data set, loader, generator or list of batches.

    Args:
        data: What yields the batches: arrays, or tuples of which the inputs come first.
        steps: How many to take, all by default.

    Raises:
        TypeError: If it cannot be iterated over.
    """
    if not (isinstance(data, Iterable) or hasattr(data, "__getitem__")):
        raise TypeError(
            f"Unsupported data type: {type(data)}. `adapt` takes arrays, tensors, lists, data sets, a torch "
            "`DataLoader`, and anything else that yields batches of these."
        )
    return (_inputs(batch) for batch in itertools.islice(iter(data), steps))


def _inputs(batch: Any) -> Any:
    """Returns the inputs of a batch. A `DataLoader` yields lists where other data sets have tuples."""
    if isinstance(batch, tuple) or (isinstance(batch, list) and batch and isinstance(batch[0], torch.Tensor)):
        batch = batch[0]
    return to_data(batch)


def grouped(items: Iterable[Any], size: int) -> Iterator[Any]:
    """Yields items that are single samples in batches.

    Example:
        >>> [group.tolist() for group in grouped([np.array([1]), np.array([2]), np.array([3])], 2)]
        [[[1], [2]], [[3]]]
    """
    items = iter(items)
    while group := list(itertools.islice(items, size)):
        if isinstance(group[0], StringTensor):
            yield StringTensor(np.stack([np.asarray(item) for item in group]))
        else:
            yield to_data(group)
