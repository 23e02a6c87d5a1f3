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
from torchkeras_shim.data.pipeline import batching, combining, counting, feed, iterating, keeping, sources, specs
from torchkeras_shim.data.pipeline.node import INFINITE, UNKNOWN, Cardinality, Node, node_of
from torchkeras_shim.data.pipeline.transformations import batches, elements, order, reuse


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
        self._options: Any = None

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
        """Returns a data set with one element.

        Example:
            >>> list(Dataset.from_tensors([1, 2]))
            [tensor([1, 2], dtype=torch.int32)]
        """
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
    def counter(start: int = 0, step: int = 1, dtype: Any = "int64", name: str | None = None) -> Dataset:
        """Returns a data set of numbers without end.

        Example:
            >>> [int(x) for x in Dataset.counter(10, -3).take(3)]
            [10, 7, 4]
        """
        return Dataset(counting.Counter(start, step, dtype), name)

    @staticmethod
    def load(path: Any, element_spec: Any = None, compression: str | None = None, reader_func: Any = None) -> Dataset:
        """Returns the data set that `save` has written into a folder.

        Args:
            path: The folder.
            element_spec: The specs of an element, which the file says, too: an element that differs is an error.
            compression: Must be `None`.
            reader_func: Must be `None`.
        """
        if compression not in (None, "NONE") or reader_func is not None:
            raise ValueError(
                "`Dataset.load` reads one plain file: `compression` and `reader_func` are not supported. Received: "
                f"compression={compression!r}, reader_func={reader_func!r}. Write `Dataset.load(path)`."
            )
        node = keeping.Loaded(os.fspath(path))
        signature = None if element_spec is None else specs.as_signature(element_spec)
        return Dataset(node if signature is None else sources.Generated(node.elements, signature, None))

    @staticmethod
    def random(
        seed: int | None = None, rerandomize_each_iteration: bool | None = None, name: str | None = None
    ) -> Dataset:
        """Returns a data set of random 32-bit integers without end.

        Example:
            >>> a, b = (list(Dataset.random(seed=1).take(2)) for _ in range(2))
            >>> a == b
            True
        """
        return Dataset(sources.RandomIntegers(seed, bool(rerandomize_each_iteration)), name)

    @staticmethod
    def list_files(
        file_pattern: Any, shuffle: bool | None = None, seed: int | None = None, name: str | None = None
    ) -> Dataset:
        """Returns a data set of the names of the files that match one or several patterns, shuffled by default.

        Example:
            >>> import pathlib, tempfile
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     for name in ("a.txt", "b.txt", "c.csv"):
            ...         pathlib.Path(folder, name).touch()
            ...     found = list(Dataset.list_files(folder + "/*.txt", shuffle=False))
            >>> [pathlib.Path(path.numpy().decode()).name for path in found]
            ['a.txt', 'b.txt']
        """
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
        """Returns a data set of random elements of several ones, by their weights.

        Example:
            >>> zeros, ones = Dataset.from_tensors(0).repeat(), Dataset.from_tensors(1).repeat()
            >>> drawn = Dataset.sample_from_datasets([zeros, ones], weights=[0.9, 0.1], seed=1).take(1000)
            >>> 50 < sum(int(x) for x in drawn) < 150
            True
        """
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
        """Returns a data set of elements of several ones, in the order of a data set of their indices.

        Example:
            >>> low, high = Dataset.range(3), Dataset.range(10, 13)
            >>> order = Dataset.from_tensor_slices([0, 1, 1, 0])
            >>> [int(x) for x in Dataset.choose_from_datasets([low, high], order)]
            [0, 10, 11, 1]
        """
        return Dataset(
            combining.Select(_nodes(datasets), node_of(choice_dataset, "choice_dataset"), stop_on_empty_dataset)
        )

    # What makes another data set of it

    map = elements.map
    filter = elements.filter
    take_while = elements.take_while
    scan = elements.scan
    reduce = elements.reduce
    flat_map = elements.flat_map
    interleave = elements.interleave
    enumerate = elements.enumerate
    unique = elements.unique
    ignore_errors = elements.ignore_errors

    shuffle = order.shuffle
    repeat = order.repeat
    take = order.take
    skip = order.skip
    shard = order.shard
    concatenate = order.concatenate
    window = order.window

    batch = batches.batch
    padded_batch = batches.padded_batch
    ragged_batch = batches.ragged_batch
    unbatch = batches.unbatch
    rebatch = batches.rebatch
    group_by_window = batches.group_by_window
    bucket_by_sequence_length = batches.bucket_by_sequence_length
    rejection_resample = batches.rejection_resample

    cache = reuse.cache
    snapshot = reuse.snapshot
    save = reuse.save
    prefetch = reuse.prefetch

    def apply(self, transformation_func: Callable[[Dataset], Dataset], name: str | None = None) -> Dataset:
        """Returns what a function makes of the data set.

        Example:
            >>> halves = lambda dataset: dataset.map(lambda x: x / 2).batch(2)
            >>> list(Dataset.range(2).apply(halves))
            [tensor([0.0000, 0.5000])]
        """
        result = transformation_func(self)
        if not isinstance(result, Dataset):
            raise TypeError(
                f"`transformation_func` must return a `Dataset` object. Got {type(result)}. For single elements write "
                "`dataset.map(...)`."
            )
        return result

    def with_options(self, options: Any, name: str | None = None) -> Dataset:
        """Returns the data set with options, which allow other orders or ways of working and demand none."""
        dataset = self._then(self._node, name)
        dataset._options = options
        return dataset

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
        """Returns the number of elements, -1 for no end, -2 if it is not known beforehand.

        Example:
            >>> Dataset.range(5).batch(2).cardinality(), Dataset.range(5).repeat().cardinality()
            (3, -1)
        """
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
        iterator = iter(self._node)
        worker = get_worker_info()
        if worker is not None:
            iterator = itertools.islice(iterator, worker.id, None, worker.num_workers)
        return iterating.DatasetIterator(self._node, iterator)

    def __torchkeras_adapter__(self, class_weight: Any, device: torch.device) -> DataAdapter:
        return feed.adapter_for(self, self._node, class_weight, device)

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Returns an iterator over the elements with numpy arrays for tensors, and `bytes` for text.

        Example:
            >>> list(Dataset.from_tensor_slices(["a", "b"]).as_numpy_iterator())
            [b'a', b'b']
        """
        return map(iterating.to_numpy, self)

    def get_single_element(self, name: str | None = None) -> Any:
        """Returns the only element.

        Raises:
            InvalidArgumentError: If there is none, or more than one.

        Example:
            >>> Dataset.range(3).batch(3).get_single_element()
            tensor([0, 1, 2])
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

    def _then(self, node: Node, name: str | None = None) -> Dataset:
        dataset = Dataset(node, name)
        dataset._options = self._options
        return dataset


def _nodes(datasets: Any) -> list[Node]:
    nodes = [node_of(dataset, "datasets") for dataset in datasets]
    if not nodes:
        raise ValueError("Invalid `datasets`. `datasets` should not be empty. Received: an empty list")
    return nodes


def _zippable(part: Any) -> Node:
    if isinstance(part, list):
        raise TypeError(
            "Invalid input to `zip`. Inputs are expected to be (nested) structures of `Dataset` objects. Python "
            "`list` is not supported and you should use `tuple` instead."
        )
    if not isinstance(part, Dataset):
        raise TypeError(
            "Invalid input to `zip`. Inputs are expected to be (nested) structures of `Dataset` objects. Encountered "
            f"object of type {type(part)}."
        )
    node: Node = part._node
    return node
