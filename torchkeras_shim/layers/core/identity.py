"""`Identity`."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.weightless import build_at_once


@LAYERS.register()
class Identity(Layer):
    """Returns its inputs as they are.

    Args:
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> import torch
        >>> Identity()(torch.tensor([1.0, 2.0]))
        tensor([1., 2.])
    """

    _treats_samples_alone = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        build_at_once(self)

    def call(self, inputs: Any) -> Any:
        """Returns the inputs."""
        return inputs
