"""`Rescaling`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import config as settings
from torchkeras_shim.core import serialization
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS, Layer

_NUMBERS = (int, float)


@LAYERS.register()
class Rescaling(Layer):
    """Returns `inputs * scale + offset`, for example to bring pixels from 0..255 to 0..1.

    Args:
        scale: A number, or one per channel.
        offset: A number, or one per channel.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> Rescaling(1 / 255)(torch.tensor([[0, 255]], dtype=torch.uint8))
        tensor([[0., 1.]])
    """

    _treats_samples_alone = True
    _constants: dict[Any, torch.Tensor]
    scale: Any
    offset: Any

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = arguments.numeric(self, "scale", scale)
        self.offset = arguments.numeric(self, "offset", offset)
        self.supports_masking = True
        self.__dict__["_constants"] = {}  # arrays as tensors, by the device that they were needed on

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Scales and shifts."""
        if inputs.dtype is not self._compute_dtype:
            inputs = inputs.to(self._compute_dtype)
        scale: Any = self.scale
        offset: Any = self.offset
        if type(scale) not in _NUMBERS:
            scale = self._constant("scale", scale, inputs.device)
        if type(offset) not in _NUMBERS:
            offset = self._constant("offset", offset, inputs.device)
        elif offset == 0:
            return torch.mul(inputs, scale)
        return torch.add(inputs.mul(scale), offset)

    def _constant(self, name: str, value: Any, device: torch.device) -> torch.Tensor:
        key = (name, device, self._compute_dtype)
        found: torch.Tensor | None = self._constants.get(key)
        if found is None:
            plain = value.detach() if isinstance(value, torch.Tensor) else torch.as_tensor(np.asarray(value))
            found = plain.to(device, self._compute_dtype)
            if name == "scale" and found.ndim and settings.image_data_format() == "channels_first":
                found = found.reshape(found.shape + (1,) * (3 - found.ndim))
            self._constants[key] = found
        return found

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "scale": serialization.serialize_keras_object(self.scale),
            "offset": serialization.serialize_keras_object(self.offset),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Rebuilds a layer from `get_config()`."""
        arguments = {
            key: serialization.deserialize_keras_object(config[key], custom_objects=custom_objects)
            for key in ("scale", "offset")
        }
        return super().from_config({**config, **arguments})
