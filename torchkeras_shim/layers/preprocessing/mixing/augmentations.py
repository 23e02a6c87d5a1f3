"""The layers among which `RandAugment` and `AugMix` choose."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.layers.preprocessing.colors.histograms import AutoContrast, Equalization
from torchkeras_shim.layers.preprocessing.colors.hues import RandomColorDegeneration
from torchkeras_shim.layers.preprocessing.colors.light import RandomBrightness, RandomContrast
from torchkeras_shim.layers.preprocessing.colors.sharpness import RandomSharpness
from torchkeras_shim.layers.preprocessing.colors.tones import RandomPosterization, Solarization
from torchkeras_shim.layers.preprocessing.images.base import ImageLayer, factor_range
from torchkeras_shim.layers.preprocessing.images.members import CompositeImageLayer
from torchkeras_shim.layers.preprocessing.images.random_rotation import RandomRotation
from torchkeras_shim.layers.preprocessing.images.random_shear import RandomShear
from torchkeras_shim.layers.preprocessing.images.random_translation import RandomTranslation
from torchkeras_shim.layers.preprocessing.images.ranges import value_range_of


class AugmentingLayer(CompositeImageLayer):
    """A layer that applies some of a list of layers, all of one strength.

    Args:
        value_range: The least and the greatest value of a pixel.
        factor: The strength: two numbers from 0 to 1, or one for `(0, factor)`.
        interpolation: What the layers that move pixels interpolate by.
        **kwargs: The arguments of every random layer for images.
    """

    _treats_samples_alone = False
    factor: tuple[float, float]

    def __init__(self, value_range: Any, factor: Any, interpolation: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value_range = value_range_of(self, value_range)
        self.factor = factor_range(self, factor, (0, 1))
        self.interpolation = interpolation

    def _add_augmentations(self, names: list[str]) -> None:
        """Makes the layers of the given names attributes of this one."""
        factor, values = self.factor, {"value_range": self.value_range}
        moving = {"interpolation": self.interpolation}
        changing = {"factor": factor, **values}
        bits = max(1, int(8 * factor[1]))
        table: dict[str, tuple[type[ImageLayer], dict[str, Any]]] = {
            "random_shear": (RandomShear, {"x_factor": factor, "y_factor": factor, **moving}),
            "random_translation": (RandomTranslation, {"height_factor": factor, "width_factor": factor, **moving}),
            "random_rotation": (RandomRotation, {"factor": factor, **moving}),
            "random_brightness": (RandomBrightness, changing),
            "random_color_degeneration": (RandomColorDegeneration, changing),
            "random_contrast": (RandomContrast, changing),
            "random_sharpness": (RandomSharpness, changing),
            "solarization": (Solarization, {"addition_factor": factor, "threshold_factor": factor, **values}),
            "random_posterization": (RandomPosterization, {"factor": bits, **values}),
            "auto_contrast": (AutoContrast, values),
            "equalization": (Equalization, values),
        }
        for name, (kind, arguments) in table.items():
            if name in names:
                setattr(self, name, self._member(kind, **arguments))

    def _augmentation(self, name: str) -> ImageLayer:
        member: ImageLayer = getattr(self, name)
        return member

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        names = ("value_range", "factor", "interpolation")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
