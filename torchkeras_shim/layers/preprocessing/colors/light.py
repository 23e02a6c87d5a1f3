"""Layers that make images lighter, darker, or richer in contrast."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.seeding import Seed
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.colors.base import RandomColorLayer
from torchkeras_shim.layers.preprocessing.images.base import factor_range
from torchkeras_shim.layers.preprocessing.images.ranges import value_range_of


@LAYERS.register()
class RandomBrightness(RandomColorLayer):
    """Makes images lighter or darker by chance while training.

    Args:
        factor: How much at most, as a share of the range of values: one number between -1 and 1 stands for both
            directions, two for the bounds. At 1 an image is white, at -1 black.
        value_range: The least and the greatest value of a pixel.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        **kwargs: `bounding_box_format`, `data_format`, and the arguments of every layer.

    Input shape:
        `(height, width, channels)`, or a batch of them; a dict as every layer for images takes it.

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> layer = RandomBrightness((1.0, 1.0))
        >>> layer(torch.zeros(1, 1, 3)), layer(torch.zeros(1, 1, 3), training=False)
        (tensor([[[255., 255., 255.]]]), tensor([[[0., 0., 0.]]]))
    """

    factor: tuple[float, float]

    def __init__(self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed=seed, **kwargs)
        self.factor = factor_range(self, factor)
        self.value_range = value_range_of(self, value_range, any_order=True)

    def _draw(self, images: torch.Tensor, count: int, seed: Seed) -> dict[str, torch.Tensor]:
        shape = (count, 1, 1, 1)[4 - images.dim() :]
        low, high = self.value_range
        delta = self._uniform(shape, self.factor[0], self.factor[1], images.device, seed)
        return {"rgb_delta": delta * (high - low)}

    def _recolored(self, images: torch.Tensor, transformation: Any) -> torch.Tensor:
        low, high = self.value_range
        return (images + self._parameter(transformation["rgb_delta"], images)).clamp_(low, high)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


@LAYERS.register()
class RandomContrast(RandomColorLayer):
    """Moves the pixels of each channel away from their mean, or towards it, by chance while training.

    Args:
        factor: Two numbers between 0 and 1: an image's distances from the mean are multiplied by a number between
            `1 - factor[0]` and `1 + factor[1]`. One number stands for `(0, factor)`.
        value_range: The least and the greatest value of a pixel.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        **kwargs: `bounding_box_format`, `data_format`, and the arguments of every layer.

    Input shape:
        `(height, width, channels)`, or a batch of them; a dict as every layer for images takes it.

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> layer = RandomContrast((1.0, 1.0), seed=1)
        >>> layer(torch.full((2, 2, 3), 7.0)).unique()
        tensor([7.])
    """

    factor: tuple[float, float]

    def __init__(self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed=seed, **kwargs)
        self.factor = factor_range(self, factor, (0, 1))
        self.value_range = value_range_of(self, value_range)

    def _draw(self, images: torch.Tensor, count: int, seed: Seed) -> dict[str, torch.Tensor]:
        shape = (count, 1, 1, 1)[4 - images.dim() :]
        low, high = self.factor
        factor = self._uniform(shape, 1.0 - low, 1.0 + high, images.device, seed)
        return {"contrast_factor": factor.to(self._compute_dtype)}

    def _recolored(self, images: torch.Tensor, transformation: Any) -> torch.Tensor:
        low, high = self.value_range
        mean = images.mean((self.height_axis, self.width_axis), keepdim=True)
        return torch.lerp(mean, images, self._parameter(transformation["contrast_factor"], images)).clamp_(low, high)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}
