"""The linear maps of attention layers, between features and heads."""

from __future__ import annotations

import math
from typing import Any

import torch

from torchkeras_shim import activations
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.initializers.scaling import with_axes
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import Layer


class Projection(Layer):
    """Maps the last dimensions of its inputs to new ones: one matrix product whatever the rank.

    Args:
        bound: How many of the last dimensions go in.
        outputs: The sizes that come out.
        use_bias: Whether there is a bias, of the shape of `outputs`.
        activation: The activation, none by default.
        options: Initializers, regularizers and constraints by `add_weight`'s names, for kernel and bias.
        **kwargs: Arguments of every layer.
    """

    kernel: Variable
    bias: Variable | None

    def __init__(
        self,
        bound: int,
        outputs: tuple[int, ...],
        use_bias: bool,
        options: dict[str, dict[str, Any]],
        activation: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bound = bound
        self.outputs = outputs
        self.use_bias = use_bias
        self.activation = arguments.known(self, "activation", activations, activation)
        self.options = options
        self.supports_masking = True  # the attention layer around it sees to the masks

    def build(self, input_shape: Any) -> None:
        """Creates kernel and bias."""
        shape = (*input_shape[-self.bound :], *self.outputs)
        # A kernel of three axes is not a convolution's: which of them are inputs decides how widely its values spread.
        axes = range(len(shape))
        initializer = with_axes(self.options["kernel"]["initializer"], axes[: self.bound], axes[self.bound :])
        self.kernel = self.add_weight(
            name="kernel", shape=shape, **{**self.options["kernel"], "initializer": initializer}
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=self.outputs, **self.options["bias"])

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Computes the outputs."""
        kernel: torch.Tensor = self.kernel
        bias = self.bias
        free = inputs.shape[: inputs.ndim - self.bound]
        wide = math.prod(kernel.shape[: self.bound])
        flat = inputs.reshape(-1, wide)
        kernel = kernel.reshape(wide, -1)
        result = flat.mm(kernel) if bias is None else torch.addmm(bias.reshape(-1), flat, kernel)
        result = result.view(*free, *self.outputs)
        return result if self.activation is activations.linear else self.activation(result)

    forward = call

    def get_config(self) -> dict[str, Any]:
        """Is not needed: the attention layer around it makes it.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("A projection is saved as a part of its attention layer.")
