"""Layers that add or multiply noise while training: `GaussianNoise`, `GaussianDropout`, `AlphaDropout`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.regularization.dropout import checked_noise_shape
from torchkeras_shim.layers.seeding import LayerSeedGenerator
from torchkeras_shim.layers.weightless import build_at_once
from torchkeras_shim.random.masks import keep_mask

#: Where SELU goes for very negative inputs: minus its alpha times its scale.
_SATURATION = -1.6732632423543772 * 1.0507009873554805


class BaseNoise(Layer):
    """What the noisy layers share: one number from 0 to 1 under its own name, and a seed."""

    _training_default = False

    _amount_name: str
    _amount: float

    def __init__(self, amount: float, seed: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._amount = arguments.rate(self, self._amount_name, amount)
        setattr(self, self._amount_name, self._amount)
        self.seed = arguments.seed(self, seed)
        self.supports_masking = True
        if self._amount > 0:
            self.seed_generator = LayerSeedGenerator(self.seed)
        build_at_once(self)

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        """Disturbs the inputs, if training."""
        if not (self.training if training is None else training) or self._amount == 0 or inputs.is_meta:
            return inputs
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_dtype)
        return self._disturb(inputs)

    forward = call

    def _disturb(self, inputs: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def _normal(self, like: torch.Tensor, mean: float, stddev: float) -> torch.Tensor:
        return torch.empty_like(like).normal_(mean, stddev, generator=self._generator(like))

    def _generator(self, like: torch.Tensor) -> torch.Generator | None:
        return self.seed_generator.on(like.device)

    def _refuse_everything(self) -> None:
        if self._amount == 1:
            raise ValueError(
                f"Layer '{self.name}': {type(self).__name__}(rate=1) has no finite result in training. Use a rate "
                "below 1."
            )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), self._amount_name: self._amount, "seed": self.seed}


@LAYERS.register()
class GaussianNoise(BaseNoise):
    """Adds normal noise of mean 0 while training.

    Args:
        stddev: The noise's standard deviation, from 0 to 1.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If the standard deviation is not valid.

    Example:
        >>> GaussianNoise(0.1)(torch.ones(3))
        tensor([1., 1., 1.])
    """

    _amount_name = "stddev"

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(stddev, seed, **kwargs)

    def _disturb(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs + self._normal(inputs, 0.0, self._amount)


@LAYERS.register()
class GaussianDropout(BaseNoise):
    """Multiplies with normal noise of mean 1 while training, of the variance that `Dropout(rate)` has.

    Args:
        rate: The share that dropout would drop; the noise's variance is `rate / (1 - rate)`.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If the rate is not valid.

    Example:
        >>> GaussianDropout(0.1)(torch.ones(3))
        tensor([1., 1., 1.])
    """

    _amount_name = "rate"

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, seed, **kwargs)

    def _disturb(self, inputs: torch.Tensor) -> torch.Tensor:
        self._refuse_everything()
        return inputs * self._normal(inputs, 1.0, math.sqrt(self._amount / (1.0 - self._amount)))


@LAYERS.register()
class AlphaDropout(BaseNoise):
    """Dropout for `selu` networks: dropped values become SELU's lowest one, and mean and variance stay.

    Args:
        rate: The share to drop, from 0 to 1.
        noise_shape: The shape of the random mask; where it has 1, one draw holds for the whole dimension. `None`
            entries take the input's size.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If the rate is not valid.

    Example:
        >>> AlphaDropout(0.1)(torch.ones(3))
        tensor([1., 1., 1.])
    """

    _amount_name = "rate"
    noise_shape: Sequence[int | None] | None

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(rate, seed, **kwargs)
        arguments.of(self, "noise_shape", lambda: checked_noise_shape(noise_shape))
        self.__dict__["noise_shape"] = noise_shape  # as it came, for the config

    def _disturb(self, inputs: torch.Tensor) -> torch.Tensor:
        self._refuse_everything()
        rate, shape = self._amount, list(inputs.shape)
        if self.noise_shape is not None:
            shape = [inputs.shape[i] if size is None else size for i, size in enumerate(self.noise_shape)]
        keep = keep_mask(inputs, 1.0 - rate, self._generator(inputs), shape, torch.bool)
        scale: float = ((1.0 - rate) * (1.0 + rate * _SATURATION**2)) ** -0.5
        shift = -scale * _SATURATION * rate
        return torch.where(keep, inputs, _SATURATION) * scale + shift

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "noise_shape": self.noise_shape}
