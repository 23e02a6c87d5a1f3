"""The batches of an `ImageDataGenerator`: in an order, and of arrays."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from torchkeras_shim.backend import floatx, image_data_format
from torchkeras_shim.data import PyDataset
from torchkeras_shim.preprocessing.image import array_to_img


class Iterator(PyDataset):
    """Batches by number, and one after another without an end.

    A subclass defines `_get_batches_of_transformed_samples(index_array)`, which returns the batch of some samples.

    Args:
        n: The number of samples.
        batch_size: Samples per batch.
        shuffle: Whether each epoch has them in another order.
        seed: A seed of the order and of the changes.
    """

    white_list_formats = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None) -> None:
        super().__init__()
        self.n, self.batch_size, self.shuffle, self.seed = n, batch_size, shuffle, seed
        self.batch_index = 0
        self.total_batches_seen = 0
        self.index_array: np.ndarray | None = None
        self._begin()

    def _begin(self) -> None:
        self.lock = threading.Lock()
        self.index_generator = self._flow_index()

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out what cannot be copied into another process."""
        return {key: value for key, value in self.__dict__.items() if key not in ("lock", "index_generator")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        place = state["batch_index"]
        self.__dict__.update(state)
        self._begin()
        self.batch_index = place

    def _set_index_array(self) -> None:
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _seeded(self) -> None:
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __getitem__(self, index: int) -> Any:
        if index >= len(self):
            raise ValueError(f"Asked to retrieve element {index}, but the Sequence has length {len(self)}")
        self._seeded()
        self.total_batches_seen += 1
        if self.index_array is None:
            self._set_index_array()
        order: Any = self.index_array
        return self._get_batches_of_transformed_samples(order[self.batch_size * index : self.batch_size * (index + 1)])

    def on_epoch_end(self) -> None:
        """Has the next epoch in another order."""
        self._set_index_array()

    def reset(self) -> None:
        """Starts over."""
        self.batch_index = 0

    def _flow_index(self) -> Generator[Any, None, None]:
        while True:
            self._seeded()
            if self.batch_index == 0 or self.index_array is None:
                self._set_index_array()
            order: Any = self.index_array
            first = self.batch_index * self.batch_size
            self.batch_index = self.batch_index + 1 if first + self.batch_size < self.n else 0
            self.total_batches_seen += 1
            yield order[first : first + self.batch_size]

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        return self.next()

    def next(self) -> Any:
        """Returns the next batch."""
        with self.lock:
            rows = next(self.index_generator)
        return self._get_batches_of_transformed_samples(rows)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define _get_batches_of_transformed_samples(rows)")


class Pictures(Iterator):
    """Batches of pictures that a generator changes, some of which are written to a folder.

    Args:
        generator: The `ImageDataGenerator`, or `None`.
        data_format: The order of the axes.
        dtype: The type of the batches.
        saving: The folder or `None`, the beginning of the files' names, and their format.
        **order: Those of `Iterator`.
    """

    #: Below what the numbers are that end the names of files.
    _names_below = 10_000_000

    def __init__(
        self, generator: Any, data_format: str | None, dtype: Any, saving: tuple[Any, str, str], **order: Any
    ) -> None:
        super().__init__(**order)
        self.image_data_generator = generator
        self.data_format = data_format or getattr(generator, "data_format", None) or image_data_format()
        self.dtype = dtype or getattr(generator, "dtype", None) or floatx()
        self.save_to_dir, self.save_prefix, self.save_format = saving

    def _changed(self, pictures: Sequence[np.ndarray], rows: np.ndarray, shape: Sequence[int]) -> np.ndarray:
        """Returns the pictures of some rows, which come one by one, in a batch."""
        generator = self.image_data_generator
        found = np.zeros((len(rows), *shape), dtype=self.dtype)
        for index, picture in enumerate(pictures):
            if generator is not None:
                change = generator.get_random_transform(picture.shape)
                picture = generator.standardize(generator.apply_transform(picture, change))
            found[index] = picture
        if self.save_to_dir:
            for row, picture in zip(rows, found, strict=True):
                end = np.random.randint(self._names_below)
                name = f"{self.save_prefix}_{row}_{end}.{self.save_format}"
                array_to_img(picture, self.data_format, scale=True).save(os.path.join(self.save_to_dir, name))
        return found


def part_of(subset: str | None, split: float, count: int) -> slice:
    """Returns which of `count` samples a subset has: the first ones are for validation.

    Raises:
        ValueError: If there is no subset of that name.
    """
    if subset not in (None, "training", "validation"):
        raise ValueError(f'Invalid subset name: {subset}; expected "training" or "validation".')
    first = int(split * count)
    return slice(0, count) if subset is None else slice(0, first) if subset == "validation" else slice(first, count)


class NumpyArrayIterator(Pictures):
    """Batches of an array of pictures.

    Args:
        x: The pictures; or they and other arrays, in a pair.
        y: Their targets.
        image_data_generator: What changes them.
        batch_size: Pictures per batch.
        shuffle: Whether each epoch has them in another order.
        sample_weight: Their weights.
        seed: A seed of the order and of the changes.
        data_format: The order of the axes.
        save_to_dir: A folder for what the batches contain.
        save_prefix: How the names of these files begin.
        save_format: The format of these files.
        subset: `"training"` or `"validation"`.
        ignore_class_split: Whether the two subsets may have different labels.
        dtype: The type of the batches.

    Raises:
        ValueError: If lengths differ, or the array is not one of pictures.
    """

    _names_below = 10_000

    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
        dtype: Any = None,
    ) -> None:
        x, others = _apart(x)
        y, weights = (None if each is None else np.asarray(each) for each in (y, sample_weight))
        for what, each in (("`y` (labels)", y), ("`sample_weight`", weights)):
            if each is not None and len(each) != len(x):
                raise ValueError(
                    f"`x` (images tensor) and {what} should have the same length. Found: {np.shape(x)} and {each.shape}"
                )
        kept = part_of(subset, getattr(image_data_generator, "_validation_split", 0.0), len(x))
        if subset is not None and y is not None and not ignore_class_split:
            _check_labels(y, kept)
        saving = (save_to_dir, save_prefix, save_format)
        order = {"batch_size": batch_size, "shuffle": shuffle, "seed": seed}
        super().__init__(image_data_generator, data_format, dtype, saving, n=len(range(len(x))[kept]), **order)
        self.x = np.asarray(x, dtype=self.dtype)[kept]
        self.x_misc = [each[kept] for each in others]
        self.y, self.sample_weight = (None if each is None else each[kept] for each in (y, weights))
        self._check()

    def _check(self) -> None:
        if self.x.ndim != 4:
            raise ValueError(
                f"Input data in `NumpyArrayIterator` should have rank 4. You passed an array with shape {self.x.shape}"
            )
        axis = 3 if self.data_format == "channels_last" else 1
        if self.x.shape[axis] not in (1, 3, 4):
            warnings.warn(
                f"NumpyArrayIterator is set to use the data format convention {self.data_format!r} (channels on axis "
                f"{axis}), i.e. expected either 1, 3, or 4 channels on axis {axis}. However, it was passed an array "
                f"with shape {self.x.shape}.",
                stacklevel=4,
            )

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        x: Any = self._changed([self.x[row].astype(self.dtype) for row in index_array], index_array, self.x.shape[1:])
        if self.x_misc:
            x = [x, *(each[index_array] for each in self.x_misc)]
        if self.y is None:
            return x
        return (x, *(each[index_array] for each in (self.y, self.sample_weight) if each is not None))


def _apart(x: Any) -> tuple[Any, list[np.ndarray]]:
    """Returns the pictures, and the other arrays that came with them."""
    if not isinstance(x, (tuple, list)):
        return x, []
    others = [np.asarray(each) for each in (x[1] if isinstance(x[1], list) else [x[1]])]
    if any(len(each) != len(x[0]) for each in others):
        raise ValueError(
            "All of the arrays in `x` should have the same length. "
            f"Found: {len(x[0])} and {[len(each) for each in others]}"
        )
    return x[0], others


def _check_labels(y: np.ndarray, kept: slice) -> None:
    split = kept.start or kept.stop
    if not np.array_equal(np.unique(y[:split]), np.unique(y[split:])):
        raise ValueError(
            "Training and validation subsets have different number of classes after the split. If your numpy arrays "
            "are sorted by the label, you might want to shuffle them. Or pass ignore_class_split=True."
        )
