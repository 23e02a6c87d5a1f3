"""The batches of an `ImageDataGenerator`: of files in folders, and of files in a table."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from torchkeras_shim.compat.legacy.batches import Pictures, part_of
from torchkeras_shim.preprocessing.image import img_to_array, load_img

_CHANNELS = {"rgb": 3, "rgba": 4, "grayscale": 1}


class FileIterator(Pictures):
    """Batches of pictures that are read from files.

    Args:
        image_data_generator: What changes them.
        filenames: The files, relative to the folder.
        directory: The folder.
        loading: How they are read: `target_size`, `color_mode`, `interpolation` and `keep_aspect_ratio`.
        **settings: Those of `Pictures`.
    """

    allowed_class_modes: set[str | None] = {"categorical", "binary", "sparse", "input", None}
    class_mode: str | None
    #: The number of the class of each file, or a list of numbers.
    classes: Any = None
    #: What batches have behind the pictures and their targets.
    sample_weight: np.ndarray | None = None

    def __init__(
        self, image_data_generator: Any, filenames: list[str], directory: Any, loading: dict[str, Any], **settings: Any
    ) -> None:
        super().__init__(image_data_generator, n=len(filenames), **settings)
        self.filenames, self.directory, self.samples = filenames, directory, len(filenames)
        self.filepaths = [os.path.join(directory, name) for name in filenames]
        self._loading = {**loading, "target_size": tuple(loading["target_size"])}
        self.target_size, self.color_mode = self._loading["target_size"], loading["color_mode"]
        if self.color_mode not in _CHANNELS:
            raise ValueError(f'Invalid color mode: {self.color_mode}; expected "rgb", "rgba", or "grayscale".')
        channels = (_CHANNELS[self.color_mode],)
        last = self.data_format == "channels_last"
        self.image_shape = (*self.target_size, *channels) if last else (*channels, *self.target_size)

    @property
    def labels(self) -> Any:
        """What belongs to each file."""
        return self.classes

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        x = self._changed(self._read(index_array), index_array, self.image_shape)  # type: ignore[arg-type]
        if self.class_mode is None:
            return x
        y = self._targets(x, index_array)
        return (x, y) if self.sample_weight is None else (x, y, self.sample_weight[index_array])

    def _read(self, rows: np.ndarray) -> Iterable[np.ndarray]:
        for row in rows:
            with load_img(self.filepaths[row], **self._loading) as image:
                yield img_to_array(image, data_format=self.data_format)

    def _targets(self, x: np.ndarray, rows: np.ndarray) -> Any:
        if self.class_mode == "input":
            return x.copy()
        if self.class_mode in ("multi_output", "raw"):
            return [each[rows] for each in self.labels] if self.class_mode == "multi_output" else self.labels[rows]
        if self.class_mode != "categorical":
            return np.array([self.classes[row] for row in rows], dtype=self.dtype)
        y = np.zeros((len(rows), len(self.class_indices)), dtype=self.dtype)
        for index, row in enumerate(rows):
            y[index, self.classes[row]] = 1
        return y

    class_indices: dict[Any, int]


class DirectoryIterator(FileIterator):
    """Batches of the pictures in a folder, whose folders are the classes.

    Args:
        directory: The folder.
        image_data_generator: What changes them.
        target_size: The height and width of the pictures in batches.
        color_mode: `"rgb"`, `"rgba"` or `"grayscale"`.
        classes: The names of the classes, in order; all folders by default.
        class_mode: `"categorical"`, `"binary"`, `"sparse"`, `"input"` or `None`.
        batch_size: Pictures per batch.
        shuffle: Whether each epoch has them in another order.
        seed: A seed of the order and of the changes.
        data_format: The order of the axes.
        save_to_dir: A folder for what the batches contain.
        save_prefix: How the names of these files begin.
        save_format: The format of these files.
        follow_links: Whether to look into linked folders.
        subset: `"training"` or `"validation"`.
        interpolation: How pictures are scaled.
        keep_aspect_ratio: Whether to cut them to the wanted proportions first.
        dtype: The type of the batches.

    Raises:
        ValueError: If an argument is not one of these.
    """

    def __init__(
        self,
        directory: Any,
        image_data_generator: Any,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: Any = None,
    ) -> None:
        _check_mode(self, class_mode)
        self.class_mode = class_mode
        names = classes or sorted(
            name for name in os.listdir(directory) if os.path.isdir(os.path.join(directory, name))
        )
        self.num_classes = len(names)
        self.class_indices = {name: index for index, name in enumerate(names)}
        split = getattr(image_data_generator, "_validation_split", 0.0)
        filenames: list[str] = []
        labels: list[int] = []
        for name, index in self.class_indices.items():
            files = list(self._pictures_in(os.path.join(directory, name), follow_links))
            files = files[part_of(subset, split, len(files))]
            filenames += [os.path.relpath(file, directory) for file in files]
            labels += [index] * len(files)
        print(f"Found {len(labels)} images belonging to {len(names)} classes.")
        super().__init__(
            image_data_generator,
            filenames,
            directory,
            {
                "target_size": target_size,
                "color_mode": color_mode,
                "interpolation": interpolation,
                "keep_aspect_ratio": keep_aspect_ratio,
            },
            data_format=data_format,
            dtype=dtype,
            saving=(save_to_dir, save_prefix, save_format),
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
        )
        self.subset = subset
        self.classes = np.array(labels, dtype="int32")

    def _pictures_in(self, folder: str, follow_links: bool) -> Iterable[str]:
        for root, _, names in sorted(os.walk(folder, followlinks=follow_links), key=lambda entry: entry[0]):
            yield from (os.path.join(root, name) for name in sorted(names) if self._is_picture(name))

    def _is_picture(self, name: str) -> bool:
        return name.lower().endswith(self.white_list_formats)


class DataFrameIterator(FileIterator):
    """Batches of the pictures that a table names.

    Args:
        dataframe: A `DataFrame` of pandas.
        directory: The folder that the names are relative to; they are whole paths without one.
        image_data_generator: What changes the pictures.
        x_col: The column of the names.
        y_col: The column of the targets, or a list of them.
        weight_col: The column of the weights.
        target_size: The height and width of the pictures in batches.
        color_mode: `"rgb"`, `"rgba"` or `"grayscale"`.
        classes: The names of the classes, in order; rows of others are left out.
        class_mode: `"categorical"`, `"binary"`, `"sparse"`, `"input"`, `"raw"`, `"multi_output"` or `None`.
        batch_size: Pictures per batch.
        shuffle: Whether each epoch has them in another order.
        seed: A seed of the order and of the changes.
        data_format: The order of the axes.
        save_to_dir: A folder for what the batches contain.
        save_prefix: How the names of these files begin.
        save_format: The format of these files.
        subset: `"training"` or `"validation"`.
        interpolation: How pictures are scaled.
        keep_aspect_ratio: Whether to cut them to the wanted proportions first.
        dtype: The type of the batches.
        validate_filenames: Whether to leave out what is not there.

    Raises:
        TypeError: If a column has values of another kind.
        ValueError: If an argument is not one of these.
    """

    allowed_class_modes = FileIterator.allowed_class_modes | {"raw", "multi_output"}

    def __init__(
        self,
        dataframe: Any,
        directory: Any = None,
        image_data_generator: Any = None,
        x_col: str = "filename",
        y_col: Any = "class",
        weight_col: str | None = None,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = "channels_last",
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: Any = "float32",
        validate_filenames: bool = True,
    ) -> None:
        _check_mode(self, class_mode)
        self.class_mode = class_mode
        directory = directory or ""
        _check_columns(dataframe, class_mode, x_col, y_col, weight_col, classes)
        rows = self._existing(dataframe, directory, x_col) if validate_filenames else dataframe.copy()
        classed = class_mode in ("categorical", "binary", "sparse")
        if classed:
            rows, names = _classed(rows, y_col, classes)
            self.class_indices = {name: index for index, name in enumerate(names)}
        rows = rows.iloc[part_of(subset, getattr(image_data_generator, "_validation_split", 0.0), len(rows))]
        if classed:
            self.classes = [_numbers(label, self.class_indices) for label in rows[y_col]]
        elif class_mode == "multi_output":
            self.classes = [np.array(rows[column].tolist()) for column in y_col]
        elif class_mode == "raw":
            self.classes = np.asarray(rows[y_col].values)
        kind = "validated" if validate_filenames else "non-validated"
        belonging = f" belonging to {len(self.class_indices)} classes" if classed else ""
        print(f"Found {len(rows)} {kind} image filenames{belonging}.")
        super().__init__(
            image_data_generator,
            rows[x_col].tolist(),
            directory,
            {
                "target_size": target_size,
                "color_mode": color_mode,
                "interpolation": interpolation,
                "keep_aspect_ratio": keep_aspect_ratio,
            },
            data_format=data_format,
            dtype=dtype,
            saving=(save_to_dir, save_prefix, save_format),
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
        )
        self.subset = subset
        self.sample_weight = rows[weight_col].values if weight_col else None

    def _existing(self, rows: Any, directory: str, x_col: str) -> Any:
        paths = [os.path.join(directory, name) for name in rows[x_col]]
        there = [path.lower().endswith(self.white_list_formats) and os.path.isfile(path) for path in paths]
        if not all(there):
            warnings.warn(
                f'Found {there.count(False)} invalid image filename(s) in x_col="{x_col}". These filename(s) will be '
                "ignored.",
                stacklevel=4,
            )
        return rows[np.array(there, dtype=bool)]


def _check_mode(iterator: FileIterator, class_mode: str | None) -> None:
    if class_mode not in iterator.allowed_class_modes:
        modes = sorted(map(repr, iterator.allowed_class_modes))
        raise ValueError(f"Invalid class_mode: {class_mode}; expected one of: {', '.join(modes)}")


def _check_columns(
    rows: Any, class_mode: str | None, x_col: str, y_col: Any, weight_col: str | None, classes: Any
) -> None:
    if class_mode == "multi_output" and not isinstance(y_col, list):
        raise TypeError(f'If class_mode="multi_output", y_col must be a list. Received {type(y_col).__name__}.')
    if not all(isinstance(name, str) for name in rows[x_col]):
        raise TypeError(f"All values in column x_col={x_col} must be strings.")
    kinds: Any = {"binary": str, "sparse": str, "categorical": (str, list, tuple)}.get(str(class_mode))
    if kinds is not None and not all(isinstance(label, kinds) for label in rows[y_col]):
        words = "strings" if kinds is str else "type string, list or tuple"
        raise TypeError(
            f'If class_mode="{class_mode}", y_col="{y_col}" column values must be {words}. Write '
            f'`df["{y_col}"] = df["{y_col}"].astype(str)`, or use class_mode="raw".'
        )
    if class_mode == "binary":
        count = len(set(classes)) if classes else rows[y_col].nunique()
        if count != 2:
            raise ValueError(f'If class_mode="binary" there must be 2 classes. Found {count} classes.')
    if classes and kinds is None:
        warnings.warn(f'`classes` will be ignored given the class_mode="{class_mode}"', stacklevel=4)
    if weight_col and not issubclass(rows[weight_col].dtype.type, np.number):
        raise TypeError(f"Column weight_col={weight_col} must be numeric.")


def _classed(rows: Any, y_col: Any, classes: Sequence[str] | None) -> tuple[Any, list[str]]:
    """Returns the rows that belong to a class, and the classes."""
    if not classes:
        found = {name for label in rows[y_col] for name in ([label] if isinstance(label, str) else label)}
        return rows, sorted(found)
    names = list(dict.fromkeys(classes))

    def known(label: Any) -> Any:
        if isinstance(label, str):
            return label if label in names else None
        return [name for name in label if name in names] or None

    rows = rows.copy()
    rows[y_col] = [known(label) for label in rows[y_col]]
    return rows.dropna(subset=[y_col]), names


def _numbers(label: Any, class_indices: dict[Any, int]) -> Any:
    return class_indices[label] if isinstance(label, str) else [class_indices[name] for name in label]
