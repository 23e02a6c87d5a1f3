"""How `Dataset` puts elements together, and takes them apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.data.pipeline import batching, bucketing, combining, prefetching, specs
from torchkeras_shim.data.pipeline.node import AUTOTUNE, D, Node, Pipeline


def batch(
    source: Pipeline[D],
    batch_size: int,
    drop_remainder: bool = False,
    num_parallel_calls: int | None = None,
    deterministic: bool | None = None,
    name: str | None = None,
) -> D:
    """Returns a data set of batches.

    Args:
        batch_size: How many elements a batch has.
        drop_remainder: Whether a smaller last batch is left out.
        num_parallel_calls: Whether a thread makes batches ahead: any number does.
        deterministic: The order is the same in any case.
        name: A name, for the reader.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> list(Dataset.range(5).batch(2))
        [tensor([0, 1]), tensor([2, 3]), tensor([4])]
    """
    node: Node = batching.Batch(source._node, batch_size, drop_remainder)
    return source._then(node if num_parallel_calls is None else prefetching.Prefetch(node, AUTOTUNE), name)


def padded_batch(
    source: Pipeline[D],
    batch_size: int,
    padded_shapes: Any = None,
    padding_values: Any = None,
    drop_remainder: bool = False,
    name: str | None = None,
) -> D:
    """Returns a data set of batches of elements of different shapes, filled up to one.

    Args:
        batch_size: How many elements a batch has.
        padded_shapes: The shapes in the structure of an element. `None` stands for the largest size in the batch.
        padding_values: What fills, one value or a structure of them: 0 or the empty text by default.
        drop_remainder: Whether a smaller last batch is left out.
        name: A name, for the reader.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> rows = Dataset.from_tensor_slices([1, 2]).map(lambda n: torch.full((int(n),), n))
        >>> next(iter(rows.padded_batch(2)))
        tensor([[1, 0],
                [2, 2]])
    """
    node = batching.PaddedBatch(source._node, batch_size, drop_remainder, padded_shapes, padding_values)
    return source._then(node, name)


def ragged_batch(
    source: Pipeline[D],
    batch_size: int,
    drop_remainder: bool = False,
    row_splits_dtype: Any = "int64",
    name: str | None = None,
) -> D:
    """Returns a data set of batches of elements of different lengths, as `RaggedTensor`s.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> rows = Dataset.from_tensor_slices([1, 2]).map(lambda n: torch.full((int(n),), n))
        >>> next(iter(rows.ragged_batch(2)))
        RaggedTensor([[1], [2, 2]])
    """
    if specs.type_name(row_splits_dtype) != "int64":
        raise ValueError(f"`row_splits_dtype` must be int64. Received: row_splits_dtype={row_splits_dtype!r}")
    return source._then(batching.RaggedBatch(source._node, batch_size, drop_remainder), name)


def unbatch(source: Pipeline[D], name: str | None = None) -> D:
    """Returns a data set of the rows of the elements.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> [int(x) for x in Dataset.range(3).batch(2).unbatch()]
        [0, 1, 2]
    """
    return source._then(batching.Unbatch(source._node), name)


def rebatch(source: Pipeline[D], batch_size: Any, drop_remainder: bool = False, name: str | None = None) -> D:
    """Returns a data set of the rows of the elements in batches of another size, or of several sizes in turn.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> list(Dataset.range(4).batch(2).rebatch(3))
        [tensor([0, 1, 2]), tensor([3])]
    """
    return source._then(batching.Rebatch(source._node, batch_size, drop_remainder), name)


def group_by_window(
    source: Pipeline[D],
    key_func: Callable[..., Any],
    reduce_func: Callable[..., Any],
    window_size: int | None = None,
    window_size_func: Callable[..., Any] | None = None,
    name: str | None = None,
) -> D:
    """Returns a data set of what a function makes of elements that have the same key.

    Args:
        key_func: Returns an integer for an element.
        reduce_func: Gets a key and a data set of elements, and returns a data set.
        window_size: How many elements it gets at once.
        window_size_func: Returns that number for a key.
        name: A name, for the reader.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> parity = Dataset.range(4).group_by_window(lambda x: x % 2, lambda key, window: window.batch(2), 2)
        >>> list(parity)
        [tensor([0, 2]), tensor([1, 3])]
    """
    if (window_size is None) == (window_size_func is None):
        raise ValueError(
            "Either the `window_size` argument or the `window_size_func` argument must be specified, and not both."
        )
    size = window_size_func if window_size_func is not None else lambda _: window_size
    return source._then(combining.GroupByWindow(source._node, key_func, reduce_func, size, source._then), name)


def bucket_by_sequence_length(
    source: Pipeline[D],
    element_length_func: Callable[..., Any],
    bucket_boundaries: Any,
    bucket_batch_sizes: Any,
    padded_shapes: Any = None,
    padding_values: Any = None,
    pad_to_bucket_boundary: bool = False,
    no_padding: bool = False,
    drop_remainder: bool = False,
    name: str | None = None,
) -> D:
    """Returns a data set of batches of elements of about the same length.

    Args:
        element_length_func: Returns the length of an element.
        bucket_boundaries: The lengths at which a bucket ends and the next begins.
        bucket_batch_sizes: The batch size of each bucket, one more than there are boundaries.
        padded_shapes: As for `padded_batch`.
        padding_values: As for `padded_batch`.
        pad_to_bucket_boundary: Whether elements are filled up to the longest that their bucket may have.
        no_padding: Whether the elements of a bucket have one shape already.
        drop_remainder: Whether smaller batches are left out.
        name: A name, for the reader.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> rows = Dataset.from_tensor_slices([1, 4, 1]).map(lambda n: torch.full((int(n),), n))
        >>> for batch in rows.bucket_by_sequence_length(len, [3], [2, 2]):
        ...     print(batch.numpy())
        [[1]
         [1]]
        [[4 4 4 4]]
    """
    buckets = bucketing.Buckets(element_length_func, bucket_boundaries, bucket_batch_sizes)

    def batched(key: torch.Tensor, window: Pipeline[D]) -> D:
        size = buckets.size(key)
        if no_padding:
            return batch(window, size, drop_remainder)
        shapes = padded_shapes
        if pad_to_bucket_boundary:
            shapes = buckets.shapes(int(key), window._node.spec, padded_shapes)
        return padded_batch(window, size, shapes, padding_values, drop_remainder)

    return group_by_window(source, buckets.key, batched, window_size_func=buckets.size, name=name)


def rejection_resample(
    source: Pipeline[D],
    class_func: Callable[..., Any],
    target_dist: Any,
    initial_dist: Any = None,
    seed: int | None = None,
    name: str | None = None,
) -> D:
    """Returns a data set of pairs of a class and an element, without some, so that classes come as often as
    wanted.

    Example:
        >>> from torchkeras_shim.data.pipeline import Dataset
        >>> rare = Dataset.range(1000).rejection_resample(lambda x: (x < 100).int(), [0.5, 0.5], [0.9, 0.1], seed=1)
        >>> shares = [int(kind) for kind, _ in rare]
        >>> 0.4 < sum(shares) / len(shares) < 0.6
        True
    """
    return source._then(combining.Resample(source._node, class_func, target_dist, initial_dist, seed), name)
