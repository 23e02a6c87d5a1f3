"""Layers that spread the values of images over their whole range: `AutoContrast`, `Equalization` and CLAHE."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.colors.base import ColorLayer
from torchkeras_shim.layers.preprocessing.images.ranges import BYTES, rescaled, value_range_of


@LAYERS.register()
class AutoContrast(ColorLayer):
    """Stretches the values of each channel of each image over the whole range, in training and inference alike.

    Args:
        value_range: The least and the greatest value of a pixel.
        **kwargs: `bounding_box_format`, `data_format`, and the arguments of every layer.

    Input shape:
        `(height, width, channels)`, or a batch of them; a dict as every layer for images takes it.

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> AutoContrast()(torch.tensor([[[10.0], [20.0], [30.0]]])).squeeze()
        tensor([  0.0000, 127.5000, 255.0000])
    """

    def __init__(self, value_range: Any = (0, 255), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value_range = value_range_of(self, value_range, any_order=True)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """Returns a batch of images, stretched."""
        return super().transform_images(images, transformation, training=True)

    def _recolored(self, images: torch.Tensor, transformation: Any) -> torch.Tensor:
        pixels = rescaled(images, self.value_range, BYTES)
        low, high = pixels.aminmax(dim=self.height_axis, keepdim=True)
        low, high = low.amin(self.width_axis, keepdim=True), high.amax(self.width_axis, keepdim=True)
        scale = 255.0 / (high - low)
        stretched = rescaled((pixels * scale - low * scale).clamp(*BYTES), BYTES, self.value_range)
        return torch.where(stretched.isnan(), images, stretched)  # a channel of one value only

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "value_range": self.value_range}


@LAYERS.register()
class Equalization(ColorLayer):
    """Equalizes the histogram of each channel while training: every range of values becomes as frequent as any other.

    As in Keras, the histogram of a channel is that of the whole batch.

    Args:
        value_range: The least and the greatest value of a pixel.
        bins: How many bins the histograms have.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: `bounding_box_format`, and the arguments of every layer.

    Input shape:
        `(height, width, channels)`, or a batch of them; a dict as every layer for images takes it.

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> Equalization()(torch.tensor([[[10.0], [20.0], [30.0]]])).squeeze()
        tensor([  0., 128., 255.])
    """

    _treats_samples_alone = False

    def __init__(
        self, value_range: Any = (0, 255), bins: int = 256, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.bins = arguments.positive_integer(self, "bins", bins)
        self.value_range = value_range_of(self, value_range, any_order=True)

    def _recolored(self, images: torch.Tensor, transformation: Any) -> torch.Tensor:
        pixels = _scaled(images, self.value_range, BYTES).movedim(self.channel_axis, 0)
        flat = pixels.reshape(pixels.shape[0], -1)  # a row per channel
        last = self.bins - 1
        counts = histograms(binned(flat.float() * last / 255, last), self.bins)
        table = _equalizing(counts)
        found = table.gather(1, binned(flat / 255.0 * last, last)).to(images.dtype)
        single = (counts > 0).sum(1, keepdim=True) <= 1
        equalized = torch.where(single, flat, found).reshape(pixels.shape).movedim(0, self.channel_axis)
        return _scaled(equalized, BYTES, self.value_range)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "bins": self.bins, "value_range": self.value_range}


def binned(values: torch.Tensor, last: int) -> torch.Tensor:
    """Returns values as integers from 0 to `last`, whatever they are: what is not a number too."""
    return values.clamp(0, last).long().clamp_(0, last)  # twice, because NaN passes the first


def histograms(bins: torch.Tensor, count: int) -> torch.Tensor:
    """Returns how often each bin occurs in each row, without reading a value of the device.

    Args:
        bins: Integers below `count`, of shape `(rows, values)`.
        count: How many bins there are.
    """
    counts = torch.zeros(bins.shape[0], count, dtype=torch.int64, device=bins.device)
    return counts.scatter_add_(1, bins, torch.ones_like(bins))


def _equalizing(counts: torch.Tensor) -> torch.Tensor:
    """Returns for each bin of each row the value, from 0 to 255, that it becomes."""
    below = counts.cumsum(1)
    total = below[:, -1:]
    first = torch.where(below > 0, below, total).amin(1, keepdim=True)
    return ((below - first) * 255 / (total - first).clamp(min=1)).round().clamp(*BYTES)


def _scaled(values: torch.Tensor, source: Any, target: Any) -> torch.Tensor:
    """Moves pixels from one range of values to another, as this layer of Keras's rounds it."""
    if tuple(source) == tuple(target):
        return values
    scale = float(target[1] - target[0]) / float(source[1] - source[0])
    return values * scale + float(target[0] - source[0] * scale)
