"""`Dropout`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.seeding import LayerSeedGenerator
from torchkeras_shim.layers.weightless import build_at_once
from torchkeras_shim.random.masks import keep_mask


@LAYERS.register()
class Dropout(Layer):
    """Sets a random part of the inputs to zero while training, and scales the rest up so that their sum stays.

    Args:
        rate: The share to drop, from 0 to 1.
        noise_shape: The shape of the random mask; where it has 1, one draw holds for the whole dimension. `None`
            entries take the input's size.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If rate or noise shape cannot be.

    Example:
        >>> Dropout(0.5)(torch.ones(3)), Dropout(1.0)(torch.ones(3), training=True)
        (tensor([1., 1., 1.]), tensor([0., 0., 0.]))
    """

    _training_default = False
    _treats_samples_alone = True
    _keeps_shape = True

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rate = arguments.rate(self, "rate", rate)
        self.seed = arguments.seed(self, seed)
        self.noise_shape = arguments.of(self, "noise_shape", lambda: checked_noise_shape(noise_shape))
        self.supports_masking = True
        build_at_once(self)
        if self.rate > 0:
            self.seed_generator = LayerSeedGenerator(self.seed)

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        """Drops, if training."""
        if not (self.training if training is None else training) or self.rate == 0:
            return inputs
        # Torch's own is one kernel on accelerators, but slower than the mask on the CPU.
        if inputs.is_cpu or self.noise_shape is not None or self.seed_generator.is_own:
            return self._drop(inputs)
        return torch.dropout(inputs, self.rate, True)

    forward = call

    def _drop(self, inputs: torch.Tensor) -> torch.Tensor:
        shape = None
        if self.noise_shape is not None:
            shape = [inputs.shape[axis] if size is None else size for axis, size in enumerate(self.noise_shape)]
        if self.rate == 1 or inputs.is_meta:  # there is no generator on the meta device
            return torch.zeros_like(inputs)
        keep = 1.0 - self.rate
        generator = self.seed_generator.on(inputs.device)
        return inputs * keep_mask(inputs, keep, generator, shape).div_(keep)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


def checked_noise_shape(noise_shape: Any) -> tuple[int | None, ...] | None:
    """Returns the noise shape as a tuple of positive integers and `None`s."""
    if noise_shape is None:
        return None
    received = f"Received: noise_shape={noise_shape}"
    try:
        sizes = None if isinstance(noise_shape, (str, bytes)) else tuple(map(arguments.plain, noise_shape))
    except TypeError:
        sizes = None
    if sizes is None:
        raise ValueError(
            f"Invalid value received for argument `noise_shape`. Expected a tuple or list of integers. {received}"
        )
    for index, size in enumerate(sizes):
        if size is not None and not isinstance(size, int):
            raise ValueError(
                "Invalid value received for argument `noise_shape`. Expected all elements to be integers or None. "
                f"Received element at index {index}: {size} (type: {type(size).__name__})"
            )
        if size is not None and size <= 0:
            raise ValueError(
                "Invalid value received for argument `noise_shape`. Expected all dimensions to be positive integers or "
                f"None. Received negative or zero value at index {index}: {size}"
            )
    return sizes
