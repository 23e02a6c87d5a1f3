"""Layers that end in an activation."""

from __future__ import annotations

from typing import Any

from torchkeras_shim import activations
from torchkeras_shim.layers.base import Layer


class Activated(Layer):
    """A layer that ends in `self.activation`.

    `activation` stays a plain attribute that may be replaced at any time. Beside it lies the torch function that does
    the same on plain tensors, `None` for the linear activation, so that a call spends no time on finding out::

        kernel = self._activation_kernel if self.activation is self._activation_of else self._find_kernel()
        return outputs if kernel is None else kernel(outputs)
    """

    activation: Any
    _activation_of: Any
    _activation_kernel: Any

    def _find_kernel(self) -> Any:
        """Looks the torch function of the present activation up."""
        activation = self.activation
        linear = activation is None or activation is activations.linear
        kernel = None if linear else activations.kernel_of(activation)
        self.__dict__["_activation_of"] = activation
        self.__dict__["_activation_kernel"] = kernel
        return kernel
