"""`Dataset`: a description of where elements come from and what is done to them, with the methods of `tf.data`."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

import torch
from torch.utils.data import IterableDataset, get_worker_info

from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.text import StringTensor
from torchkeras_shim.data.adapter import DataAdapter
from torchkeras_shim.data.pipeline import (
    batching,
    bucketing,
    caching,
    combining,
    feed,
    iterating,
    mapping,
    ordering,
    prefetching,
    sources,
    specs,
)
from torchkeras_shim.data.pipeline.node import AUTOTUNE, INFINITE, UNKNOWN, Cardinality, Node


class Dataset(IterableDataset[Any], specs.Nested):
    """Elements that are made as they are asked for. Each method returns a new data set and leaves this one as it is.

    An element is a tensor, a `StringTensor`, a `RaggedTensor`, or a tuple or dict of such parts, nested as you like.
    Tensors are made on the host; `fit`, `evaluate` and `predict` take a data set of batches and move them to the
    device. Functions that are given to methods are called once per element, without gradients.

    It is a torch `IterableDataset`, too: the workers of a `DataLoader` share its elements among them.

    Args:
        node: The last part of the pipeline.
        name: A name, for the reader.

    Example:
        >>> dataset = Dataset.from_tensor_slices({"x": [1.0, 2.0, 3.0], "y": [0, 1, 0]})
        >>> for batch in dataset.map(lambda d: (d["x"] * 2, d["y"])).batch(2):
        ...     print(batch)
        (tensor([2., 4.]), tensor([0, 1], dtype=torch.int32))
        (tensor([6.]), tensor([0], dtype=torch.int32))
        >>> len(dataset.batch(2)), dataset.batch(2).element_spec["y"]
        (2, TensorSpec(shape=(None,), dtype='int32', name=None))
    """

    def __init__(self, node: Node, name: str | None = None) -> None:
        if not isinstance(node, Node):
            raise TypeError(
                "A Dataset is made by its static methods, such as `Dataset.from_tensor_slices(arrays)`. Received: "
                f"{node!r}"
            )
        self._node = node
        self._name = name

    # Sources

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> Dataset:
        """Returns a data set of the rows of arrays, or of structures of arrays.

        Memory is shared with the arrays: do not write to them afterwards. A list is one array, a tuple is a structure.

        Example:
            >>> [(int(x), y.numpy()) for x, y in Dataset.from_tensor_slices(([1, 2], ["a", "b"]))]
            [(1, b'a'), (2, b'b')]
        """
        return Dataset(sources.Slices(tensors), name)

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Dataset:
        """Returns a data set with one element."""
        return Dataset(sources.whole(tensors), name)

    @staticmethod
    def from_generator(
        generator: Callable[..., Iterable[Any]],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """Returns a data set of what a generator function yields, which is called for every pass.

        Args:
            generator: The function.
            output_types: The types of an element's parts, in its structure; `output_signature` says more.
            output_shapes: Their shapes.
            args: Arguments of the function.
            output_signature: Specs in the structure of an element. Elements are converted to these types.
            name: A name, for the reader.

        Example:
            >>> def squares():
            ...     for i in range(3):
            ...         yield i, i**2
            >>> spec = specs.TensorSpec((), "int64")
            >>> [(int(i), int(y)) for i, y in Dataset.from_generator(squares, output_signature=(spec, spec))]
            [(0, 0), (1, 1), (2, 4)]
        """
        if output_signature is not None and (output_types is not None or output_shapes is not None):
            which = "output_types" if output_types is not None else "output_shapes"
            raise TypeError(f"The `{which}` argument can not be used together with the `output_signature` argument.")
        if output_signature is None and output_types is None:
            raise TypeError(
                "To specify the output signature you need to provide either the `output_signature` argument or the "
                "`output_types` argument."
            )
        if output_signature is None:
            output_signature = sources.signature_of(output_types, output_shapes)
        return Dataset(sources.Generated(generator, specs.as_signature(output_signature), args), name)

    @staticmethod
    def range(*args: Any, output_type: Any = "int64", name: str | None = None) -> Dataset:
        """Returns a data set of integers, as Python's `range`.

        Example:
            >>> [int(x) for x in Dataset.range(5, 1, -2)]
            [5, 3]
        """
        return Dataset(sources.numbers(args, output_type), name)

    @staticmethod
    def random(
        seed: int | None = None, rerandomize_each_iteration: bool | None = None, name: str | None = None
    ) -> Dataset:
        """Returns a data set of random 32-bit integers without end."""
        return Dataset(sources.RandomIntegers(seed, bool(rerandomize_each_iteration)), name)

    @staticmethod
    def list_files(
        file_pattern: Any, shuffle: bool | None = None, seed: int | None = None, name: str | None = None
    ) -> Dataset:
        """Returns a data set of the names of the files that match one or several patterns, shuffled by default."""
        names = StringTensor(sources.file_names(file_pattern))
        dataset = Dataset(sources.Slices(names), name)
        return dataset if shuffle is False else dataset.shuffle(len(names), seed)

    @staticmethod
    def zip(*args: Any, datasets: Any = None, name: str | None = None) -> Dataset:
        """Returns a data set of the elements of several ones side by side.

        Args:
            *args: The data sets, or one structure of them.
            datasets: The structure by its name.
            name: A name, for the reader.

        Example:
            >>> [(int(a), int(b)) for a, b in Dataset.zip(Dataset.range(2), Dataset.range(5, 7))]
            [(0, 5), (1, 6)]
        """
        if not args and datasets is None:
            raise TypeError("Must pass at least one dataset to `zip`.")
        if args and datasets is not None:
            raise TypeError("Both `*args` and `datasets` cannot be set.")
        structure = datasets if datasets is not None else args if len(args) > 1 else args[0]
        return Dataset(combining.Zip(specs.map_parts(_zippable, structure)), name)

    @staticmethod
    def sample_from_datasets(
        datasets: Any,
        weights: Any = None,
        seed: int | None = None,
        stop_on_empty_dataset: bool = False,
        rerandomize_each_iteration: bool | None = None,
    ) -> Dataset:
        """Returns a data set of random elements of several ones, by their weights."""
        nodes = _nodes(datasets)
        of_dataset = isinstance(weights, Dataset)
        if weights is not None and not of_dataset and len(weights) != len(nodes):
            raise ValueError(
                "Invalid `weights`. `weights` should have the same length as `datasets` but got "
                f"`len(weights)={len(weights)}` vs. `len(datasets)={len(nodes)}`."
            )
        given = weights._node if of_dataset else weights
        choices = combining.Draws(given, len(nodes), seed, bool(rerandomize_each_iteration))
        possible = None if weights is None or of_dataset else [weight > 0 for weight in weights]
        return Dataset(combining.Select(nodes, choices, stop_on_empty_dataset, possible))

    @staticmethod
    def choose_from_datasets(datasets: Any, choice_dataset: Dataset, stop_on_empty_dataset: bool = True) -> Dataset:
        """Returns a data set of elements of several ones, in the order of a data set of their indices."""
        return Dataset(
            combining.Select(_nodes(datasets), _node(choice_dataset, "choice_dataset"), stop_on_empty_dataset)
        )

    # Elements one by one

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        synchronous: bool | None = None,
        use_unbounded_threadpool: bool = False,
        name: str | None = None,
    ) -> Dataset:
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
            >>> [int(x) for x in Dataset.range(3).map(lambda x: x * 10)]
            [0, 10, 20]
        """
        if use_unbounded_threadpool:
            raise ValueError("`use_unbounded_threadpool=True` is not supported. Pass `num_parallel_calls=...` instead.")
        if synchronous and num_parallel_calls is not None:
            raise ValueError("`synchronous` and `num_parallel_calls` cannot be given at once. Leave one of them out.")
        return self._then(mapping.Map(self._node, map_func, num_parallel_calls, deterministic is not False), name)

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """Returns a data set of the elements for which a function returns a true scalar."""
        return self._then(mapping.Filter(self._node, predicate), name)

    def take_while(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """Returns a data set of the elements before the first for which a function returns a false scalar."""
        return self._then(mapping.Filter(self._node, predicate, until=True), name)

    def scan(self, initial_state: Any, scan_func: Callable[..., Any], name: str | None = None) -> Dataset:
        """Returns a data set of outputs of a function, which gets a state and an element and returns a state and an
        output.

        Example:
            >>> running = Dataset.range(4).scan(torch.tensor(0), lambda total, x: (total + x, total + x))
            >>> [int(x) for x in running]
            [0, 1, 3, 6]
        """
        return self._then(mapping.Scan(self._node, initial_state, scan_func), name)

    def reduce(self, initial_state: Any, reduce_func: Callable[..., Any], name: str | None = None) -> Any:
        """Returns the last state of a function, which gets a state and an element and returns the next state.

        Example:
            >>> Dataset.range(5).reduce(torch.tensor(0), lambda total, x: total + x)
            tensor(10)
        """
        return mapping.reduce(self._node, initial_state, reduce_func)

    def flat_map(self, map_func: Callable[..., Any], name: str | None = None) -> Dataset:
        """Returns a data set of the elements of the data sets that a function makes of each element."""
        return self._then(combining.Interleave(self._node, map_func, 1, 1, "flat_map"), name)

    def interleave(
        self,
        map_func: Callable[..., Any],
        cycle_length: int | None = None,
        block_length: int | None = None,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Returns a data set of the elements of several data sets in turn, which a function makes of each element.

        Args:
            map_func: Returns a data set for an element.
            cycle_length: How many of them take turns.
            block_length: How many elements each hands out in its turn.
            num_parallel_calls: Whether a thread makes elements ahead: any number does. The order does not depend on it.
            deterministic: The order is the same in any case.
            name: A name, for the reader.

        Example:
            >>> repeated = lambda x: Dataset.from_tensors(x).repeat(3)
            >>> [int(x) for x in Dataset.range(3).interleave(repeated, cycle_length=2, block_length=2)]
            [0, 0, 1, 1, 0, 1, 2, 2, 2]
        """
        cycle = max(2, os.cpu_count() or 1) if cycle_length in (None, AUTOTUNE) else cycle_length
        block = 1 if block_length is None else block_length
        node: Node = combining.Interleave(self._node, map_func, cycle, block, "interleave")
        return self._then(node if num_parallel_calls is None else prefetching.Prefetch(node, AUTOTUNE), name)

    def enumerate(self, start: int = 0, name: str | None = None) -> Dataset:
        """Returns a data set of pairs of a number and an element."""
        return self._then(ordering.Enumerate(self._node, start), name)

    def unique(self, name: str | None = None) -> Dataset:
        """Returns a data set of the elements without those that were there before."""
        return self._then(ordering.Unique(self._node), name)

    # Order and number

    def shuffle(
        self,
        buffer_size: int,
        seed: int | None = None,
        reshuffle_each_iteration: bool | None = True,
        name: str | None = None,
    ) -> Dataset:
        """Returns a data set of the elements in random order.

        Args:
            buffer_size: How many elements the next one is chosen from; at least the number of all for a uniform order.
            seed: Makes the sequence of orders repeatable.
            reshuffle_each_iteration: Whether each pass has a new order.
            name: A name, for the reader.
        """
        return self._then(ordering.Shuffle(self._node, buffer_size, seed, reshuffle_each_iteration is not False), name)

    def repeat(self, count: int | None = None, name: str | None = None) -> Dataset:
        """Returns a data set of the elements so many times, or without end."""
        return self._then(ordering.Repeat(self._node, count), name)

    def take(self, count: int, name: str | None = None) -> Dataset:
        """Returns a data set of the first elements, of all for -1."""
        return self._then(ordering.Take(self._node, count), name)

    def skip(self, count: int, name: str | None = None) -> Dataset:
        """Returns a data set without the first elements, of none for -1."""
        return self._then(ordering.Skip(self._node, count), name)

    def shard(self, num_shards: int, index: int, name: str | None = None) -> Dataset:
        """Returns a data set of every `num_shards`-th element, from `index` on."""
        return self._then(ordering.Shard(self._node, num_shards, index), name)

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """Returns a data set of the elements and then those of another one."""
        return self._then(combining.Concatenate(self._node, _node(dataset, "dataset")), name)

    def window(
        self,
        size: int,
        shift: int | None = None,
        stride: int = 1,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Returns a data set of windows, data sets of elements that follow one another.

        Args:
            size: The number of elements of a window.
            shift: How many elements further the next one begins, `size` by default.
            stride: Every how manyth element is in a window.
            drop_remainder: Whether windows of less elements are left out.
            name: A name, for the reader.

        Example:
            >>> windows = Dataset.range(5).window(3, shift=1, drop_remainder=True)
            >>> [[int(x) for x in window] for window in windows]
            [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
        """
        return self._then(ordering.Window(self._node, size, shift, stride, drop_remainder, _wrapped), name)

    # Batches

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Returns a data set of batches.

        Args:
            batch_size: How many elements a batch has.
            drop_remainder: Whether a smaller last batch is left out.
            num_parallel_calls: Whether a thread makes batches ahead: any number does.
            deterministic: The order is the same in any case.
            name: A name, for the reader.
        """
        node: Node = batching.Batch(self._node, batch_size, drop_remainder)
        return self._then(node if num_parallel_calls is None else prefetching.Prefetch(node, AUTOTUNE), name)

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Returns a data set of batches of elements of different shapes, filled up to one.

        Args:
            batch_size: How many elements a batch has.
            padded_shapes: The shapes in the structure of an element. `None` stands for the largest size in the batch.
            padding_values: What fills, one value or a structure of them: 0 or the empty text by default.
            drop_remainder: Whether a smaller last batch is left out.
            name: A name, for the reader.
        """
        node = batching.PaddedBatch(self._node, batch_size, drop_remainder, padded_shapes, padding_values)
        return self._then(node, name)

    def ragged_batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        row_splits_dtype: Any = "int64",
        name: str | None = None,
    ) -> Dataset:
        """Returns a data set of batches of elements of different lengths, as `RaggedTensor`s."""
        if specs.type_name(row_splits_dtype) != "int64":
            raise ValueError(f"`row_splits_dtype` must be int64. Received: row_splits_dtype={row_splits_dtype!r}")
        return self._then(batching.RaggedBatch(self._node, batch_size, drop_remainder), name)

    def unbatch(self, name: str | None = None) -> Dataset:
        """Returns a data set of the rows of the elements."""
        return self._then(batching.Unbatch(self._node), name)

    def rebatch(self, batch_size: Any, drop_remainder: bool = False, name: str | None = None) -> Dataset:
        """Returns a data set of the rows of the elements in batches of another size, or of several sizes in turn."""
        return self._then(batching.Rebatch(self._node, batch_size, drop_remainder), name)

    def group_by_window(
        self,
        key_func: Callable[..., Any],
        reduce_func: Callable[..., Any],
        window_size: int | None = None,
        window_size_func: Callable[..., Any] | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Returns a data set of what a function makes of elements that have the same key.

        Args:
            key_func: Returns an integer for an element.
            reduce_func: Gets a key and a data set of elements, and returns a data set.
            window_size: How many elements it gets at once.
            window_size_func: Returns that number for a key.
            name: A name, for the reader.
        """
        if (window_size is None) == (window_size_func is None):
            raise ValueError(
                "Either the `window_size` argument or the `window_size_func` argument must be specified, and not both."
            )
        size = window_size_func if window_size_func is not None else lambda _: window_size
        return self._then(combining.GroupByWindow(self._node, key_func, reduce_func, size, _wrapped), name)

    def bucket_by_sequence_length(
        self,
        element_length_func: Callable[..., Any],
        bucket_boundaries: Any,
        bucket_batch_sizes: Any,
        padded_shapes: Any = None,
        padding_values: Any = None,
        pad_to_bucket_boundary: bool = False,
        no_padding: bool = False,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
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
        """
        buckets = bucketing.Buckets(element_length_func, bucket_boundaries, bucket_batch_sizes)

        def batch(key: torch.Tensor, window: Dataset) -> Dataset:
            size = buckets.size(key)
            if no_padding:
                return window.batch(size, drop_remainder)
            shapes = padded_shapes
            if pad_to_bucket_boundary:
                shapes = buckets.shapes(int(key), window.element_spec, padded_shapes)
            return window.padded_batch(size, shapes, padding_values, drop_remainder)

        return self.group_by_window(buckets.key, batch, window_size_func=buckets.size, name=name)

    def rejection_resample(
        self,
        class_func: Callable[..., Any],
        target_dist: Any,
        initial_dist: Any = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Returns a data set of pairs of a class and an element, without some, so that classes come as often as "
        "wanted.
        """
        return self._then(combining.Resample(self._node, class_func, target_dist, initial_dist, seed), name)

    # Work done ahead or once

    def cache(self, filename: Any = "", name: str | None = None) -> Dataset:
        """Returns a data set that keeps its elements from the first whole pass on, in memory or in a file."""
        path = sources.as_paths(filename)
        path = path.numpy().decode() if isinstance(path, StringTensor) else path
        return self._then(caching.FileCache(self._node, path) if path else prefetching.Cache(self._node), name)

    def snapshot(
        self,
        path: str,
        compression: str | None = "AUTO",
        reader_func: Any = None,
        shard_func: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """Returns a data set that keeps its elements in a file, as `cache(path)`."""
        if compression not in ("AUTO", None, "NONE") or reader_func is not None or shard_func is not None:
            raise ValueError(
                "`snapshot` keeps one plain file: `compression`, `reader_func` and `shard_func` are not supported. "
                "Received: other values than the defaults. Write `dataset.snapshot(path)`."
            )
        return self.cache(path, name)

    def prefetch(self, buffer_size: int | None = None, name: str | None = None) -> Dataset:
        """Returns a data set whose elements a thread makes ahead."""
        return self._then(prefetching.Prefetch(self._node, buffer_size), name)

    def apply(self, transformation_func: Callable[[Dataset], Dataset], name: str | None = None) -> Dataset:
        """Returns what a function makes of the data set."""
        result = transformation_func(self)
        if not isinstance(result, Dataset):
            raise TypeError(
                f"`transformation_func` must return a `Dataset` object. Got {type(result)}. For single elements there "
                "is "
                "`dataset.map(...)`."
            )
        return result

    def with_options(self, options: Any, name: str | None = None) -> Dataset:
        """Returns the data set with options, which allow other orders or ways of working and demand none."""
        return self._then(self._node, name)

    # What is known of it

    @property
    def element_spec(self) -> Any:
        """The specs of an element's parts. If a function decides about them, it is called for the first element."""
        return self._node.spec

    @property
    def batch_size(self) -> int | None:
        """How many elements `batch` puts together, if that was the last method; otherwise `None`."""
        return self._node.batch_size if isinstance(self._node, batching.Batch) else None

    def cardinality(self) -> Cardinality:
        """Returns the number of elements, -1 for no end, -2 if it is not known beforehand."""
        return Cardinality(self._node.cardinality)

    def __len__(self) -> int:
        count: int = self._node.cardinality
        if count == INFINITE:
            raise TypeError("The dataset is infinite. `dataset.take(n)` has an end.")
        if count == UNKNOWN:
            raise TypeError("The dataset length is unknown. `sum(1 for _ in dataset)` counts its elements.")
        return count

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> iterating.DatasetIterator:
        elements = iter(self._node)
        worker = get_worker_info()
        if worker is not None:
            elements = itertools.islice(elements, worker.id, None, worker.num_workers)
        return iterating.DatasetIterator(self._node, elements)

    def __torchkeras_adapter__(self, class_weight: Any, device: torch.device) -> DataAdapter:
        return feed.adapter_for(self, self._node, class_weight, device)

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Returns an iterator over the elements with numpy arrays for tensors, and `bytes` for text."""
        return map(iterating.to_numpy, self)

    def get_single_element(self, name: str | None = None) -> Any:
        """Returns the only element.

        Raises:
            InvalidArgumentError: If there is none, or more than one.
        """
        found = list(itertools.islice(self, 2))
        if len(found) != 1:
            what = "Dataset had more than one element." if found else "Dataset was empty."
            raise InvalidArgumentError(f"{what} `get_single_element` takes a dataset of exactly one.")
        return found[0]

    def __repr__(self) -> str:
        count = {INFINITE: "without end", UNKNOWN: "unknown"}.get(self._node.cardinality, str(self._node.cardinality))
        named = "" if self._name is None else f" '{self._name}'"
        return f"<{type(self).__name__}{named}: {type(self._node).__name__.lower()}, number of elements: {count}>"

    def __getitem__(self, index: Any) -> NoReturn:
        raise TypeError(
            f"'{type(self).__name__}' object is not subscriptable: its elements are made in order. The first n are "
            "`dataset.take(n)`."
        )

    def __add__(self, other: Any) -> NoReturn:
        raise TypeError("Datasets are not added. Write `dataset.concatenate(other)`.")

    def _then(self, node: Node, name: str | None) -> Dataset:
        return Dataset(node, name)


def _wrapped(elements: list[Any]) -> Dataset:
    return Dataset(sources.Elements(elements))


def _node(dataset: Any, argument: str) -> Node:
    if not isinstance(dataset, Dataset):
        raise TypeError(f"`{argument}` must be a `Dataset`. Received: {type(dataset).__name__} {str(dataset)[:60]}")
    node: Node = dataset._node
    return node


def _nodes(datasets: Any) -> list[Node]:
    nodes = [_node(dataset, "datasets") for dataset in datasets]
    if not nodes:
        raise ValueError("Invalid `datasets`. `datasets` should not be empty. Received: an empty list")
    return nodes


def _zippable(part: Any) -> Node:
    if isinstance(part, list):
        raise TypeError(
            "Invalid input to `zip`. Inputs are expected to be (nested) structures of `Dataset` objects. Python "
            "`list` is "
            "not supported and you should use `tuple` instead."
        )
    if not isinstance(part, Dataset):
        raise TypeError(
            "Invalid input to `zip`. Inputs are expected to be (nested) structures of `Dataset` objects. Encountered "
            "object "
            f"of type {type(part)}."
        )
    node: Node = part._node
    return node
