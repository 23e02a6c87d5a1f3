"""What models trained on ImageNet take, and what their answers mean."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from torchkeras_shim import ops
from torchkeras_shim.applications.pretrained import File
from torchkeras_shim.core import config
from torchkeras_shim.core.dtypes import is_float, standardize_dtype

__all__ = ["decode_predictions", "preprocess_input"]

#: The classes: their number as text, WordNet's name and a description.
CLASS_INDEX = File(
    "imagenet_class_index.json",
    "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json",
    "c2c37ea517e94d9795004a39431a14cb",
)
CLASSES = 1000

#: Means and standard deviations of the channels: of RGB for "torch", of BGR and without scaling for "caffe".
_TORCH_MEAN, _TORCH_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CAFFE_MEAN = (103.939, 116.779, 123.68)


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Brings pictures with channels from 0 to 255 to what a model was trained on.

    A floating-point numpy array is changed in place, as in Keras. Pass a copy if you still need it.

    Args:
        x: A picture or a batch of them, RGB: a numpy array, a tensor, or a symbolic tensor.
        data_format: `"channels_last"` or `"channels_first"`; by default `keras.config.image_data_format()`.
        mode: `"caffe"`: BGR, minus the mean of ImageNet's channels. `"tf"`: from -1 to 1. `"torch"`: from 0 to 1, then
            normalized by the mean and standard deviation of ImageNet's channels.

    Returns:
        The pictures, in `float32` if they were integers.

    Raises:
        ValueError: If the mode or the layout is not one of these.

    Example:
        >>> preprocess_input(np.array([[[0, 127.5, 255]]]), mode="tf").tolist()
        [[[-1.0, 0.0, 1.0]]]
    """
    if mode not in ("caffe", "tf", "torch"):
        raise ValueError(f"Expected mode to be one of `caffe`, `tf` or `torch`. Received: mode={mode}")
    axis = channel_axis(data_format, len(x.shape))
    if isinstance(x, np.ndarray):
        return _in_place(x, axis, mode)
    return _of_tensor(x, axis, mode)


def channel_axis(data_format: str | None, rank: int) -> int:
    """Returns where the channels of a picture or of a batch of pictures are.

    Raises:
        ValueError: If there is no such layout.
    """
    layout = config.image_data_format() if data_format is None else data_format
    if layout not in ("channels_first", "channels_last"):
        raise ValueError(
            f"Expected data_format to be one of `channels_first` or `channels_last`. Received: data_format={layout}"
        )
    return rank - 1 if layout == "channels_last" else rank - 3


def _in_place(x: np.ndarray[Any, Any], axis: int, mode: str) -> np.ndarray[Any, Any]:
    if not np.issubdtype(x.dtype, np.floating):
        x = x.astype(config.floatx())
    if mode == "tf":
        x /= 127.5
        x -= 1.0
        return x
    if mode == "torch":
        x /= 255.0
    else:
        x = np.flip(x, axis)
    channels = np.moveaxis(x, axis, 0)
    for number, mean in enumerate(_TORCH_MEAN if mode == "torch" else _CAFFE_MEAN):
        channels[number] -= mean
        if mode == "torch":
            channels[number] /= _TORCH_STD[number]
    return x


def _of_tensor(x: Any, axis: int, mode: str) -> Any:
    if not is_float(standardize_dtype(x.dtype)):
        x = ops.cast(x, config.floatx())
    if mode == "tf":
        return x / 127.5 - 1.0
    if mode == "torch":
        scaled = ops.subtract(x / 255.0, _along(_TORCH_MEAN, axis, x))
        return ops.divide(scaled, _along(_TORCH_STD, axis, x))
    channels = x.shape[axis]
    if channels is not None and channels < 3:
        raise ValueError(
            f"Pictures for a model trained in the mode 'caffe' have three channels, red, green and blue. Received: "
            f"x.shape={tuple(x.shape)}, with {channels} along axis {axis}. For grey pictures write "
            f"`keras.ops.repeat(x, 3, axis={axis})`."
        )
    return ops.subtract(ops.take(x, (2, 1, 0), axis=axis), _along(_CAFFE_MEAN, axis, x))


def _along(values: tuple[float, ...], axis: int, x: Any) -> np.ndarray[Any, Any]:
    """Returns a value for each channel, in the type and the layout of `x`."""
    shape = [len(values) if at == axis else 1 for at in range(len(x.shape))]
    return np.reshape(np.asarray(values, standardize_dtype(x.dtype)), shape)


def preprocessor(mode: str | None) -> Callable[..., Any]:
    """Returns a family's `preprocess_input`.

    Args:
        mode: What its pictures need. `None` if the models themselves do it, or need nothing.
    """

    def preprocess_input_of_family(x: Any, data_format: str | None = None) -> Any:
        return x if mode is None else preprocess_input(x, data_format=data_format, mode=mode)

    function = preprocess_input_of_family
    function.__name__ = function.__qualname__ = "preprocess_input"
    function.__doc__ = (
        "Returns pictures as they are: these models take channels from 0 to 255."
        if mode is None
        else f"Brings pictures to what these models were trained on: `imagenet_utils.preprocess_input`, mode {mode!r}."
    )
    return function


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, Any]]]:
    """Returns the likeliest classes of each picture.

    Args:
        preds: What a model of ImageNet's 1,000 classes predicts: of shape `(pictures, 1000)`.
        top: How many classes.

    Returns:
        For each picture tuples of WordNet's name, a description and the score, likeliest first.

    Raises:
        ValueError: If the shape is another one.
        FileNotFoundError: If the names of the classes are not on this computer and cannot be downloaded.
    """
    if len(preds.shape) != 2 or preds.shape[1] != CLASSES:
        raise ValueError(
            "`decode_predictions` expects a batch of predictions (i.e. a 2D array of shape (samples, 1000)). Received "
            f"array with shape: {tuple(preds.shape)}"
        )
    names = _names()
    results = []
    for row in ops.convert_to_numpy(preds):
        likeliest = row.argsort()[-top:][::-1]
        found = [(*names[number], row[number]) for number in likeliest]
        results.append(sorted(found, key=lambda entry: entry[2], reverse=True))
    return results


def _names() -> list[tuple[str, str]]:
    return _read_names(CLASS_INDEX.fetch())


@functools.lru_cache(maxsize=1)
def _read_names(path: str) -> list[tuple[str, str]]:
    with open(path, encoding="utf-8") as file:
        index = json.load(file)
    names = [index[str(number)] for number in range(CLASSES)]
    return [(str(wordnet), str(description)) for wordnet, description in names]
