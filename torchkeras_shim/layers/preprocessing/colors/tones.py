"""Layers that invert tones, or leave few of them."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.seeding import Seed
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.colors.base import RandomColorLayer, per_image
from torchkeras_shim.layers.preprocessing.images.base import factor_range
from torchkeras_shim.layers.preprocessing.images.ranges import BYTES, rescaled, value_range_of
from torchkeras_shim.ops.promotion import as_tensor

_BITS = 8


@LAYERS.register()
class RandomInvert(RandomColorLayer):
    """Turns some of the images into their negatives while training.

    Args:
        factor: The share of negatives: two numbers between 0 and 1, between which a probability is drawn for each
            image, or one for `(0, factor)`.
        value_range: The least and the greatest value of a pixel.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: `bounding_box_format`, and the arguments of every layer.

    Input shape:
        `(height, width, channels)`, or a batch of them; a dict as every layer for images takes it.

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> RandomInvert((1.0, 1.0))(torch.tensor([[[255.0, 55.0, 0.0]]]))
        tensor([[[  0., 200., 255.]]])
    """

    factor: tuple[float, float]

    def __init__(
        self,
        factor: Any = 1.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        self.factor = factor_range(self, factor, (0, 1))
        self.value_range = value_range_of(self, value_range)

    def _draw(self, images: torch.Tensor, count: int, seed: Seed) -> dict[str, torch.Tensor]:
        return {"apply_inversion": self._chosen(count, self.factor, images.device, seed)}

    def _recolored(self, images: torch.Tensor, transformation: Any) -> torch.Tensor:
        chosen = as_tensor(transformation["apply_inversion"], device=images.device).to(images.device)
        return torch.where(per_image(chosen), self.value_range[1] - images, images)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


@LAYERS.register()
class RandomPosterization(RandomColorLayer):
    """Leaves each channel of images few bits, by chance how many, while training.

    Args:
        factor: How many bits: two integers between 1 and 8, the second excluded unless both are the same, or one for
            `(1, factor)`.
        value_range: The least and the greatest value of a pixel.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        **kwargs: `bounding_box_format`, and the arguments of every layer.

    Input shape:
        `(height, width, channels)`, or a batch of them; a dict as every layer for images takes it.

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> RandomPosterization((1, 1))(torch.tensor([[[255.0, 127.0, 128.0]]]))
        tensor([[[128.,   0., 128.]]])
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
        self.factor = factor_range(self, factor, (1, _BITS))
        if not all(bits == int(bits) for bits in self.factor):
            raise arguments.refusal(self, "factor", factor, "one or two integers from 1 to 8")
        self.value_range = value_range_of(self, value_range, any_order=True)

    def _draw(self, images: torch.Tensor, count: int, seed: Seed) -> dict[str, torch.Tensor]:
        low, high = map(int, self.factor)
        bits = torch.full((count,), low, dtype=torch.uint8, device=images.device)
        if low != high:
            bits.random_(low, high, generator=self._source(images.device, seed))
        return {"shift_factor": _BITS - bits}

    def _recolored(self, images: torch.Tensor, transformation: Any) -> torch.Tensor:
        shift = as_tensor(transformation["shift_factor"], device=images.device).to(images.device, torch.uint8)
        shift = per_image(shift)
        pixels = rescaled(images, self.value_range, BYTES).clamp(*BYTES).to(torch.uint8)
        return rescaled(((pixels >> shift) << shift).to(images.dtype), BYTES, self.value_range)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


@LAYERS.register()
class Solarization(RandomColorLayer):
    """Makes images lighter and then inverts what is bright, by chance how much and from where, while training.

    Args:
        addition_factor: How much lighter: two numbers between 0 and 1, or one for `(0, addition_factor)`. What is added
            to pixels from 0 to 255 lies between `addition_factor[0]` and `255 * addition_factor[1]`.
        threshold_factor: From where on pixels are inverted, given in the same way.
        value_range: The least and the greatest value of a pixel.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        **kwargs: `bounding_box_format`, `data_format`, and the arguments of every layer.

    Input shape:
        `(height, width, channels)`, or a batch of them; a dict as every layer for images takes it.

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> Solarization()(torch.tensor([[[255.0, 55.0, 0.0]]]))
        tensor([[[  0., 200., 255.]]])
    """

    addition_factor: tuple[float, float]
    threshold_factor: tuple[float, float]

    def __init__(
        self,
        addition_factor: Any = 0.0,
        threshold_factor: Any = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.addition_factor = self._share("addition_factor", addition_factor)
        self.threshold_factor = self._share("threshold_factor", threshold_factor)
        self.value_range = value_range_of(self, value_range, any_order=True)

    def _share(self, name: str, value: Any) -> tuple[float, float]:
        both = value if isinstance(value, (tuple, list)) else (0, value)
        if len(both) != 2 or not all(arguments.is_number(one) and 0 <= one <= 1 for one in both):
            raise ValueError(
                "The `addition_factor` and `threshold_factor` arguments should be a number (or a list of two numbers) "
                f"in the range [0, 1]. Received: {name}={value!r}, for {type(self).__name__}."
            )
        low, high = sorted(map(arguments.plain, both))
        return low, high

    def _draw(self, images: torch.Tensor, count: int, seed: Seed) -> dict[str, torch.Tensor]:
        shape = (count, 1, 1, 1)[4 - images.dim() :]
        drawn = {}
        for name, (low, high) in (("additions", self.addition_factor), ("thresholds", self.threshold_factor)):
            # As in Keras the lower bound is not multiplied, so that the range may be given the wrong way round.
            low, high = sorted((low, high * 255))
            drawn[name] = self._uniform(shape, low, high, images.device, seed).to(self._compute_dtype)
        return drawn

    def _recolored(self, images: torch.Tensor, transformation: Any) -> torch.Tensor:
        additions, thresholds = (self._parameter(transformation[key], images) for key in ("additions", "thresholds"))
        lighter = (rescaled(images, self.value_range, BYTES) + additions).clamp(*BYTES)
        inverted = torch.where(lighter < thresholds, lighter, 255 - lighter)
        return rescaled(inverted, BYTES, self.value_range)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "addition_factor": self.addition_factor,
            "threshold_factor": self.threshold_factor,
        }
