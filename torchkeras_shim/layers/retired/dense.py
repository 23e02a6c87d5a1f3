"""`Highway` and `MaxoutDense` of Keras 1."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.layers.retired.weighted import Weighted


@LAYERS.register()
class Highway(Weighted):
    """A fully connected layer that lets a share of its inputs through: `t * activation(...) + (1 - t) * inputs`.

    Args:
        **kwargs: Those of `Weighted`.

    Example:
        >>> Highway()(torch.ones(2, 3)).shape
        torch.Size([2, 3])
    """

    _treats_samples_alone = True

    def build(self, input_shape: Any) -> None:
        """Creates two kernels and two biases."""
        width = input_shape[-1]
        self.kernel = self._add_kernel((width, width))
        self.carry_kernel = self.add_weight((width, width), self.kernel_initializer, name="carry_kernel")
        self.bias = self._add_bias((width,))
        self.carry_bias = self.add_weight((width,), "ones", name="carry_bias") if self.use_bias else None
        self.input_spec = InputSpec(ndim=2, axes={-1: width})

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Computes the outputs."""
        carry, new = inputs @ self.carry_kernel, inputs @ self.kernel
        if self.bias is not None and self.carry_bias is not None:
            carry, new = carry + self.carry_bias, new + self.bias
        share = torch.sigmoid(carry)
        outputs: torch.Tensor = share * self.activation(new) + (1.0 - share) * inputs
        return outputs


@LAYERS.register()
class MaxoutDense(Weighted):
    """The largest of several linear layers, unit by unit.

    Args:
        units: The width of the output.
        features: How many linear layers there are.
        **kwargs: Those of `Weighted`, without `activation`.

    Example:
        >>> MaxoutDense(2, features=3)(torch.ones(4, 5)).shape
        torch.Size([4, 2])
    """

    _treats_samples_alone = True

    def __init__(self, units: int, features: int = 4, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "activation": None})
        self.units = arguments.positive_integer(self, "units", units)
        self.features = arguments.positive_integer(self, "features", features)

    def build(self, input_shape: Any) -> None:
        """Creates the kernels and biases."""
        self.kernel = self._add_kernel((self.features, input_shape[-1], self.units))
        self.bias = self._add_bias((self.features, self.units))
        self.input_spec = InputSpec(ndim=2, axes={-1: input_shape[-1]})

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Computes the outputs."""
        outputs = torch.einsum("bi,fio->bfo", inputs, self.kernel)
        return (outputs if self.bias is None else outputs + self.bias).amax(1)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = super().get_config()
        config.pop("activation")
        return {**config, "units": self.units, "features": self.features}
