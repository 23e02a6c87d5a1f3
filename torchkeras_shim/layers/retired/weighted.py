"""What the retired layers with a kernel share: one set of arguments for kernel and bias."""

from __future__ import annotations

from typing import Any

from torchkeras_shim import activations, constraints, initializers, regularizers
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import Layer


class Weighted(Layer):
    """A layer with a kernel, a bias and an activation.

    Args:
        activation: The activation, none by default.
        use_bias: Whether there is a bias.
        kernel_initializer: How the kernel starts.
        bias_initializer: How the bias starts.
        kernel_regularizer: A penalty on the kernel.
        bias_regularizer: A penalty on the bias.
        kernel_constraint: A projection of the kernel after each update.
        bias_constraint: A projection of the bias after each update.
        **kwargs: Arguments of every layer.
    """

    bias: Variable | None

    def __init__(
        self,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.activation = arguments.known(self, "activation", activations, activation)
        self.use_bias = use_bias
        self.kernel_initializer = arguments.known(self, "kernel_initializer", initializers, kernel_initializer)
        self.bias_initializer = arguments.known(self, "bias_initializer", initializers, bias_initializer)
        self.kernel_regularizer = arguments.known(self, "kernel_regularizer", regularizers, kernel_regularizer)
        self.bias_regularizer = arguments.known(self, "bias_regularizer", regularizers, bias_regularizer)
        self.kernel_constraint = arguments.known(self, "kernel_constraint", constraints, kernel_constraint)
        self.bias_constraint = arguments.known(self, "bias_constraint", constraints, bias_constraint)

    def _add_kernel(self, shape: tuple[int, ...]) -> Variable:
        return self.add_weight(
            name="kernel",
            shape=shape,
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )

    def _add_bias(self, shape: tuple[int, ...]) -> Variable | None:
        if not self.use_bias:
            return None
        return self.add_weight(
            name="bias",
            shape=shape,
            initializer=self.bias_initializer,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }
