"""`Activation`."""

from __future__ import annotations

from typing import Any

from torchkeras_shim import activations
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.activated import Activated
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.weightless import build_at_once


@LAYERS.register()
class Activation(Activated):
    """Applies an activation function.

    Args:
        activation: A name, a function, or a torch module such as `torch.nn.ReLU()`.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> import torch
        >>> Activation("relu")(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    _treats_samples_alone = True

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.activation = arguments.known(self, "activation", activations, activation)
        build_at_once(self)
        self._find_kernel()

    @property
    def _keeps_shape(self) -> bool:  # type: ignore[override]
        return activations.keeps_shape(self.activation)

    def call(self, inputs: Any) -> Any:
        """Applies the activation."""
        kernel = self._activation_kernel if self.activation is self._activation_of else self._find_kernel()
        return inputs if kernel is None else kernel(inputs)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "activation": activations.serialize(self.activation)}
