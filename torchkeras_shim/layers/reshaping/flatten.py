"""`Flatten`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.config import standardize_data_format
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.input_spec import InputSpec


@LAYERS.register()
class Flatten(Layer):
    """Makes one row of each sample.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. Channels-first inputs are read in the order of
            channels-last ones, so that weights behind this layer fit both. The global setting by default.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> Flatten()(torch.ones(2, 3, 4)).shape
        torch.Size([2, 12])
    """

    _treats_samples_alone = True

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)
        self._channels_first = self.data_format == "channels_first"

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the samples as rows: a view where memory allows."""
        if inputs.ndim == 1:
            return inputs.unsqueeze(1)
        if self._channels_first:
            inputs = inputs.movedim(1, -1)
        return inputs.flatten(1)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "data_format": self.data_format}
