"""`Masking`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torchkeras_shim.core.serialization import deserialize_keras_object
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.weightless import build_at_once
from torchkeras_shim.ops import convert_to_tensor


@LAYERS.register()
class Masking(Layer):
    """Marks the steps of sequences whose features all have one value as padding; the layers behind skip them.

    Args:
        mask_value: The value.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Input shape:
        `(batch, steps, features)`

    Example:
        >>> Masking()(torch.tensor([[[1.0, 2.0], [0.0, 0.0]]]))._keras_mask
        tensor([[ True, False]])
    """

    def __init__(self, mask_value: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(mask_value, dict) and mask_value.get("config") is not None:
            mask_value = deserialize_keras_object(mask_value)
        self.__dict__["mask_value"] = arguments.numeric(self, "mask_value", mask_value)  # as it came
        self.supports_masking = True
        build_at_once(self)

    def _counts(self, inputs: Any, keepdims: bool = False) -> Any:
        value = self.mask_value
        if not isinstance(value, (int, float, torch.Tensor)):
            value = torch.as_tensor(np.asarray(value), dtype=inputs.dtype, device=inputs.device)
        return torch.ne(inputs, value).any(-1, keepdims)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Returns which steps count."""
        return self._counts(convert_to_tensor(inputs))

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the inputs with zeros at the steps that do not count."""
        return torch.where(self._counts(inputs, keepdims=True), inputs, 0)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "mask_value": self.mask_value}
