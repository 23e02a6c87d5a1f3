"""Colour spaces."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import dtypes
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.image.layout import as_images, channels_last
from torchkeras_shim.ops.promotion import as_float

__all__ = ["hsv_to_rgb", "rgb_to_grayscale", "rgb_to_hsv"]


def _channels(images: torch.Tensor, data_format: str | None) -> int:
    return -1 if channels_last(data_format) else -3


def _float_images(images: Any) -> torch.Tensor:
    tensor = as_images(images)
    if not tensor.is_floating_point():
        raise ValueError(
            "Invalid images dtype: expected float dtype. Write `keras.ops.cast(images, 'float32') / 255`. "
            f"Received: images.dtype={dtypes.standardize_dtype(tensor.dtype)}"
        )
    return tensor


def _three(images: torch.Tensor, axis: int) -> tuple[torch.Tensor, ...]:
    if images.shape[axis] != 3:
        raise ValueError(f"Expected images of 3 channels. Received: images.shape={tuple(images.shape)}")
    return torch.unbind(images, dim=axis)


@op
def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Any:
    """Returns the brightness of images as their only channel.

    Args:
        images: One image or a batch, of 3 channels; images of 1 channel come back as they are.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Raises:
        ValueError: for another rank or number of channels.

    Example:
        >>> rgb_to_grayscale(torch.ones(1, 1, 3))
        tensor([[[0.9999]]])
    """
    images = as_images(images)
    axis = _channels(images, data_format)
    if images.shape[axis] not in (1, 3):
        raise ValueError(
            "Invalid channel size: expected 3 (RGB) or 1 (Grayscale). "
            f"Received input with shape: images.shape={tuple(images.shape)}"
        )
    if images.shape[axis] == 1:
        return images
    red, green, blue = torch.unbind(as_float(images), dim=axis)
    return (0.2989 * red + 0.5870 * green + 0.1140 * blue).unsqueeze(axis).to(images.dtype)


@op
def rgb_to_hsv(images: Any, data_format: str | None = None) -> Any:
    """Returns hue, saturation and value of images.

    Args:
        images: One image or a batch of floats between 0 and 1.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Raises:
        ValueError: for integers, another rank or another number of channels.

    Example:
        >>> rgb_to_hsv(torch.tensor([[[0.0, 1.0, 0.0]]]))
        tensor([[[0.3333, 1.0000, 1.0000]]])
    """
    images = _float_images(images)
    axis = _channels(images, data_format)
    red, green, blue = _three(images, axis)
    value = torch.maximum(torch.maximum(red, green), blue)
    spread = value - torch.minimum(torch.minimum(red, green), blue)
    gray = spread == 0
    divisor = torch.where(gray, torch.ones_like(spread), spread)
    hue = torch.where(
        red == value,
        (green - blue) / divisor,
        torch.where(green == value, 2.0 + (blue - red) / divisor, 4.0 + (red - green) / divisor),
    )
    hue = torch.where(gray, torch.zeros_like(hue), hue / 6.0)
    hue = torch.where(hue < 0, hue + 1.0, hue)
    black = value <= 0
    saturation = torch.where(black, torch.zeros_like(value), spread / torch.where(black, torch.ones_like(value), value))
    return torch.stack((hue, saturation, value), dim=axis)


@op
def hsv_to_rgb(images: Any, data_format: str | None = None) -> Any:
    """Returns red, green and blue of images given as hue, saturation and value.

    Args:
        images: One image or a batch of floats between 0 and 1.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Raises:
        ValueError: for integers, another rank or another number of channels.

    Example:
        >>> hsv_to_rgb(torch.tensor([[[0.0, 1.0, 1.0]]]))
        tensor([[[1., 0., 0.]]])
    """
    images = _float_images(images)
    axis = _channels(images, data_format)
    hue, saturation, value = _three(images, axis)
    sixths = hue * 6.0
    red = ((sixths - 3.0).abs() - 1.0).clamp(0.0, 1.0)
    green = (2.0 - (sixths - 2.0).abs()).clamp(0.0, 1.0)
    blue = (2.0 - (sixths - 4.0).abs()).clamp(0.0, 1.0)
    rest = 1.0 - saturation
    return torch.stack([(rest + saturation * tone) * value for tone in (red, green, blue)], dim=axis)
