"""`keras.preprocessing.image`: pictures in files, as PIL images and as arrays."""

from __future__ import annotations

import io
import os
import pathlib
import warnings
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from torchkeras_shim import ops
from torchkeras_shim.core import config, dtypes

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img", "smart_resize"]

# Names of Keras, which are those of PIL in small letters.
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
_GRAYSCALE_MODES = ("L", "I;16", "I")


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Image:
    """Loads a picture as a PIL image.

    Args:
        path: The path of a file, or a `BytesIO` of its content.
        color_mode: `"rgb"`, `"rgba"` or `"grayscale"`. Gray images of 16 or 32 bits keep their depth.
        target_size: The height and width to resize to; the size stays as it is by default.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"lanczos"`, `"box"` or `"hamming"`.
        keep_aspect_ratio: Whether to cut out the largest part of the new aspect ratio, in the centre, before resizing.

    Raises:
        TypeError: If `path` is something else.
        OSError: If the file is not a picture, or a broken one; the message names it.
        ValueError: If an argument is unknown.

    Example:
        >>> import tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "picture.png")
        >>> save_img(path, np.zeros((4, 6, 3)))
        >>> load_img(path, target_size=(2, 3)).size
        (3, 2)
    """
    image = _opened(path)
    if color_mode == "grayscale":
        image = image if image.mode in _GRAYSCALE_MODES else image.convert("L")
    elif color_mode in ("rgb", "rgba"):
        image = image.convert(color_mode.upper())
    else:
        raise ValueError(f'color_mode must be "grayscale", "rgb", or "rgba". Received: color_mode={color_mode!r}')
    if target_size is None:
        return image
    height, width = target_size
    if image.size == (width, height):
        return image
    if interpolation not in _INTERPOLATIONS:
        raise ValueError(
            f"Invalid interpolation method {interpolation} specified. Supported methods are "
            f"{', '.join(_INTERPOLATIONS)}"
        )
    box = _box(image.size, height, width) if keep_aspect_ratio else None
    return image.resize((width, height), _pil().Resampling[interpolation.upper()], box=box)


def _opened(path: Any) -> Image:
    named = isinstance(path, (str, bytes, pathlib.Path))
    if not named and not isinstance(path, io.BytesIO):
        raise TypeError(f"path should be path-like or io.BytesIO, not {type(path)}")
    file = path
    if named:
        with open(path, "rb") as opened:
            file = io.BytesIO(opened.read())
    try:
        image = _pil().open(file)
        image.load()
    except (OSError, SyntaxError, ValueError) as error:  # a file that PIL does not know, a broken one
        source = os.fsdecode(path) if named else "the given bytes"
        unknown = _pil().UnidentifiedImageError
        kind = unknown if isinstance(error, unknown) else OSError
        raise kind(f"cannot read an image from {source}: {error}") from error
    return cast("Image", image)


def _box(size: tuple[int, int], height: int, width: int) -> tuple[int, int, int, int]:
    """Returns the largest part of an image of another aspect ratio, in the centre: left, top, right and bottom."""
    have_width, have_height = size
    keep_height = min(have_height, (have_width * height) // width)
    keep_width = min(have_width, (have_height * width) // height)
    top, left = (have_height - keep_height) // 2, (have_width - keep_width) // 2
    return left, top, left + keep_width, top + keep_height


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray[Any, Any]:
    """Returns a PIL image as an array with an axis for its channels.

    Args:
        img: A PIL image, or an array of 2 or 3 dimensions with the channels last.
        data_format: Where the channels go: `"channels_last"` or `"channels_first"`; the global setting by default.
        dtype: The type of the array, `keras.config.floatx()` by default.

    Raises:
        ValueError: If the image has another number of dimensions.

    Example:
        >>> img_to_array(np.zeros((4, 6))).shape
        (4, 6, 1)
    """
    channels_first = config.standardize_data_format(data_format) == "channels_first"
    array = _array(img, dtype)
    if array.ndim == 2:
        return array[None] if channels_first else array[..., None]
    if array.ndim != 3:
        raise ValueError(
            f"Unsupported image shape: {array.shape}. Expected (height, width) or (height, width, channels)."
        )
    return array.transpose(2, 0, 1) if channels_first else array


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None) -> Image:
    """Returns an array as a PIL image.

    Args:
        x: An array, a tensor or a list of 3 dimensions, with 1, 3 or 4 channels.
        data_format: Where the channels are: `"channels_last"` or `"channels_first"`; the global setting by default.
        scale: Whether to stretch the values so that the least is 0 and the greatest 255. Otherwise they are cut to
            whole numbers.
        dtype: The type to compute in, `keras.config.floatx()` by default.

    Raises:
        ValueError: If the array has other dimensions or channels.

    Example:
        >>> image = array_to_img(np.array([[[0.0], [1.0]]]))
        >>> image.mode, image.size, image.getpixel((1, 0))
        ('L', (2, 1), 255)
    """
    channels_first = config.standardize_data_format(data_format) == "channels_first"
    array = _array(x, dtype)
    if array.ndim != 3:
        raise ValueError(
            f"Expected image array to have rank 3 (single image). Got array with shape: {array.shape}. For a batch, "
            "write `[array_to_img(image) for image in batch]`."
        )
    if channels_first:
        array = array.transpose(1, 2, 0)
    if scale:
        array = array - array.min()
        greatest = array.max()
        array = (array / greatest if greatest != 0 else array) * 255
    channels = array.shape[2]
    if channels in (3, 4):
        return _image(array, np.uint8)
    if channels == 1:
        return _image(array[:, :, 0], np.int32 if array.max() > 255 else np.uint8)
    raise ValueError(f"Unsupported channel number: {channels}. Expected 1, 3 or 4 channels in {array.shape}.")


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Writes an array into a file as a picture.

    Args:
        path: The path, or an open file.
        x: An array as `array_to_img` takes it.
        data_format: Where the channels are; the global setting by default.
        file_format: The format, such as `"png"`; by default the ending of the path says it.
        scale: Whether to stretch the values so that the least is 0 and the greatest 255.
        **kwargs: What PIL's `Image.save` takes.

    Example:
        >>> file = io.BytesIO()
        >>> save_img(file, np.zeros((2, 2, 3)), file_format="png")
        >>> file.getvalue()[1:4]
        b'PNG'
    """
    if file_format is None and isinstance(path, (str, pathlib.Path)):
        file_format = pathlib.Path(path).suffix[1:].lower()
    if file_format and file_format.lower() == "jpg":
        file_format = "jpeg"
    image = array_to_img(x, data_format=data_format, scale=scale)
    if image.mode == "RGBA" and file_format == "jpeg":
        warnings.warn("The JPEG format does not support RGBA images, converting to RGB.", stacklevel=2)
        image = image.convert("RGB")
    image.save(path, format=file_format, **kwargs)


def smart_resize(
    x: Any, size: tuple[int, int], interpolation: str = "bilinear", data_format: str = "channels_last"
) -> Any:
    """Resizes images without distorting them: what does not fit the new aspect ratio is cut off on both sides.

    Args:
        x: An image or a batch of images.
        size: The new height and width.
        interpolation: `"bilinear"`, `"nearest"`, `"bicubic"`, `"lanczos3"`, `"lanczos5"` or `"area"`.
        data_format: Where the channels are, `"channels_last"` or `"channels_first"`.

    Returns:
        An array for an array, a tensor for a tensor.

    Raises:
        ValueError: If the size or the images have other dimensions.

    Example:
        >>> smart_resize(np.zeros((340, 500, 3), "float32"), (200, 200)).shape
        (200, 200, 3)
    """
    if len(size) != 2:
        raise ValueError(f"Expected `size` to be a tuple of 2 integers, but got: {size}.")
    images = ops.convert_to_tensor(x)
    if images.ndim not in (3, 4):
        raise ValueError(
            "Expected an image array with shape `(height, width, channels)`, or `(batch_size, height, width, "
            f"channels)`, but got input with incorrect rank, of shape {tuple(images.shape)}."
        )
    resized = ops.image.resize(
        images, size, interpolation=interpolation, crop_to_aspect_ratio=True, data_format=data_format
    )
    return ops.convert_to_numpy(resized) if isinstance(x, np.ndarray) else resized


def _pil() -> Any:
    from PIL import Image  # comes with torchvision; where pictures are read or written only

    return Image


def _array(x: Any, dtype: Any) -> np.ndarray[Any, Any]:
    x = x.detach().cpu().numpy() if hasattr(x, "detach") else x
    return np.asarray(x, dtype=config.floatx() if dtype is None else dtypes.standardize_dtype(dtype))


def _image(array: np.ndarray[Any, Any], dtype: Any) -> Image:
    with np.errstate(invalid="ignore"):  # numbers that the type does not hold
        return cast("Image", _pil().fromarray(np.ascontiguousarray(array).astype(dtype)))
