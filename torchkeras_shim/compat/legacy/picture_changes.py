"""Changes of one picture, given or drawn from numpy's global generator, as `keras.preprocessing.image` had them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from torchkeras_shim.preprocessing.image import array_to_img, img_to_array


def apply_affine_transform(
    x: np.ndarray,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> np.ndarray:
    """Returns a picture turned, shifted, slanted and scaled.

    Args:
        x: The picture, an array of three axes.
        theta: Degrees.
        tx: How far the rows move.
        ty: How far the columns move.
        shear: Degrees.
        zx: The scale of the rows.
        zy: The scale of the columns.
        row_axis: The axis of the rows.
        col_axis: That of the columns.
        channel_axis: That of the channels.
        fill_mode: What is outside of the picture: `"nearest"`, `"constant"`, `"reflect"` or `"wrap"`.
        cval: The value of `"constant"`.
        order: The order of the interpolation.

    Raises:
        ImportError: If SciPy is not installed.
        ValueError: If the axes are not three different ones.
    """
    if sorted((row_axis, col_axis, channel_axis)) != [0, 1, 2]:
        raise ValueError(
            "'row_axis', 'col_axis', and 'channel_axis' must be distinct, and each of them 0, 1 or 2. "
            f"Received: row_axis={row_axis}, col_axis={col_axis}, channel_axis={channel_axis}"
        )
    matrix = _matrix(theta, tx, ty, shear, zx, zy)
    if np.array_equal(matrix, np.eye(3)):
        return x
    ndimage = _scipy()
    there, back = np.eye(3), np.eye(3)
    there[:2, 2] = x.shape[row_axis] / 2 - 0.5, x.shape[col_axis] / 2 - 0.5
    back[:2, 2] = -there[:2, 2]
    matrix = there @ matrix @ back
    if col_axis > row_axis:
        swapped = [1, 0, 2]  # as Keras 2 did, after the centre was put in: shifts of the height move along the width
        matrix = matrix[swapped][:, swapped]
    channels = [
        ndimage.affine_transform(channel, matrix[:2, :2], matrix[:2, 2], order=order, mode=fill_mode, cval=cval)
        for channel in np.moveaxis(x, channel_axis, 0)
    ]
    return np.stack(channels, axis=channel_axis)


def _matrix(theta: float, tx: float, ty: float, shear: float, zx: float, zy: float) -> np.ndarray:
    theta, shear = np.deg2rad(theta), np.deg2rad(shear)
    cos, sin = np.cos(theta), np.sin(theta)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    shift = np.array([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    slant = np.array([[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]])
    return np.asarray(turn @ shift @ slant @ np.diag([zx, zy, 1]))


def _scipy() -> Any:
    try:
        return importlib.import_module("scipy.ndimage")
    except ImportError as error:
        raise ImportError("Image transformations require SciPy. Install it: pip install scipy") from error


def apply_channel_shift(x: np.ndarray, intensity: float, channel_axis: int = 0) -> np.ndarray:
    """Returns a picture with a number added, within the values that it had."""
    return np.clip(x + intensity, x.min(), x.max())


def apply_brightness_shift(x: np.ndarray, brightness: float, scale: bool = True) -> np.ndarray:
    """Returns a picture that is brighter by a factor.

    Args:
        x: The picture, with the channels last.
        brightness: The factor.
        scale: Whether its values are stretched to 0 to 255; otherwise only if they are not within these.
    """
    enhance = importlib.import_module("PIL.ImageEnhance")
    low, high = np.min(x), np.max(x)
    outside = bool(low < 0 or high > 255)
    found = img_to_array(enhance.Brightness(array_to_img(x, scale=outside or scale)).enhance(brightness))
    return found / 255 * (high - low) + low if outside and not scale else found


def random_rotation(
    x: np.ndarray,
    rg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Returns a picture turned by up to `rg` degrees."""
    theta = np.random.uniform(-rg, rg)
    axes = (row_axis, col_axis, channel_axis)
    return apply_affine_transform(x, theta, 0, 0, 0, 1, 1, *axes, fill_mode, cval, interpolation_order)


def random_shift(
    x: np.ndarray,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Returns a picture shifted by up to a share of its width and of its height."""
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    axes = (row_axis, col_axis, channel_axis)
    return apply_affine_transform(x, 0, tx, ty, 0, 1, 1, *axes, fill_mode, cval, interpolation_order)


def random_shear(
    x: np.ndarray,
    intensity: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Returns a picture slanted by up to `intensity` degrees."""
    shear = np.random.uniform(-intensity, intensity)
    axes = (row_axis, col_axis, channel_axis)
    return apply_affine_transform(x, 0, 0, 0, shear, 1, 1, *axes, fill_mode, cval, interpolation_order)


def random_zoom(
    x: np.ndarray,
    zoom_range: Sequence[float],
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Returns a picture scaled by factors between two."""
    if len(zoom_range) != 2:
        raise ValueError(f"`zoom_range` should be a tuple or list of two floats. Received: {zoom_range}")
    zx, zy = drawn_zoom(zoom_range)
    axes = (row_axis, col_axis, channel_axis)
    return apply_affine_transform(x, 0, 0, 0, 0, zx, zy, *axes, fill_mode, cval, interpolation_order)


def drawn_zoom(zoom_range: Sequence[float]) -> Any:
    """Draws the scales of rows and columns."""
    low, high = zoom_range
    return (1, 1) if low == high == 1 else np.random.uniform(low, high, 2)


def random_channel_shift(x: np.ndarray, intensity_range: float, channel_axis: int = 0) -> np.ndarray:
    """Returns a picture with a random number added, within the values that it had."""
    return apply_channel_shift(x, np.random.uniform(-intensity_range, intensity_range), channel_axis)


def random_brightness(x: np.ndarray, brightness_range: Sequence[float], scale: bool = True) -> np.ndarray:
    """Returns a picture that is brighter by a factor between two."""
    return apply_brightness_shift(x, np.random.uniform(*checked_brightness(brightness_range)), scale)


def checked_brightness(brightness_range: Any) -> tuple[float, float]:
    """Returns two factors.

    Raises:
        ValueError: If they are not two.
    """
    if not isinstance(brightness_range, (tuple, list)) or len(brightness_range) != 2:
        raise ValueError(f"`brightness_range` should be a tuple or list of two floats. Received: {brightness_range}")
    return brightness_range[0], brightness_range[1]


#: The names, for `keras.preprocessing.image`.
NAMES: dict[str, Any] = {
    one.__name__: one
    for one in (
        apply_affine_transform, apply_brightness_shift, apply_channel_shift, random_brightness, random_channel_shift,
        random_rotation, random_shear, random_shift, random_zoom,
    )
}  # fmt: skip
