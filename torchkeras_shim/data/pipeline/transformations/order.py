"""In which order `Dataset` hands out its elements, and how many of them."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.data.pipeline import combining, ordering
from torchkeras_shim.data.pipeline.node import D, Pipeline, node_of


def shuffle(
    source: Pipeline[D],
    buffer_size: int,
    seed: int | None = None,
    reshuffle_each_iteration: bool | None = True,
    name: str | None = None,
) -> D:
    """Returns a data set of the elements in random order.

    Args:
        buffer_size: How many elements the next one is chosen from; at least the number of all for a uniform order.
        seed: Makes the sequence of orders repeatable.
        reshuffle_each_iteration: Whether each pass has a new order.
        name: A name, for the reader.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> sorted(int(x) for x in Dataset.range(4).shuffle(4, seed=1))
        [0, 1, 2, 3]
    """
    return source._then(ordering.Shuffle(source._node, buffer_size, seed, reshuffle_each_iteration is not False), name)


def repeat(source: Pipeline[D], count: int | None = None, name: str | None = None) -> D:
    """Returns a data set of the elements so many times, or without end.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> [int(x) for x in Dataset.range(2).repeat(2)]
        [0, 1, 0, 1]
    """
    return source._then(ordering.Repeat(source._node, count), name)


def take(source: Pipeline[D], count: int, name: str | None = None) -> D:
    """Returns a data set of the first elements, of all for -1.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> [int(x) for x in Dataset.range(5).take(2)]
        [0, 1]
    """
    return source._then(ordering.Take(source._node, count), name)


def skip(source: Pipeline[D], count: int, name: str | None = None) -> D:
    """Returns a data set without the first elements, of none for -1.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> [int(x) for x in Dataset.range(5).skip(3)]
        [3, 4]
    """
    return source._then(ordering.Skip(source._node, count), name)


def shard(source: Pipeline[D], num_shards: int, index: int, name: str | None = None) -> D:
    """Returns a data set of every `num_shards`-th element, from `index` on.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> [int(x) for x in Dataset.range(5).shard(num_shards=2, index=1)]
        [1, 3]
    """
    return source._then(ordering.Shard(source._node, num_shards, index), name)


def concatenate(source: Pipeline[D], dataset: Any, name: str | None = None) -> D:
    """Returns a data set of the elements and then those of another one.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> [int(x) for x in Dataset.range(2).concatenate(Dataset.range(7, 9))]
        [0, 1, 7, 8]
    """
    return source._then(combining.Concatenate(source._node, node_of(dataset, "dataset")), name)


def window(
    source: Pipeline[D],
    size: int,
    shift: int | None = None,
    stride: int = 1,
    drop_remainder: bool = False,
    name: str | None = None,
) -> D:
    """Returns a data set of windows, data sets of elements that follow one another.

    Args:
        size: The number of elements of a window.
        shift: How many elements further the next one begins, `size` by default.
        stride: The distance between the elements of a window: 2 takes every second one.
        drop_remainder: Whether windows with fewer elements are left out.
        name: A name, for the reader.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> windows = Dataset.range(5).window(3, shift=1, drop_remainder=True)
        >>> [[int(x) for x in window] for window in windows]
        [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
    """
    return source._then(ordering.Window(source._node, size, shift, stride, drop_remainder, source._then), name)
