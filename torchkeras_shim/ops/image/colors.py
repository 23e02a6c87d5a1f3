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
        ValueError: If the rank or number of channels is any other.

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
        ValueError: If the input holds integers, or has another rank or number of channels.

    Example:
        >>> rgb_to_hsv(torch.tensor([[[0.0, 1.0, 0.0]]]))
        tensor([[[0.3333, 1.0000, 1.0000]]])
    """
    images = _float_images(images)
    axis = _channels(images, data_format)
    return torch.stack(hsv_of(*_three(images, axis)), dim=axis)


def hsv_of(red: torch.Tensor, green: torch.Tensor, blue: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Returns hue, saturation and value of three channels, each a tensor of its own."""
    red, green, blue = map(_dense, (red, green, blue))
    value = torch.maximum(torch.maximum(red, green), blue)
    spread = value - torch.minimum(torch.minimum(red, green), blue)
    gray = spread == 0
    is_red, is_green = red == value, green == value
    slope = torch.where(is_red, green - blue, torch.where(is_green, blue - red, red - green))
    sector = torch.where(is_red, 0.0, torch.where(is_green, 2.0, 4.0))
    # In place: fresh memory costs more than the arithmetic on it.
    hue = slope.div_(spread.masked_fill(gray, 1.0)).add_(sector).div_(6.0).masked_fill_(gray, 0.0)
    hue = hue.add_(hue < 0)
    black = value <= 0
    saturation = spread.div_(value.masked_fill(black, 1.0)).masked_fill_(black, 0.0)
    return hue, saturation, value


def _dense(channel: torch.Tensor) -> torch.Tensor:
    """Returns a channel whose pixels lie side by side: arithmetic on every third number takes several times as long."""
    return channel if channel.stride(-1) == 1 else channel.contiguous()


@op
def hsv_to_rgb(images: Any, data_format: str | None = None) -> Any:
    """Returns red, green and blue of images given as hue, saturation and value.

    Args:
        images: One image or a batch of floats between 0 and 1.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Raises:
        ValueError: If the input holds integers, or has another rank or number of channels.

    Example:
        >>> hsv_to_rgb(torch.tensor([[[0.0, 1.0, 1.0]]]))
        tensor([[[1., 0., 0.]]])
    """
    images = _float_images(images)
    axis = _channels(images, data_format)
    return torch.stack(rgb_of(*_three(images, axis)), dim=axis)


def rgb_of(hue: torch.Tensor, saturation: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Returns red, green and blue of hue, saturation and value, each a tensor of its own."""
    hue, saturation, value = map(_dense, (hue, saturation, value))
    sixths = hue * 6.0
    red = (sixths - 3.0).abs_().sub_(1.0).clamp_(0.0, 1.0)
    green = (sixths - 2.0).abs_().neg_().add_(2.0).clamp_(0.0, 1.0)
    blue = (sixths - 4.0).abs_().neg_().add_(2.0).clamp_(0.0, 1.0)
    rest = 1.0 - saturation
    return tuple(tone.mul_(saturation).add_(rest).mul_(value) for tone in (red, green, blue))
