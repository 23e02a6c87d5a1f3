"""`split_dataset`: data in two parts."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
import torch.utils.data

from torchkeras_shim.core import tree
from torchkeras_shim.core.text import StringTensor
from torchkeras_shim.data.pipeline import AUTOTUNE, Dataset

Size = int | float | None


def split_dataset(
    dataset: Any,
    left_size: Size = None,
    right_size: Size = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """Splits data in two, for training and for testing.

    Args:
        dataset: An array, a list or tuple of arrays of one length, a `Dataset` (as `*_dataset_from_directory` and
            `tf.data` give), or a torch `Dataset` that has a length.
        left_size: The number of samples of the first part, or as a float their share; by default what the second part
            leaves.
        right_size: The number or share of the second part; by default what the first part leaves.
        shuffle: Whether the samples are shuffled before.
        seed: Makes that repeatable.
        preferred_backend: `"tensorflow"` for parts with the methods of `tf.data`, `"torch"` for torch `Subset`s. By
            default torch `Dataset`s are split into `Subset`s, anything else as in Keras on TensorFlow.

    Returns:
        Two data sets. Parts of a `Dataset` of batches have batches of the same size.

    Raises:
        TypeError: If `dataset` or a size is of another type.
        ValueError: If a size does not lie within the data, or one part is empty.

    Example:
        >>> left, right = split_dataset(np.arange(10), left_size=0.8)
        >>> len(left), [int(x) for x in right]
        (8, [8, 9])
    """
    is_torch = isinstance(dataset, torch.utils.data.Dataset) and not isinstance(dataset, Dataset)
    if not is_torch and not isinstance(dataset, (list, tuple, np.ndarray, torch.Tensor, Dataset)):
        raise TypeError(
            "The `dataset` argument must be a `Dataset`, a torch `Dataset`, or a list/tuple of arrays. Received: "
            f"dataset={dataset} of type {type(dataset)}"
        )
    if left_size is None and right_size is None:
        raise ValueError(
            "At least one of the `left_size` or `right_size` must be specified. Received: left_size=None and "
            "right_size=None. Write `split_dataset(data, left_size=0.8)`."
        )
    if (preferred_backend or ("torch" if is_torch else "tensorflow")) == "torch":
        return _split_torch(dataset, left_size, right_size, shuffle, seed)
    return _split(dataset, left_size, right_size, shuffle, seed)


def _split(dataset: Any, left_size: Size, right_size: Size, shuffle: bool, seed: int | None) -> tuple[Any, Any]:
    columns, count, batch_size = _columns(dataset)
    left, right = _sizes(left_size, right_size, count)
    order = list(range(count))
    if shuffle:  # Python's generator, so that Keras's seeds give Keras's parts
        random.Random(random.randint(0, 10**6) if seed is None else seed).shuffle(order)
    parts = []
    for rows in (torch.tensor(order[:left]), torch.tensor(order[-right:])):
        part = Dataset.from_tensor_slices(tree.map_structure(lambda column, rows=rows: column[rows], columns))
        part = part if batch_size is None else part.batch(batch_size)
        parts.append(part.prefetch(AUTOTUNE))
    return parts[0], parts[1]


def _columns(dataset: Any) -> tuple[Any, int, int | None]:
    """Returns all samples as tensors, their number, and the size of the batches that they came in."""
    if isinstance(dataset, Dataset):
        batch_size = dataset.batch_size
        samples = list(dataset if batch_size is None else dataset.unbatch())
        columns = tree.map_structure(_stacked, *samples) if samples else ()
        return columns, len(samples), batch_size
    if isinstance(dataset, torch.utils.data.Dataset):
        rows: Any = dataset
        samples = [rows[index] for index in range(len(rows))] if hasattr(rows, "__len__") else list(rows)
        return (tree.map_structure(_stacked, *samples) if samples else ()), len(samples), None
    if isinstance(dataset, (list, tuple)):
        arrays = _arrays(dataset)
        return tuple(torch.from_numpy(array) for array in arrays), len(arrays[0]), None
    return torch.as_tensor(dataset), len(dataset), None


def _stacked(*parts: Any) -> Any:
    if isinstance(parts[0], StringTensor):
        return StringTensor.of_bytes(np.stack([np.asarray(part) for part in parts]))
    return torch.stack([torch.as_tensor(part) for part in parts])


def _arrays(dataset: Any) -> list[np.ndarray[Any, Any]]:
    kind = type(dataset).__name__
    if not dataset:
        raise ValueError(f"Received an empty list dataset. Please provide a non-empty {kind} of arrays.")
    for index, array in enumerate(dataset):
        if not isinstance(array, (np.ndarray, torch.Tensor)):
            raise ValueError(
                f"Expected a {kind} of `numpy.ndarray` objects, Received: {type(array)} at index {index}. "
                "Write `np.array(values)`."
            )
        if len(array) != len(dataset[0]):
            raise ValueError(
                f"Received a {kind} of NumPy arrays with different lengths. Mismatch found at index {index}, Expected "
                f"shape={tuple(dataset[0].shape)} Received shape={tuple(array.shape)}. Please provide a {kind} of "
                "NumPy arrays of the same length."
            )
    return [np.asarray(array) for array in dataset]


def _split_torch(dataset: Any, left_size: Size, right_size: Size, shuffle: bool, seed: int | None) -> tuple[Any, Any]:
    if not isinstance(dataset, torch.utils.data.Dataset) or isinstance(dataset, Dataset):
        columns, _, _ = _columns(dataset)
        dataset = torch.utils.data.TensorDataset(*tree.flatten(columns))
    left, right = _sizes(left_size, right_size, len(dataset))
    if shuffle:
        generator = torch.Generator()
        if seed is None:
            generator.seed()
        else:
            generator.manual_seed(seed)
        one, other = torch.utils.data.random_split(dataset, [left, right], generator=generator)
        return one, other
    total = len(dataset)
    return (
        torch.utils.data.Subset(dataset, range(left)),
        torch.utils.data.Subset(dataset, range(total - right, total)),
    )


# How large ----------------------------------------------------------------------------------------------------------


def _sizes(left: Size, right: Size, total: int) -> tuple[int, int]:
    """Returns the numbers of samples of both parts."""
    for name, size in (("left_size", left), ("right_size", right)):
        if size is not None and type(size) not in (int, float):
            raise TypeError(
                f"Invalid `{name}` Type. Expected: int or float or None, Received: type({name})={type(size)}"
            )
    if left == 0 and right == 0:
        raise ValueError(
            "Both `left_size` and `right_size` are zero. At least one of the split sizes must be non-zero."
        )
    for name, size in (("left_size", left), ("right_size", right)):
        if size is not None and not 0 < size < (total if isinstance(size, int) else 1):
            raise ValueError(
                f"`{name}` should be either a positive integer smaller than {total}, or a float within the range "
                f"`[0, 1]`. Received: {name}={size}"
            )
    if isinstance(left, float) and isinstance(right, float) and left + right > 1:
        raise ValueError(
            "The sum of `left_size` and `right_size` is greater than 1. It must be less than or equal to 1. Received: "
            f"left_size={left}, right_size={right}"
        )
    first = round(left * total) if isinstance(left, float) else left
    second = round(right * total) if isinstance(right, float) else right
    first = total - (second or 0) if first is None else first
    second = total - first if second is None else second
    if first + second > total:
        raise ValueError(
            f"The sum of `left_size` and `right_size` should be smaller than the {total}. Received: left_size + "
            f"right_size = {first + second} and total_length = {total}"
        )
    for side, size in (("left", first), ("right", second)):
        if size == 0:
            raise ValueError(
                f"With `dataset` of length={total}, `left_size`={first} and `right_size`={second}. Resulting {side} "
                "side dataset split will be empty. Adjust any of the aforementioned parameters"
            )
    return first, second
