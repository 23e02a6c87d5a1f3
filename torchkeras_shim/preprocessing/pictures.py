"""`image_dataset_from_directory`: pictures in folders, one folder for each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from torchkeras_shim.core import config
from torchkeras_shim.ops.image.plain_resizing import METHODS, cropped, fitted, resized
from torchkeras_shim.ops.image.resizing import INTERPOLATIONS
from torchkeras_shim.preprocessing import decoding, directories

FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_CHANNELS = {"rgb": 3, "rgba": 4, "grayscale": 1}


def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Any = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Returns a data set of the pictures below a folder, with labels by the folders that they are in.

    Pictures are JPEG, PNG, BMP or GIF (of which the first image counts), as their content says. One that cannot be
    read ends the iteration with an error that names it.

    Args:
        directory: The folder, which has a folder for each class.
        labels: `"inferred"` for labels by the folders; `None` for none; or a list of integers, one for each file in the
            alphabetic order of the paths.
        label_mode: `"int"` for numbers, `"categorical"` for one-hot vectors, `"binary"` for 0.0 and 1.0, `None` for no
            labels.
        class_names: The folders to take, in the order of their labels; all in alphabetic order by default.
        color_mode: `"rgb"`, `"rgba"` or `"grayscale"`, for 3, 4 or 1 channels.
        batch_size: Pictures per batch; `None` for single pictures.
        image_size: Height and width to resize to.
        shuffle: Whether the order is random, a new one in every pass.
        seed: Makes the orders repeatable.
        validation_split: The share of the files that is set aside for validation.
        subset: `"training"`, `"validation"`, or `"both"` for a list of both data sets.
        interpolation: `"bilinear"`, `"nearest"`, `"bicubic"`, `"area"`, `"lanczos3"`, `"lanczos5"`, `"gaussian"` or
            `"mitchellcubic"`.
        follow_links: Whether to go into folders that are links.
        crop_to_aspect_ratio: Whether to cut off what does not fit the new aspect ratio, instead of distorting.
        pad_to_aspect_ratio: Whether to add black sides instead of distorting.
        data_format: Where the channels go, `"channels_last"` or `"channels_first"`; the global setting by default.
        format: Must be `"tf"`: the data set has the methods of `tf.data`.
        verbose: Whether to print how many files and classes there are.

    Returns:
        A `Dataset` of `(images, labels)`, or of images alone, with the attributes `class_names` and `file_paths`.
        Images are float32 from 0 to 255; uint8 with `interpolation="nearest"`, as in Keras.

    Raises:
        ValueError: If an argument is unknown or does not go with another one, or there are no pictures.

    Example:
        >>> import os, tempfile
        >>> import numpy as np
        >>> from torchkeras_shim.preprocessing.image import save_img
        >>> folder = tempfile.mkdtemp()
        >>> for name in ("cats", "dogs"):
        ...     os.mkdir(os.path.join(folder, name))
        ...     save_img(os.path.join(folder, name, "1.png"), np.ones((8, 8, 3)))
        >>> dataset = image_dataset_from_directory(folder, image_size=(4, 4))
        Found 2 files belonging to 2 classes.
        >>> for images, labels in dataset:
        ...     print(images.shape, sorted(labels.tolist()), dataset.class_names)
        torch.Size([2, 4, 4, 3]) [0, 1] ['cats', 'dogs']
    """
    directories.check_format(format)
    reader = _reader(color_mode, image_size, interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio, data_format)
    request = directories.Request(
        kind="image",
        formats=FORMATS,
        directory=directory,
        labels=labels,
        label_mode=label_mode,
        class_names=class_names,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        validation_split=validation_split,
        subset=subset,
        follow_links=follow_links,
        verbose=verbose,
    )
    return directories.datasets(request, reader)


def _reader(
    color_mode: str, image_size: Any, interpolation: str, crop: bool, pad: bool, data_format: str | None
) -> _Reader:
    if color_mode not in _CHANNELS:
        raise ValueError(
            f'`color_mode` must be one of {{"rgb", "rgba", "grayscale"}}. Received: color_mode={color_mode}'
        )
    size = (image_size, image_size) if isinstance(image_size, int) else image_size
    if not isinstance(size, (list, tuple)) or len(size) != 2:
        raise ValueError(f"Invalid `image_size` value. Expected a tuple of 2 integers. Received: image_size={size}")
    method = interpolation.lower()
    if method not in METHODS:
        raise ValueError(
            f"Argument `interpolation` should be one of {METHODS}. Received: interpolation={interpolation}"
        )
    if crop and pad:
        raise ValueError("Only one of `pad_to_aspect_ratio`, `crop_to_aspect_ratio` can be set to `True`.")
    if crop and method not in INTERPOLATIONS:
        raise ValueError(
            f"Invalid value for argument `interpolation`. With `crop_to_aspect_ratio=True`, expected one of "
            f"{INTERPOLATIONS}. Received: interpolation={interpolation}"
        )
    return _Reader(
        channels=_CHANNELS[color_mode],
        size=(int(size[0]), int(size[1])),
        method=method,
        fit="crop" if crop else "pad" if pad else "",
        channels_first=config.standardize_data_format(data_format) == "channels_first",
    )


@dataclass(frozen=True)
class _Reader:
    """Makes a tensor of the picture under a path."""

    channels: int
    size: tuple[int, int]
    method: str
    fit: str
    channels_first: bool

    def __call__(self, path: str) -> torch.Tensor:
        image = decoding.read(path, self.channels)
        if self.fit == "pad":
            image = fitted(image, self.size, self.method)
        else:
            image = resized(cropped(image, self.size) if self.fit else image, self.size, self.method)
        return image.permute(2, 0, 1) if self.channels_first else image
