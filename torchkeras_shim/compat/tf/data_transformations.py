"""`tf.data.experimental`'s functions, which are given to `ds.apply`: the methods of a data set under older names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.compat.tf.api import public
from torchkeras_shim.compat.tf.io import parse_example
from torchkeras_shim.compat.tf.shapes import as_sizes
from torchkeras_shim.compat.tf.sparse import as_sparse, reset_shape
from torchkeras_shim.core import device as room
from torchkeras_shim.core import tree
from torchkeras_shim.data import pipeline
from torchkeras_shim.data.pipeline import Dataset
from torchkeras_shim.data.pipeline.counting import AssertCardinality
from torchkeras_shim.data.pipeline.iterating import Optional

_Transformation = Callable[[Dataset], Any]


def _method(path: str, method: str) -> None:
    def made(*args: Any, **kwargs: Any) -> _Transformation:
        return lambda dataset: getattr(dataset, method)(*args, **kwargs)

    made.__name__ = path
    made.__doc__ = f"Write `dataset.{method}(...)`: this one is for `dataset.apply`."
    public(f"data.experimental.{path}")(made)


for _path, _name in {
    "bucket_by_sequence_length": "bucket_by_sequence_length",
    "dense_to_ragged_batch": "ragged_batch",
    "enumerate_dataset": "enumerate",
    "group_by_window": "group_by_window",
    "ignore_errors": "ignore_errors",
    "rejection_resample": "rejection_resample",
    "scan": "scan",
    "snapshot": "snapshot",
    "take_while": "take_while",
    "unbatch": "unbatch",
    "unique": "unique",
}.items():
    _method(_path, _name)

for _path, _function in {
    "Counter": Dataset.counter,
    "choose_from_datasets": Dataset.choose_from_datasets,
    "sample_from_datasets": Dataset.sample_from_datasets,
    "load": Dataset.load,
    "RandomDataset": Dataset.random,
}.items():
    public(f"data.experimental.{_path}")(_function)


@public("data.experimental.save")
def save(dataset: Dataset, path: Any, compression: Any = None, shard_func: Any = None) -> None:
    """Writes a data set into a folder."""
    dataset.save(path, compression, shard_func)


@public("data.experimental.get_single_element")
def get_single_element(dataset: Dataset) -> Any:
    """Returns the only element."""
    return dataset.get_single_element()


@public("data.experimental.get_structure")
def get_structure(dataset_or_iterator: Any) -> Any:
    """Returns the specs of an element."""
    return dataset_or_iterator.element_spec


@public("data.experimental.get_next_as_optional")
def get_next_as_optional(iterator: Any) -> Any:
    """Returns the next element of an iterator, or that there is none."""
    return iterator.get_next_as_optional()


@public("experimental.Optional", "data.experimental.Optional")
class TensorFlowOptional(Optional):
    """An element, or nothing."""

    @classmethod
    def from_value(cls, value: Any) -> Optional:
        """Returns one with an element."""
        return cls(pipeline.specs.as_parts(value))

    @classmethod
    def empty(cls, element_spec: Any) -> Optional:
        """Returns one with nothing."""
        return cls()


@public("data.experimental.assert_cardinality")
def assert_cardinality(expected_cardinality: int) -> _Transformation:
    """Tells how many elements there are; other numbers are an error at the end of a pass."""
    return lambda dataset: dataset._then(AssertCardinality(dataset._node, expected_cardinality))


@public("data.experimental.from_list")
def from_list(elements: Any, name: str | None = None) -> Dataset:
    """Returns a data set of the elements of a list."""
    if not elements:
        raise ValueError("Invalid `elements`. `elements` should not be empty.")
    columns = tree.map_structure(lambda *parts: list(parts), *elements)
    return Dataset.from_tensor_slices(columns if isinstance(elements[0], (tuple, dict)) else list(elements), name)


@public("data.experimental.map_and_batch")
def map_and_batch(
    map_func: Callable[..., Any],
    batch_size: int,
    num_parallel_batches: int | None = None,
    drop_remainder: bool = False,
    num_parallel_calls: int | None = None,
) -> _Transformation:
    """Write `dataset.map(...).batch(...)`."""
    if num_parallel_batches is not None and num_parallel_calls is not None:
        raise ValueError(
            "`map_and_batch` allows only one of `num_parallel_batches` and `num_parallel_calls` to be set."
        )
    threads = num_parallel_calls if num_parallel_batches is None else num_parallel_batches * batch_size
    return lambda dataset: dataset.map(map_func, threads).batch(batch_size, drop_remainder)


@public("data.experimental.shuffle_and_repeat")
def shuffle_and_repeat(buffer_size: int, count: int | None = None, seed: int | None = None) -> _Transformation:
    """Write `dataset.shuffle(...).repeat(...)`."""
    return lambda dataset: dataset.shuffle(buffer_size, seed).repeat(count)


@public("data.experimental.parallel_interleave")
def parallel_interleave(
    map_func: Callable[..., Any],
    cycle_length: int,
    block_length: int = 1,
    sloppy: bool | None = False,
    buffer_output_elements: int | None = None,
    prefetch_input_elements: int | None = None,
) -> _Transformation:
    """Write `dataset.interleave(...)`: a thread makes elements ahead, in the same order in any case."""
    return lambda dataset: dataset.interleave(map_func, cycle_length, block_length, pipeline.AUTOTUNE)


@public("data.experimental.copy_to_device")
def copy_to_device(target_device: str, source_device: str = "/cpu:0") -> _Transformation:
    """Puts the tensors of each element on a device."""
    place = room._parse(target_device)

    def moved(*element: Any) -> Any:
        parts = element if len(element) > 1 else element[0]
        return tree.map_structure(lambda part: part.to(place) if isinstance(part, torch.Tensor) else part, parts)

    return lambda dataset: dataset.map(moved)


@public("data.experimental.prefetch_to_device")
def prefetch_to_device(device: str, buffer_size: int | None = None) -> _Transformation:
    """Puts the tensors of each element on a device, a few ahead."""
    return lambda dataset: copy_to_device(device)(dataset).prefetch(buffer_size)


@public("data.experimental.dense_to_sparse_batch")
def dense_to_sparse_batch(batch_size: int, row_shape: Any) -> _Transformation:
    """Batches of vectors of different lengths as sparse tensors."""
    sizes = as_sizes(row_shape)

    def batch(rows: Any) -> Any:
        sparse = as_sparse(rows)
        held = sparse.shape
        return reset_shape(sparse, [held[0], *(b if a < 0 else a for a, b in zip(sizes, held[1:], strict=True))])

    return lambda dataset: dataset.ragged_batch(batch_size).map(batch)


@public("data.experimental.parse_example_dataset")
def parse_example_dataset(
    features: dict[str, Any], num_parallel_calls: int | None = 1, deterministic: bool | None = None
) -> _Transformation:
    """Reads batches of records."""
    return lambda dataset: dataset.map(lambda records: parse_example(records, features), num_parallel_calls)


@public("data.experimental.make_batched_features_dataset")
def make_batched_features_dataset(
    file_pattern: Any,
    batch_size: int,
    features: dict[str, Any],
    reader: Any = None,
    label_key: str | None = None,
    reader_args: Any = None,
    num_epochs: int | None = None,
    shuffle: bool = True,
    shuffle_buffer_size: int = 10000,
    shuffle_seed: int | None = None,
    prefetch_buffer_size: int | None = None,
    reader_num_threads: int | None = None,
    parser_num_threads: int | None = None,
    sloppy_ordering: bool = False,
    drop_final_batch: bool = False,
) -> Dataset:
    """Returns a data set of batches of features that are read of files of records.

    Args:
        file_pattern: One or several patterns of files.
        batch_size: How many records a batch has.
        features: What is read of each, as for `tf.io.parse_example`.
        reader: What makes a data set of the name of a file: `tf.data.TFRecordDataset` by default.
        label_key: The feature that is the label, as the second part of an element.
        reader_args: Further arguments of `reader`.
        num_epochs: How often the files are read: without end by default.
        shuffle: Whether files and records come in random order.
        shuffle_buffer_size: How many records the next one is chosen from.
        shuffle_seed: Makes the order repeatable.
        prefetch_buffer_size: How many batches are made ahead.
        reader_num_threads: Whether several files are read in turn, if it is above 1.
        parser_num_threads: How many threads read features.
        sloppy_ordering: Allows another order; there is one in any case.
        drop_final_batch: Whether a smaller last batch is left out.
    """
    opened = pipeline.TFRecordDataset if reader is None else reader
    files = Dataset.list_files(file_pattern, shuffle=shuffle, seed=shuffle_seed)
    dataset = files.interleave(lambda path: opened(path, *(reader_args or ())), max(1, reader_num_threads or 1))
    if shuffle:
        dataset = dataset.shuffle(shuffle_buffer_size, shuffle_seed)
    if num_epochs != 1:
        dataset = dataset.repeat(num_epochs)
    batches = dataset.batch(batch_size, drop_final_batch or num_epochs is None)
    parsed: Dataset = parse_example_dataset(features, parser_num_threads)(batches)
    if label_key is not None:
        if label_key not in features:
            raise ValueError(
                f"The `label_key` provided ({label_key!r}) must be one of the `features` keys: {[*features]}."
            )
        parsed = parsed.map(lambda found: ({k: v for k, v in found.items() if k != label_key}, found[label_key]))
    return parsed.prefetch(prefetch_buffer_size)
