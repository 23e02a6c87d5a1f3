"""`ActivityRegularization`."""

from __future__ import annotations

from typing import Any

from torchkeras_shim import regularizers
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.weightless import build_at_once


@LAYERS.register()
class ActivityRegularization(Layer):
    """Passes its inputs on, and adds a penalty on them to the loss.

    Args:
        l1: The weight of the sum of absolute values.
        l2: The weight of the sum of squares.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> import torch
        >>> layer = ActivityRegularization(l2=0.5)
        >>> _ = layer(torch.tensor([[1.0, 2.0]]))
        >>> layer.losses
        [tensor(2.5000)]
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.supports_masking = True
        self.l1 = l1
        self.l2 = l2
        build_at_once(self)

    def call(self, inputs: Any) -> Any:
        """Returns the inputs."""
        return inputs

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = super().get_config()
        config.pop("activity_regularizer", None)
        return {**config, "l1": self.l1, "l2": self.l2}
