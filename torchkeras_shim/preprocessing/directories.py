"""Data sets of the files in a folder: which files there are, their labels, and the parts that they are cut into."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch

from torchkeras_shim.core.console import print_msg
from torchkeras_shim.core.text import StringTensor
from torchkeras_shim.data.pipeline import AUTOTUNE, Dataset

Labels = np.ndarray[Any, Any]
#: Makes a tensor of the file under a path.
Reader = Callable[[str], Any]
_Items = TypeVar("_Items", bound=Any)


@dataclass(frozen=True)
class Request:
    """What the functions for each kind of file have in common, as the user has given it.

    Args:
        kind: What the files are called in messages.
        formats: The endings of their names, in small letters.
        directory: The folder.
        labels: `"inferred"`, `None`, or a label for each file.
        label_mode: `"int"`, `"categorical"`, `"binary"` or `None`.
        class_names: The names of the folders to take, in the order of the labels.
        batch_size: Files per batch, `None` for single files.
        shuffle: Whether the order is random.
        seed: The seed for the order.
        validation_split: The share that is set aside for validation.
        subset: `"training"`, `"validation"`, `"both"`, or `None`.
        follow_links: Whether to go into folders that are links.
        verbose: Whether to print how many files were found.

    Raises:
        ValueError: If an argument is unknown, or does not go with another one.
    """

    kind: str
    formats: tuple[str, ...]
    directory: str
    labels: Any
    label_mode: str | None
    class_names: Any
    batch_size: int | None
    shuffle: bool
    seed: int | None
    validation_split: float | None
    subset: str | None
    follow_links: bool
    verbose: bool

    def __post_init__(self) -> None:
        if self.labels is not None and not _is_inferred(self.labels):
            if not isinstance(self.labels, (list, tuple, np.ndarray)):
                raise ValueError(
                    f"`labels` argument should be a list/tuple of integer labels, of the same size as the number of "
                    f"{self.kind} files in the target directory. If you wish to infer the labels from the subdirectory "
                    'names in the target directory, pass `labels="inferred"`. If you wish to get a dataset that only '
                    f"contains {self.kind} files (no labels), pass `labels=None`. Received: labels={self.labels}"
                )
            if self.class_names:
                raise ValueError(
                    'You can only pass `class_names` if `labels="inferred"`. Received: '
                    f"labels={self.labels}, and class_names={self.class_names}"
                )
        if self.label_mode not in ("int", "categorical", "binary", None):
            raise ValueError(
                '`label_mode` argument must be one of "int", "categorical", "binary", or None. Received: '
                f"label_mode={self.label_mode}"
            )
        self._check_split()

    def _check_split(self) -> None:
        split, subset = self.validation_split, self.subset
        if split and not 0 < split < 1:
            raise ValueError(f"`validation_split` must be between 0 and 1, received: {split}")
        if bool(split) != bool(subset):
            raise ValueError(
                "If `subset` is set, `validation_split` must be set, and inversely. Received: "
                f"validation_split={split}, subset={subset!r}"
            )
        if subset not in ("training", "validation", "both", None):
            raise ValueError(f'`subset` must be either "training", "validation" or "both", received: {subset}')
        if split and self.shuffle and self.seed is None:
            raise ValueError(
                "If using `validation_split` and shuffling the data, you must provide a `seed` argument, to make sure "
                "that there is no overlap between the training and validation subset."
            )

    @property
    def is_labelled(self) -> bool:
        """Whether the data set has labels."""
        return self.labels is not None and self.label_mode is not None


@dataclass(frozen=True)
class Files:
    """Files in the order of the data set, with their labels."""

    paths: list[str]
    labels: Labels | None
    class_names: list[str] | None


def check_format(format: str) -> None:
    """Checks the argument `format`, of which only `"tf"` is possible.

    Raises:
        ValueError: If it is another one.
    """
    if format == "grain":
        raise ValueError(
            "Datasets of Grain are not supported. `format='tf'`, the default, gives one that `fit` takes, with the "
            "methods of `tf.data`. Received: format='grain'"
        )
    if format != "tf":
        raise ValueError(f'`format` should be either "tf" or "grain". Received: format={format}')


def datasets(
    request: Request, read: Reader, batch: Callable[[Dataset, int], Dataset] = Dataset.batch
) -> Dataset | list[Dataset]:
    """Returns the data set that is asked for, or those for training and for validation.

    Args:
        request: Which files, and what of them.
        read: Makes a tensor of a file. Threads call it.
        batch: Makes batches of a data set.
    """
    seed = int(np.random.randint(10**6)) if request.seed is None else request.seed
    files = _find(request, seed)
    if request.label_mode == "binary" and request.is_labelled and len(files.class_names or ()) != 2:
        raise ValueError(
            'When passing `label_mode="binary"`, there must be exactly 2 class_names. Received: '
            f"class_names={files.class_names}"
        )
    if not files.paths:
        raise ValueError(
            f"No {_files(request.kind)} found in directory {request.directory}. Allowed formats: {request.formats}"
        )
    parts = [_dataset(request, part, seed, read, batch, name) for name, part in _split(request, files)]
    return parts if request.subset == "both" else parts[0]


# Which files --------------------------------------------------------------------------------------------------------


def _find(request: Request, seed: int) -> Files:
    directory, inferred = os.fspath(request.directory), _is_inferred(request.labels) and request.is_labelled
    folders = _class_folders(request) if inferred else [""]
    if not inferred and request.class_names is not None:
        raise ValueError(
            "When `labels=None` (no labels), argument `class_names` cannot be specified. Received: "
            f"class_names={request.class_names}"
        )
    found = [_files_below(os.path.join(directory, folder), request) for folder in folders]
    paths = [path for part in found for path in part]
    labels: Labels | None = None
    class_names: list[str] | None = None
    if inferred:
        class_names = [str(folder) for folder in folders]
        labels = np.repeat(np.arange(len(folders), dtype="int32"), [len(part) for part in found])
    elif request.is_labelled:
        if len(request.labels) != len(paths):
            raise ValueError(
                "Expected the lengths of `labels` to match the number of files in the target directory. len(labels) "
                f"is {len(request.labels)} while we found {len(paths)} files in directory {directory}."
            )
        class_names = [str(label) for label in sorted(set(request.labels))]
        labels = np.array(request.labels).astype("int32")
    if request.verbose:
        classes = "" if class_names is None else f" belonging to {len(class_names)} classes"
        print_msg(f"Found {len(paths)} files{classes}.")
    if request.shuffle:  # Keras's generator, so that its seeds give its orders and its splits
        np.random.RandomState(seed).shuffle(paths)
        if labels is not None:
            np.random.RandomState(seed).shuffle(labels)
    return Files(paths, labels, class_names)


def _is_inferred(labels: Any) -> bool:
    return isinstance(labels, str) and labels == "inferred"


def _class_folders(request: Request) -> list[str]:
    directory = os.fspath(request.directory)
    folders = [
        name
        for name in sorted(os.listdir(directory))
        if not name.startswith(".") and os.path.isdir(os.path.join(directory, name))
    ]
    if request.class_names is None:
        return folders
    if not set(request.class_names) <= set(folders):
        raise ValueError(
            "The `class_names` passed did not match the names of the subdirectories of the target directory. "
            f"Expected: {folders} (or a subset of it), but received: class_names={request.class_names}"
        )
    return list(request.class_names)


def _files_below(directory: str, request: Request) -> list[str]:
    walk = sorted(os.walk(directory, followlinks=request.follow_links), key=lambda entry: entry[0])
    return [
        os.path.join(above, name)
        for above, _, names in walk
        for name in sorted(names)
        if name.lower().endswith(request.formats)
    ]


def _split(request: Request, files: Files) -> list[tuple[str, Files]]:
    """Returns the parts that are asked for, with their names."""
    if not request.validation_split:
        return [("", files)]
    count = int(request.validation_split * len(files.paths))
    if not 0 < count < len(files.paths):
        empty = "validation" if not count else "training"
        raise ValueError(
            f"No {empty} {_files(request.kind)} found in directory {request.directory}. Of {len(files.paths)} files, "
            f"`validation_split={request.validation_split}` sets {count} aside."
        )
    cut = len(files.paths) - count
    parts = []
    if request.subset in ("training", "both"):
        print_msg(f"Using {cut} files for training.")
        parts.append(("training", _part(files, slice(None, cut))))
    if request.subset in ("validation", "both"):
        print_msg(f"Using {count} files for validation.")
        parts.append(("validation", _part(files, slice(cut, None))))
    return parts


def _part(files: Files, rows: slice) -> Files:
    return Files(files.paths[rows], None if files.labels is None else files.labels[rows], files.class_names)


# Data sets ----------------------------------------------------------------------------------------------------------


def _files(kind: str) -> str:
    """Returns what files of a kind are called in messages."""
    return "images" if kind == "image" else f"{kind} files"


def _dataset(
    request: Request,
    files: Files,
    seed: int,
    read: Reader,
    batch: Callable[[Dataset, int], Dataset],
    name: str,
) -> Dataset:
    paths = StringTensor([os.fsencode(path) for path in files.paths])
    dataset = Dataset.from_tensor_slices(paths if files.labels is None else (paths, files.labels))
    if request.shuffle and not (name == "validation" and request.subset == "both"):
        dataset = dataset.shuffle(1024 if request.batch_size is None else request.batch_size * 8, seed=seed)
    dataset = dataset.map(_Element(read, request.label_mode, len(files.class_names or ())), AUTOTUNE)
    if request.batch_size is not None:
        dataset = batch(dataset, request.batch_size)
    dataset = dataset.prefetch(AUTOTUNE)
    vars(dataset).update(class_names=files.class_names, file_paths=files.paths)
    return dataset


@dataclass(frozen=True)
class _Element:
    """Makes an element of a path and a label."""

    read: Reader
    label_mode: str | None
    classes: int

    def __call__(self, path: StringTensor, label: torch.Tensor | None = None) -> Any:
        content = self.read(os.fsdecode(path.numpy()))
        if label is None:
            return content
        if self.label_mode == "binary":
            return content, label.to(torch.float32).reshape(1)
        if self.label_mode == "categorical":
            return content, (torch.arange(self.classes) == label).to(torch.float32)
        return content, label
