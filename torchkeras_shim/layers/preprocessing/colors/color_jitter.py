"""`RandomColorJitter`: brightness, contrast, saturation and hue in one layer."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.seeding import Seed
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.colors.base import RandomColorLayer
from torchkeras_shim.layers.preprocessing.colors.hues import RandomHue, RandomSaturation
from torchkeras_shim.layers.preprocessing.colors.light import RandomBrightness, RandomContrast
from torchkeras_shim.layers.preprocessing.images.members import CompositeImageLayer
from torchkeras_shim.layers.preprocessing.images.ranges import value_range_of

#: What is changed, in this order, by which layer.
_CHANGES = {
    "brightness": RandomBrightness,
    "contrast": RandomContrast,
    "saturation": RandomSaturation,
    "hue": RandomHue,
}


@LAYERS.register()
class RandomColorJitter(RandomColorLayer, CompositeImageLayer):
    """Changes brightness, contrast, saturation and hue of images by chance while training.

    Args:
        value_range: The least and the greatest value of a pixel.
        brightness_factor: The `factor` of `RandomBrightness`; `None` leaves the brightness alone.
        contrast_factor: The `factor` of `RandomContrast`, or `None`.
        saturation_factor: The `factor` of `RandomSaturation`, or `None`.
        hue_factor: The `factor` of `RandomHue`, or `None`.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: `bounding_box_format`, and the arguments of every layer.

    Input shape:
        `(height, width, 3)`, or a batch of them; a dict as every layer for images takes it.

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> layer = RandomColorJitter(brightness_factor=(1.0, 1.0), hue_factor=0.2)
        >>> layer(torch.zeros(1, 1, 3))
        tensor([[[255., 255., 255.]]])
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        brightness_factor: Any = None,
        contrast_factor: Any = None,
        saturation_factor: Any = None,
        hue_factor: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        self.value_range = value_range_of(self, value_range)
        self.brightness_factor = brightness_factor
        self.contrast_factor = contrast_factor
        self.saturation_factor = saturation_factor
        self.hue_factor = hue_factor
        for name, kind in _CHANGES.items():
            factor = getattr(self, f"{name}_factor")
            member = None if factor is None else self._member(kind, factor=factor, value_range=value_range)
            setattr(self, f"random_{name}", member)

    def _draw(self, images: torch.Tensor, count: int, seed: Seed) -> dict[str, Any]:
        seed = self._for_members(seed)
        return {name: self._change(name).get_random_transformation(images, seed=seed) for name in self._changes()}

    def _recolored(self, images: torch.Tensor, transformation: Any) -> torch.Tensor:
        for name in self._changes():
            images = self._change(name).transform_images(images, transformation[name])
        return images

    def _changes(self) -> list[str]:
        return [name for name in _CHANGES if getattr(self, f"random_{name}") is not None]

    def _change(self, name: str) -> RandomColorLayer:
        member: RandomColorLayer = getattr(self, f"random_{name}")
        return member

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "brightness_factor": self.brightness_factor,
            "contrast_factor": self.contrast_factor,
            "saturation_factor": self.saturation_factor,
            "hue_factor": self.hue_factor,
        }
