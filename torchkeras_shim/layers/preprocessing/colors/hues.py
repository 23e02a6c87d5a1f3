"""Layers that change hue and saturation, down to gray."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import config as settings
from torchkeras_shim.core.seeding import Seed
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.colors.base import RandomColorLayer, per_image
from torchkeras_shim.layers.preprocessing.images.base import factor_range
from torchkeras_shim.layers.preprocessing.images.ranges import rescaled, value_range_of
from torchkeras_shim.ops.image.colors import hsv_of, rgb_of, rgb_to_grayscale
from torchkeras_shim.ops.promotion import as_tensor


@LAYERS.register()
class RandomHue(RandomColorLayer):
    """Turns the hues of images by chance while training.

    Args:
        factor: How far at most: two numbers between 0 and 1, or one for `(0, factor)`. At 1 a hue becomes its opposite.
        value_range: The least and the greatest value of a pixel.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        **kwargs: `bounding_box_format`, and the arguments of every layer.

    Input shape:
        `(height, width, 3)`, or a batch of them; a dict as every layer for images takes it.

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> layer = RandomHue((1.0, 1.0), value_range=(0, 1))
        >>> layer(torch.tensor([[[1.0, 0.0, 0.0]]]))
        tensor([[[0., 1., 1.]]])
    """

    factor: tuple[float, float]

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        self.factor = factor_range(self, factor, (0, 1))
        self.value_range = value_range_of(self, value_range)

    def _draw(self, images: torch.Tensor, count: int, seed: Seed) -> dict[str, torch.Tensor]:
        backwards = self._uniform((count,), 0.0, 1.0, images.device, seed) > 0.5
        factor = 0.5 * self._uniform((count,), self.factor[0], self.factor[1], images.device, seed)
        return {"factor": torch.where(backwards, -factor, factor)}

    def _recolored(self, images: torch.Tensor, transformation: Any) -> torch.Tensor:
        hue, saturation, value = hsv_of(*self._channels(rescaled(images, self.value_range, (0, 1))))
        hue = hue + per_image(self._parameter(transformation["factor"], images), 3)
        hue = hue.add_(hue > 1.0, alpha=-1)
        hue = hue.add_(hue < 0.0)
        turned = torch.stack(rgb_of(hue, saturation, value), self.channel_axis)
        return rescaled(turned.clamp_(0, 1), (0, 1), self.value_range)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


@LAYERS.register()
class RandomSaturation(RandomColorLayer):
    """Makes colors paler or stronger by chance while training.

    Args:
        factor: Two numbers between 0 and 1: at 0 an image is gray, at 0.5 it stays, towards 1 its colors are as strong
            as can be. Saturations are multiplied by `factor / (1 - factor)`. As in Keras, one number stands for
            `(-factor, factor)`, and what is negative makes an image gray: pass two.
        value_range: The bounds of the saturations that come of it. As in Keras, these are the ones of the pixels.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        **kwargs: `bounding_box_format`, and the arguments of every layer.

    Input shape:
        `(height, width, 3)`, or a batch of them; a dict as every layer for images takes it.

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> RandomSaturation(0.0, value_range=(0, 1))(torch.tensor([[[1.0, 0.5, 0.0]]]))
        tensor([[[1., 1., 1.]]])
    """

    factor: tuple[float, float]

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        self.factor = factor_range(self, factor)
        self.value_range = value_range_of(self, value_range, any_order=True)

    def _draw(self, images: torch.Tensor, count: int, seed: Seed) -> dict[str, torch.Tensor]:
        factor = self._uniform((count,), self.factor[0], self.factor[1], images.device, seed)
        return {"factor": factor / (1 - factor + settings.epsilon())}

    def _recolored(self, images: torch.Tensor, transformation: Any) -> torch.Tensor:
        low, high = self.value_range
        hue, saturation, value = hsv_of(*self._channels(images))
        saturation = (saturation * per_image(self._parameter(transformation["factor"], images), 3)).clamp(low, high)
        return torch.stack(rgb_of(hue, saturation, value), self.channel_axis)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


@LAYERS.register()
class RandomColorDegeneration(RandomColorLayer):
    """Mixes images with their gray versions by chance while training.

    Args:
        factor: The share of gray: two numbers between -1 and 1, or one for `(-factor, factor)`. Colors become stronger
            where it is negative.
        value_range: The least and the greatest value of a pixel.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        **kwargs: `bounding_box_format`, and the arguments of every layer.

    Input shape:
        `(height, width, 3)`, or a batch of them; a dict as every layer for images takes it.

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> layer = RandomColorDegeneration((1.0, 1.0))
        >>> layer(torch.tensor([[[100.0, 0.0, 0.0]]]))
        tensor([[[29.8900, 29.8900, 29.8900]]])
    """

    factor: tuple[float, float]

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        self.factor = factor_range(self, factor)
        self.value_range = value_range_of(self, value_range, any_order=True)

    def _draw(self, images: torch.Tensor, count: int, seed: Seed) -> dict[str, torch.Tensor]:
        return {"factor": self._uniform((count, 1, 1, 1), self.factor[0], self.factor[1], images.device, seed)}

    def _recolored(self, images: torch.Tensor, transformation: Any) -> torch.Tensor:
        low, high = self.value_range
        gray: torch.Tensor = rgb_to_grayscale(images, self.data_format)
        return (images + self._parameter(transformation["factor"], images) * (gray - images)).clamp_(low, high)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


@LAYERS.register()
class RandomGrayscale(RandomColorLayer):
    """Makes some of the images gray while training. They keep their type.

    Args:
        factor: The share of gray images.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        **kwargs: `bounding_box_format`, and the arguments of every layer.

    Input shape:
        `(height, width, 3)`, or a batch of them; a dict as every layer for images takes it.

    Raises:
        ValueError: If the share is not between 0 and 1.

    Example:
        >>> RandomGrayscale(1.0)(torch.tensor([[[100, 0, 0]]], dtype=torch.uint8))
        tensor([[[29, 29, 29]]], dtype=torch.uint8)
    """

    factor: float

    def __init__(
        self, factor: float = 0.5, data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        if not arguments.is_number(factor) or not 0 <= factor <= 1:
            raise ValueError(
                f"`factor` should be between 0 and 1. Received: factor={factor!r}, for {type(self).__name__}."
            )
        self.factor = arguments.plain(factor)

    def _draw(self, images: torch.Tensor, count: int, seed: Seed) -> torch.Tensor:
        return self._uniform((count, 1, 1, 1), 0.0, 1.0, images.device, seed) < self.factor

    def _cast(self, images: Any) -> torch.Tensor:
        return as_tensor(images)

    def _recolored(self, images: torch.Tensor, transformation: Any) -> torch.Tensor:
        chosen = as_tensor(transformation, device=images.device).to(images.device)
        return torch.where(chosen, rgb_to_grayscale(images, self.data_format), images)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = {**super().get_config(), "factor": self.factor}
        if self.seed is None:
            del config["seed"]  # Keras writes none
        return config
