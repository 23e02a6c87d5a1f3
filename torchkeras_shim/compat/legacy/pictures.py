"""`ImageDataGenerator` of Keras 2: pictures turned, shifted and scaled at random by numpy's global generator."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from torchkeras_shim.backend import image_data_format
from torchkeras_shim.compat.legacy import picture_changes
from torchkeras_shim.compat.legacy.batches import NumpyArrayIterator
from torchkeras_shim.compat.legacy.picture_files import DataFrameIterator, DirectoryIterator


class ImageDataGenerator:
    """Makes batches of pictures that are changed at random.

    Args:
        featurewise_center: Whether to subtract the mean of the pictures given to `fit`.
        samplewise_center: Whether to subtract the mean of each picture.
        featurewise_std_normalization: Whether to divide by the standard deviation of those given to `fit`.
        samplewise_std_normalization: Whether to divide by that of each picture.
        zca_whitening: Whether to whiten.
        zca_epsilon: A small number for that.
        rotation_range: Degrees.
        width_shift_range: A share of the width, pixels, or a list of pixels.
        height_shift_range: The same of the height.
        brightness_range: The lowest and the highest factor of the brightness; pictures are from 0 to 255 then.
        shear_range: Degrees.
        zoom_range: The lowest and the highest factor, or how far from 1 they are.
        channel_shift_range: How much is added to the values.
        fill_mode: `"nearest"`, `"constant"`, `"reflect"` or `"wrap"`: what is outside of a picture.
        cval: The value of `"constant"`.
        horizontal_flip: Whether to mirror half of the pictures.
        vertical_flip: Whether to turn half of them upside down.
        rescale: A factor of all values.
        preprocessing_function: A function of each changed picture.
        data_format: The order of the axes.
        validation_split: The share that `subset="validation"` has.
        interpolation_order: The order of the interpolation.
        dtype: The type of the arrays.

    Raises:
        ValueError: If an argument is not one of these.
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Any = 0.0,
        height_shift_range: Any = 0.0,
        brightness_range: Any = None,
        shear_range: float = 0.0,
        zoom_range: Any = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[np.ndarray], np.ndarray] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: Any = None,
    ) -> None:
        self.data_format = data_format or image_data_format()
        if self.data_format not in ("channels_last", "channels_first"):
            raise ValueError(f"`data_format` is 'channels_last' or 'channels_first'. Received: {data_format}")
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(f"`validation_split` must be between 0 and 1. Received: {validation_split}")
        self.channel_axis, self.row_axis, self.col_axis = (
            (1, 2, 3) if self.data_format == "channels_first" else (3, 1, 2)
        )
        for overrides, option, overridden in (
            (zca_whitening and not featurewise_center, "zca_whitening", "featurewise_center"),
            (zca_whitening and featurewise_std_normalization, "zca_whitening", "featurewise_std_normalization"),
            (
                featurewise_std_normalization and not (featurewise_center or zca_whitening),
                "featurewise_std_normalization",
                "featurewise_center",
            ),
            (
                samplewise_std_normalization and not samplewise_center,
                "samplewise_std_normalization",
                "samplewise_center",
            ),
        ):
            if overrides:
                text = f"This ImageDataGenerator specifies `{option}`, which overrides setting of `{overridden}`."
                warnings.warn(text, stacklevel=2)
        self.featurewise_center = featurewise_center or featurewise_std_normalization or zca_whitening
        self.samplewise_center = samplewise_center or samplewise_std_normalization
        self.featurewise_std_normalization = featurewise_std_normalization and not zca_whitening
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.rotation_range, self.shear_range = rotation_range, shear_range
        self.width_shift_range, self.height_shift_range = width_shift_range, height_shift_range
        self.zoom_range = _zoom(zoom_range)
        self.channel_shift_range = channel_shift_range
        self.brightness_range = (
            None if brightness_range is None else picture_changes.checked_brightness(brightness_range)
        )
        self.fill_mode, self.cval, self.interpolation_order = fill_mode, cval, interpolation_order
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self.dtype = dtype or "float32"
        self._validation_split = validation_split
        self.mean: np.ndarray | None = None
        self.std: Any = None
        self.zca_whitening_matrix: np.ndarray | None = None

    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Returns batches of an array of pictures: what `NumpyArrayIterator` says."""
        given = {name: value for name, value in locals().items() if name not in ("self", "x", "y")}
        return NumpyArrayIterator(x, y, self, **given)

    def flow_from_directory(
        self,
        directory: Any,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:
        """Returns batches of the pictures in a folder, whose folders are the classes: see `DirectoryIterator`."""
        given = {name: value for name, value in locals().items() if name not in ("self", "directory")}
        return DirectoryIterator(directory, self, **given)

    def flow_from_dataframe(
        self,
        dataframe: Any,
        directory: Any = None,
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
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
        **kwargs: Any,
    ) -> DataFrameIterator:
        """Returns batches of the pictures that a table of pandas names: see `DataFrameIterator`.

        Raises:
            TypeError: If there are keywords that it does not have.
        """
        given = {name: value for name, value in locals().items() if name not in ("self", "dataframe", "kwargs")}
        for old, advice in _OLD_KEYWORDS.items():
            if kwargs.pop(old, None) is not None:
                warnings.warn(f"flow_from_dataframe({old}=) {advice}.", DeprecationWarning, stacklevel=2)
        if kwargs:
            raise TypeError(f"flow_from_dataframe() got unexpected keyword arguments: {sorted(kwargs)}")
        if given["class_mode"] == "other":
            given["class_mode"] = "raw"
            warnings.warn('class_mode="other" is an old spelling of "raw".', DeprecationWarning, stacklevel=2)
        return DataFrameIterator(
            dataframe, image_data_generator=self, data_format=self.data_format, dtype=self.dtype, **given
        )

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Learns the mean, the deviation and the whitening of pictures."""
        x = np.array(x, dtype=self.dtype)
        if x.ndim != 4:
            raise ValueError(f"Input to `.fit()` should have rank 4. Got array with shape: {x.shape}")
        if seed is not None:
            np.random.seed(seed)
        if augment:
            x = np.array([self.random_transform(one) for _ in range(rounds) for one in x], dtype=self.dtype)
        shape = [1, 1, 1]
        shape[self.channel_axis - 1] = x.shape[self.channel_axis]
        if self.featurewise_center:
            self.mean = np.mean(x, axis=(0, self.row_axis, self.col_axis)).reshape(shape)
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = np.std(x, axis=(0, self.row_axis, self.col_axis)).reshape(shape)
            x /= self.std + 1e-6
        if self.zca_whitening:
            flat = x.reshape(len(x), -1)
            directions, sizes, _ = np.linalg.svd(flat.T, full_matrices=False)
            self.zca_whitening_matrix = (directions * (np.sqrt(len(flat)) / (sizes + self.zca_epsilon))) @ directions.T

    def standardize(self, x: np.ndarray) -> np.ndarray:
        """Returns a picture with its values centred and scaled, in place where that is possible."""
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, keepdims=True) + 1e-6
        if self.featurewise_center and self._is_learned("featurewise_center", self.mean):
            x -= self.mean
        if self.featurewise_std_normalization and self._is_learned("featurewise_std_normalization", self.std):
            x /= self.std + 1e-6
        if self.zca_whitening and self._is_learned("zca_whitening", self.zca_whitening_matrix):
            x = (x.reshape(1, -1) @ self.zca_whitening_matrix).reshape(x.shape)
        return x

    def _is_learned(self, option: str, value: np.ndarray | None) -> bool:
        if value is None:
            warnings.warn(
                f"This ImageDataGenerator specifies `{option}`, but it hasn't been fit on any training data: pictures "
                "are left as they are. Fit it first by calling `.fit(numpy_data)`.",
                stacklevel=5,
            )
        return value is not None

    def random_transform(self, x: np.ndarray, seed: int | None = None) -> np.ndarray:
        """Returns a picture changed at random."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def get_random_transform(self, img_shape: Sequence[int], seed: int | None = None) -> dict[str, Any]:
        """Draws a change."""
        if seed is not None:
            np.random.seed(seed)
        found: dict[str, Any] = {"theta": _within(self.rotation_range)}
        found["tx"] = _shift(self.height_shift_range, img_shape[self.row_axis - 1])
        found["ty"] = _shift(self.width_shift_range, img_shape[self.col_axis - 1])
        found["shear"] = _within(self.shear_range)
        found["zx"], found["zy"] = picture_changes.drawn_zoom(self.zoom_range)
        found["flip_horizontal"] = (np.random.random() < 0.5) * self.horizontal_flip
        found["flip_vertical"] = (np.random.random() < 0.5) * self.vertical_flip
        found["channel_shift_intensity"] = _within(self.channel_shift_range) if self.channel_shift_range else None
        found["brightness"] = np.random.uniform(*self.brightness_range) if self.brightness_range else None
        return found

    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
        """Returns a picture changed in a given way."""
        given = transform_parameters
        axes = {"row_axis": self.row_axis - 1, "col_axis": self.col_axis - 1, "channel_axis": self.channel_axis - 1}
        x = picture_changes.apply_affine_transform(
            x,
            **{name: given.get(name, 0) for name in ("theta", "tx", "ty", "shear")},
            **{name: given.get(name, 1) for name in ("zx", "zy")},
            **axes,
            fill_mode=self.fill_mode,
            cval=self.cval,
            order=self.interpolation_order,
        )
        if given.get("channel_shift_intensity") is not None:
            x = picture_changes.apply_channel_shift(x, given["channel_shift_intensity"], axes["channel_axis"])
        if given.get("flip_horizontal", False):
            x = np.flip(x, axes["col_axis"])
        if given.get("flip_vertical", False):
            x = np.flip(x, axes["row_axis"])
        if given.get("brightness") is not None:
            x = picture_changes.apply_brightness_shift(x, given["brightness"], False)
        return x


#: Keywords that `flow_from_dataframe` had for a while.
_OLD_KEYWORDS = {
    "has_ext": "is not needed: the names of files are whole, with their ending",
    "sort": "is not needed: files come in the order of the table",
    "drop_duplicates": "is not needed: call `df.drop_duplicates()`",
}


def _zoom(zoom_range: Any) -> tuple[float, float]:
    if isinstance(zoom_range, (int, float)):
        return (1 - zoom_range, 1 + zoom_range)
    if len(zoom_range) != 2:
        raise ValueError(f"`zoom_range` should be a float or a list of two floats. Received: {zoom_range}")
    return (zoom_range[0], zoom_range[1])


def _within(limit: float) -> float:
    return np.random.uniform(-limit, limit) if limit else 0


def _shift(limit: Any, size: int) -> Any:
    """Draws a shift: from a list, from the whole numbers below one, or from a range; below 1 they are shares."""
    if not np.any(limit):
        return 0
    if isinstance(limit, float):
        found: Any = np.random.uniform(-limit, limit)
    else:
        found = np.random.choice(limit) * np.random.choice([-1, 1])
    return found * size if np.max(limit) < 1 else found
