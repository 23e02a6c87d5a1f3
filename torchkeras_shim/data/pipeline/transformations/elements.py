"""What `Dataset` does with its elements one by one."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from torchkeras_shim.data.pipeline import combining, mapping, ordering, prefetching
from torchkeras_shim.data.pipeline.node import AUTOTUNE, D, Node, Pipeline


def map(
    source: Pipeline[D],
    map_func: Callable[..., Any],
    num_parallel_calls: int | None = None,
    deterministic: bool | None = None,
    synchronous: bool | None = None,
    use_unbounded_threadpool: bool = False,
    name: str | None = None,
) -> D:
    """Returns a data set of what a function makes of each element.

    Args:
        map_func: Gets the items of an element that is a tuple as its arguments, any other element as one. Returns
            tensors, arrays, numbers, text, or tuples and dicts of them.
        num_parallel_calls: How many threads call it, if it takes long enough; `AUTOTUNE` for one per processor.
        deterministic: `False` gives the results as they are ready, in any order.
        synchronous: Whether no threads are used.
        use_unbounded_threadpool: Not supported.
        name: A name, for the reader.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> [int(x) for x in Dataset.range(3).map(lambda x: x * 10)]
        [0, 10, 20]
    """
    if use_unbounded_threadpool:
        raise ValueError("`use_unbounded_threadpool=True` is not supported. Pass `num_parallel_calls=...` instead.")
    if synchronous and num_parallel_calls is not None:
        raise ValueError("`synchronous` and `num_parallel_calls` cannot be given at once. Leave one of them out.")
    return source._then(mapping.Map(source._node, map_func, num_parallel_calls, deterministic is not False), name)


def filter(source: Pipeline[D], predicate: Callable[..., Any], name: str | None = None) -> D:
    """Returns a data set of the elements for which a function returns a true scalar.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> [int(x) for x in Dataset.range(5).filter(lambda x: x % 2 == 0)]
        [0, 2, 4]
    """
    return source._then(mapping.Filter(source._node, predicate), name)


def take_while(source: Pipeline[D], predicate: Callable[..., Any], name: str | None = None) -> D:
    """Returns a data set of the elements before the first for which a function returns a false scalar.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> [int(x) for x in Dataset.range(5).take_while(lambda x: x < 2)]
        [0, 1]
    """
    return source._then(mapping.Filter(source._node, predicate, until=True), name)


def scan(source: Pipeline[D], initial_state: Any, scan_func: Callable[..., Any], name: str | None = None) -> D:
    """Returns a data set of outputs of a function, which gets a state and an element and returns a state and an
    output.

    Example:
        >>> import torch
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> running = Dataset.range(4).scan(torch.tensor(0), lambda total, x: (total + x, total + x))
        >>> [int(x) for x in running]
        [0, 1, 3, 6]
    """
    return source._then(mapping.Scan(source._node, initial_state, scan_func), name)


def reduce(source: Pipeline[D], initial_state: Any, reduce_func: Callable[..., Any], name: str | None = None) -> Any:
    """Returns the last state of a function, which gets a state and an element and returns the next state.

    Example:
        >>> import torch
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> Dataset.range(5).reduce(torch.tensor(0), lambda total, x: total + x)
        tensor(10)
    """
    return mapping.reduce(source._node, initial_state, reduce_func)


def flat_map(source: Pipeline[D], map_func: Callable[..., Any], name: str | None = None) -> D:
    """Returns a data set of the elements of the data sets that a function makes of each element.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> rows = Dataset.from_tensor_slices([[1, 2], [3, 4]])
        >>> [int(x) for x in rows.flat_map(Dataset.from_tensor_slices)]
        [1, 2, 3, 4]
    """
    return source._then(combining.Interleave(source._node, map_func, 1, 1, "flat_map"), name)


def interleave(
    source: Pipeline[D],
    map_func: Callable[..., Any],
    cycle_length: int | None = None,
    block_length: int | None = None,
    num_parallel_calls: int | None = None,
    deterministic: bool | None = None,
    name: str | None = None,
) -> D:
    """Returns a data set of the elements of several data sets in turn, which a function makes of each element.

    Args:
        map_func: Returns a data set for an element.
        cycle_length: How many of them take turns.
        block_length: How many elements each hands out in its turn.
        num_parallel_calls: Whether a thread makes elements ahead: any number does. The order does not depend on it.
        deterministic: The order is the same in any case.
        name: A name, for the reader.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> repeated = lambda x: Dataset.from_tensors(x).repeat(3)
        >>> [int(x) for x in Dataset.range(3).interleave(repeated, cycle_length=2, block_length=2)]
        [0, 0, 1, 1, 0, 1, 2, 2, 2]
    """
    cycle = max(2, os.cpu_count() or 1) if cycle_length in (None, AUTOTUNE) else cycle_length
    block = 1 if block_length is None else block_length
    node: Node = combining.Interleave(source._node, map_func, cycle, block, "interleave")
    return source._then(node if num_parallel_calls is None else prefetching.Prefetch(node, AUTOTUNE), name)


def enumerate(source: Pipeline[D], start: int = 0, name: str | None = None) -> D:
    """Returns a data set of pairs of a number and an element.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> [(int(i), x.numpy()) for i, x in Dataset.from_tensor_slices(["a", "b"]).enumerate(start=1)]
        [(1, b'a'), (2, b'b')]
    """
    return source._then(ordering.Enumerate(source._node, start), name)


def ignore_errors(source: Pipeline[D], log_warning: bool = False, name: str | None = None) -> D:
    """Returns a data set without the elements for which the function of the `map` before it raises an error, or without
    the rows of a `CsvDataset` that are not as its types say.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> halves = Dataset.from_tensor_slices([2, 0, 4]).map(lambda x: 8 // int(x))
        >>> [int(x) for x in halves.ignore_errors()]
        [4, 2]
    """
    return source._then(mapping.IgnoreErrors(source._node, log_warning), name)


def unique(source: Pipeline[D], name: str | None = None) -> D:
    """Returns a data set of the elements without those that were there before.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> [int(x) for x in Dataset.from_tensor_slices([1, 2, 1, 3]).unique()]
        [1, 2, 3]
    """
    return source._then(ordering.Unique(source._node), name)
