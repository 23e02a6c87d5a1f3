"""Which adapter a kind of data gets. Asked once per call of `fit`, `evaluate` or `predict`."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from torchkeras_shim.core import device as devices
from torchkeras_shim.core import tree
from torchkeras_shim.core.device import exact, has_streams
from torchkeras_shim.data.adapter import DEFAULT_BATCH_SIZE, DataAdapter
from torchkeras_shim.data.array_adapter import ArrayAdapter
from torchkeras_shim.data.arrays import describe, is_array_like, is_array_structure
from torchkeras_shim.data.py_dataset import PyDataset, PyDatasetAdapter
from torchkeras_shim.data.streams import GeneratorAdapter, IterableAdapter, LoaderAdapter


def choose_adapter(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    steps: int | None = None,
    shuffle: bool | str = False,
    class_weight: dict[int, float] | None = None,
    device: torch.device | None = None,
    fallback_batch_size: int | None = None,
) -> DataAdapter:
    """Returns the adapter for any data that `fit`, `evaluate` and `predict` take.

    Args:
        x: Arrays or structures of arrays, a torch `Dataset` or `DataLoader`, a generator, a `PyDataset`, any other
            iterable of batches, or a `DataAdapter`. A data set with a method `__torchkeras_adapter__(class_weight,
            device)` returns its adapter itself.
        y: The targets, for arrays only: everything else brings its own.
        sample_weight: The weights, for arrays only.
        batch_size: Samples per batch, 32 by default, for arrays and torch `Dataset`s: everything else has batches
            already.
        steps: How many batches are wanted; with arrays it sets the batch size where `batch_size` is `None`.
        shuffle: `True` for a new order in each pass, where the order is this package's to choose: arrays, map-style
            torch `Dataset`s, `PyDataset`s. `"batch"` shuffles within each batch, for arrays only.
        class_weight: A dict from class to weight, folded into the sample weights.
        device: Where the batches are needed; the default device where `None`.
        fallback_batch_size: The batch size where `batch_size` is `None` and the data leaves it open, such as that of
            the training data for validation data; no warning where the data has batches already.

    Raises:
        ValueError: If the data is of no known kind, or its kind does not allow an argument.

    Example:
        >>> adapter = choose_adapter(torch.arange(5.0), batch_size=2)
        >>> [x.tolist() for x, y, sample_weight in adapter.batches()], adapter.num_batches
        ([[0.0, 1.0], [2.0, 3.0], [4.0]], 3)
    """
    device = exact(devices.default_device() if device is None else torch.device(device))
    if isinstance(x, DataAdapter):
        return x
    if type(x) is TensorDataset and y is None and sample_weight is None and 1 <= len(x.tensors) <= 3:
        x, y, sample_weight = (*x.tensors, None, None)[:3]
    if is_array_structure(x) and (y is None or is_array_structure(y)) and _is_weights(sample_weight):
        return ArrayAdapter(
            x,
            y,
            sample_weight,
            batch_size=batch_size or fallback_batch_size,
            steps=steps,
            shuffle=shuffle,
            class_weight=class_weight,
            device=device,
        )
    kind = _kind(x)
    if kind is None:
        raise ValueError(_unrecognized(x, y, sample_weight))
    _refuse(kind, y, sample_weight, shuffle, class_weight)
    if kind == "torch Dataset":
        return LoaderAdapter(_loader(x, batch_size or fallback_batch_size, bool(shuffle), device), device)
    if batch_size is not None:
        warnings.warn(
            f"`batch_size={batch_size}` was passed, but will be ignored since the data `x` was provided as a {kind}, "
            "which decides itself what a batch is.",
            stacklevel=3,
        )
    if hasattr(x, "__torchkeras_adapter__"):
        adapter: DataAdapter = x.__torchkeras_adapter__(class_weight=class_weight, device=device)
        return adapter
    if isinstance(x, PyDataset):
        return PyDatasetAdapter(x, shuffle=bool(shuffle), class_weight=class_weight, device=device)
    if isinstance(x, DataLoader):
        return LoaderAdapter(x, device)
    if isinstance(x, Iterator):
        return GeneratorAdapter(x, device)
    return IterableAdapter(x, class_weight, device)


def _is_weights(sample_weight: Any) -> bool:
    return sample_weight is None or is_array_structure(sample_weight)


def _kind(x: Any) -> str | None:
    """Returns how messages call a kind of data that makes its own batches, or `None`."""
    if hasattr(x, "__torchkeras_adapter__") and not isinstance(x, type):
        return f"dataset ({type(x).__name__})"
    if isinstance(x, PyDataset):
        return "PyDataset"
    if isinstance(x, DataLoader):
        return "torch DataLoader"
    if isinstance(x, Dataset):
        return "torch Dataset"
    if isinstance(x, Iterator):
        return "generator"
    if is_array_like(x) or isinstance(x, (str, bytes, list, tuple, dict, set, frozenset, type)):
        return None
    if isinstance(x, Iterable):
        return f"dataset ({type(x).__name__})"
    return None


def _unrecognized(x: Any, y: Any, sample_weight: Any) -> str:
    for name, value in (("x", x), ("y", y), ("sample_weight", sample_weight)):
        for path, leaf in tree.flatten_with_path(value):
            if leaf is not None and not is_array_structure(leaf):
                where = name + "".join(f"[{key!r}]" for key in path)
                hint = ""
                if isinstance(leaf, (bool, int, float)) or hasattr(leaf, "dtype"):
                    hint = f" Lists of numbers are read as lists of arrays: write `{name}=np.array({name})`."
                elif isinstance(leaf, (str, bytes)):
                    array = f"`{name}=np.array({name}, dtype=object)`"
                    hint = f" Lists of texts are read as lists of arrays: write {array}."
                return (
                    f"Unrecognized data type: {name}={describe(value)} (of type {type(value)}), because of {where} (of "
                    f"type {type(leaf)}). Expected arrays or structures of arrays, a torch Dataset or DataLoader, a "
                    f"generator, or a PyDataset.{hint}"
                )
    return (
        f"There is no input data: x={describe(x)}. Pass arrays or structures of arrays, a torch Dataset or DataLoader, "
        "a generator, or a PyDataset."
    )


def _refuse(kind: str, y: Any, sample_weight: Any, shuffle: bool | str, class_weight: Any) -> None:
    for name, what, value in (("y", "the targets", y), ("sample_weight", "the sample weights", sample_weight)):
        if value is not None:
            raise ValueError(
                f"When providing `x` as a {kind}, `{name}` should not be passed. Instead, {what} should be included as "
                f"part of the {kind}: let it yield `(inputs, targets)` or `(inputs, targets, sample_weights)`."
            )
    if class_weight is not None and kind in ("torch DataLoader", "torch Dataset", "generator"):
        name = "Python generator" if kind == "generator" else kind
        raise ValueError(
            f"Argument `class_weight` is not supported for {name} inputs. Let it yield `(inputs, targets, "
            f"sample_weights)` instead. Received: class_weight={class_weight}"
        )
    if isinstance(shuffle, str):
        raise ValueError(
            f"`shuffle={shuffle!r}` is only supported for arrays. Received: `x` as a {kind}. Use True or False."
        )


def _loader(dataset: Dataset[Any], batch_size: int | None, shuffle: bool, device: torch.device) -> DataLoader[Any]:
    """Wraps a torch `Dataset`; one of the iterable kind decides itself about the order."""
    return DataLoader(
        dataset,
        batch_size=batch_size or DEFAULT_BATCH_SIZE,
        shuffle=shuffle and not isinstance(dataset, IterableDataset),
        pin_memory=has_streams(device),
    )
