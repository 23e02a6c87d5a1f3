"""The batches of an `ImageDataGenerator`."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from torchkeras_shim.data import PyDataset
from torchkeras_shim.preprocessing.image import img_to_array, load_img

_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff")


class Iterator(PyDataset):
    """Batches by number, and one after another without an end.

    Args:
        n: The number of samples.
        batch_size: Samples per batch.
        shuffle: Whether each epoch has them in another order.
        seed: A seed of the order and of the changes.
    """

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None) -> None:
        super().__init__()
        self.n, self.batch_size, self.shuffle, self.seed = n, batch_size, shuffle, seed
        self.batch_index = 0
        self.total_batches_seen = 0
        self.index_array: np.ndarray | None = None
        self._lock = threading.Lock()

    def _reorder(self) -> np.ndarray:
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)
        return self.index_array

    def _seeded(self) -> None:
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)
        self.total_batches_seen += 1

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __getitem__(self, index: int) -> Any:
        if index >= len(self):
            raise ValueError(f"Asked for batch {index}, but there are {len(self)}.")
        self._seeded()
        order = self._reorder() if self.index_array is None else self.index_array
        return self.samples_of(order[self.batch_size * index : self.batch_size * (index + 1)])

    def on_epoch_end(self) -> None:
        """Has the next epoch in another order."""
        self._reorder()

    def reset(self) -> None:
        """Starts over."""
        self.batch_index = 0

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        with self._lock:
            self._seeded()
            order = self._reorder() if self.batch_index == 0 or self.index_array is None else self.index_array
            first = self.batch_index * self.batch_size
            self.batch_index = self.batch_index + 1 if first + self.batch_size < self.n else 0
        return self.samples_of(order[first : first + self.batch_size])

    next = __next__

    def samples_of(self, rows: np.ndarray) -> Any:
        """Returns the batch of some samples."""
        raise NotImplementedError


class NumpyArrayIterator(Iterator):
    """Batches of an array of pictures.

    Args:
        generator: The `ImageDataGenerator`.
        parts: The pictures, their targets and their weights, which may be `None`.
        **order: Those of `Iterator`.
    """

    def __init__(self, generator: Any, parts: list[Any], **order: Any) -> None:
        x, y, weights = parts
        if x.ndim != 4:
            raise ValueError(f"Input data in `NumpyArrayIterator` should have rank 4. You passed an array of {x.shape}")
        if y is not None and len(y) != len(x):
            raise ValueError(f"`x` and `y` should have the same length. Found: {x.shape}, {y.shape}")
        super().__init__(len(x), **order)
        self.x, self.y, self.sample_weight, self._generator = x.astype(generator.dtype), y, weights, generator

    def samples_of(self, rows: np.ndarray) -> Any:
        """Returns the batch of some samples."""
        changed = [self._generator.standardize(self._generator.random_transform(self.x[row].copy())) for row in rows]
        found = [np.array(changed, dtype=self._generator.dtype).reshape(len(rows), *self.x.shape[1:])]
        found += [part[rows] for part in (self.y, self.sample_weight) if part is not None]
        return tuple(found) if len(found) > 1 else found[0]


class FolderIterator(Iterator):
    """Batches of the pictures in a folder.

    Args:
        generator: The `ImageDataGenerator`.
        directory: The folder, with one folder per class.
        loading: How pictures are read: arguments of `load_img`.
        classes: The names of the classes, in order; all folders by default.
        class_mode: `"categorical"`, `"binary"`, `"sparse"`, `"input"` or `None`.
        part: Returns the first and the last of a number of files.
        follow_links: Whether to look into linked folders.
        **order: Those of `Iterator`.
    """

    def __init__(
        self,
        generator: Any,
        directory: str | os.PathLike[str],
        loading: dict[str, Any],
        *,
        classes: Sequence[str] | None,
        class_mode: str | None,
        part: Callable[[int], tuple[int, int]],
        follow_links: bool,
        **order: Any,
    ) -> None:
        if class_mode not in ("categorical", "binary", "sparse", "input", None):
            raise ValueError(f"Invalid class_mode: {class_mode}; 'categorical', 'binary', 'sparse', 'input' or None")
        self.directory, self._loading, self.class_mode, self._generator = directory, loading, class_mode, generator
        names = classes or sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
        self.class_indices = {name: index for index, name in enumerate(names)}
        self.filenames: list[str] = []
        labels: list[int] = []
        for name, index in self.class_indices.items():
            files = list(_pictures(os.path.join(directory, name), follow_links))
            start, stop = part(len(files))
            self.filenames += [os.path.relpath(file, directory) for file in files[start:stop]]
            labels += [index] * (stop - start)
        self.classes = np.array(labels, dtype="int32")
        self.samples, self.num_classes = len(labels), len(self.class_indices)
        self.filepaths = [os.path.join(directory, file) for file in self.filenames]
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        super().__init__(self.samples, **order)

    def samples_of(self, rows: np.ndarray) -> Any:
        """Returns the batch of some pictures."""
        generator = self._generator
        pictures = []
        for row in rows:
            picture = img_to_array(load_img(self.filepaths[row], **self._loading), data_format=generator.data_format)
            pictures.append(generator.standardize(generator.random_transform(picture.astype(generator.dtype))))
        x = np.array(pictures, dtype=generator.dtype)
        if self.class_mode is None:
            return x
        if self.class_mode == "input":
            return x, x.copy()
        if self.class_mode == "categorical":
            return x, np.eye(self.num_classes, dtype=generator.dtype)[self.classes[rows]]
        return x, self.classes[rows].astype(generator.dtype)


def _pictures(folder: str, follow_links: bool) -> list[str]:
    found = sorted(os.walk(folder, followlinks=follow_links), key=lambda entry: entry[0])
    files = [os.path.join(root, name) for root, _, names in found for name in sorted(names)]
    return [file for file in files if file.lower().endswith(_ENDINGS)]
