"""`Dense`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim import activations, constraints, initializers, regularizers
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.activated import Activated
from torchkeras_shim.layers.arguments import refuse_quantization
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.layers.low_rank import LowRank


@LAYERS.register()
class Dense(LowRank, Activated):
    """A fully connected layer: `activation(inputs @ kernel + bias)`.

    Args:
        units: The width of the output.
        activation: The activation, none by default.
        use_bias: Whether there is a bias.
        kernel_initializer: How the kernel starts.
        bias_initializer: How the bias starts.
        kernel_regularizer: A penalty on the kernel.
        bias_regularizer: A penalty on the bias.
        activity_regularizer: A penalty on the output.
        kernel_constraint: A projection of the kernel after each update.
        bias_constraint: A projection of the bias after each update.
        lora_rank: If given, the kernel is frozen, and a product of two weights that have this length in common is added
            to it and trained: LoRA, see `enable_lora`.
        lora_alpha: The strength of that addition, `lora_rank` by default: it is multiplied by `lora_alpha / lora_rank`.
        quantization_config: Not supported, must be `None`.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Input shape:
        `(batch, ..., input_dim)`

    Output shape:
        `(batch, ..., units)`

    Raises:
        ValueError: If `units` is not a positive integer.

    Example:
        >>> Dense(3, activation="relu")(torch.ones(2, 4)).shape
        torch.Size([2, 3])
    """

    _treats_samples_alone = True
    _takes_sparse = True
    kernel: Variable
    bias: Variable | None
    #: Whether `self.kernel` and `self.bias` are what torch's table of parameters has, and no properties of a subclass.
    _weights_in_table = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._weights_in_table = not (hasattr(cls, "kernel") or hasattr(cls, "bias"))

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        sentence = "Received an invalid value for `units`, expected a positive integer. Received: units={value}."
        units = arguments.positive_integer(self, "units", units, sentence)
        refuse_quantization("Dense", quantization_config)
        super().__init__(
            lora_rank=lora_rank, lora_alpha=lora_alpha, activity_regularizer=activity_regularizer, **kwargs
        )
        self.units = units
        self.activation = arguments.known(self, "activation", activations, activation)
        self.use_bias = use_bias
        self.kernel_initializer = arguments.known(self, "kernel_initializer", initializers, kernel_initializer)
        self.bias_initializer = arguments.known(self, "bias_initializer", initializers, bias_initializer)
        self.kernel_regularizer = arguments.known(self, "kernel_regularizer", regularizers, kernel_regularizer)
        self.bias_regularizer = arguments.known(self, "bias_regularizer", regularizers, bias_regularizer)
        self.kernel_constraint = arguments.known(self, "kernel_constraint", constraints, kernel_constraint)
        self.bias_constraint = arguments.known(self, "bias_constraint", constraints, bias_constraint)
        self.supports_masking = True
        self.input_spec = InputSpec(min_ndim=2)
        self._find_kernel()

    def build(self, input_shape: Any) -> None:
        """Creates the kernel of shape (input_dim, units) and the bias."""
        width = input_shape[-1]
        if width is None:
            raise ValueError(
                f"Layer '{self.name}': the last dimension of the inputs to a Dense layer should be defined. "
                f"Received: input_shape={tuple(input_shape)}. Give the model's Input a full shape."
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(width, self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        else:
            self.bias = None
        self.input_spec = InputSpec(min_ndim=2, axes={-1: width})
        self._adapt_if_asked()

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        """Computes the outputs; `training` makes no difference."""
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_dtype)
        weights: dict[str, Any] = self._parameters if self._weights_in_table else {}
        try:  # torch's own table: `self.kernel` finds it there too, after a longer search
            kernel, bias = weights["kernel"], weights["bias"] if self.use_bias else None
        except KeyError:  # parametrized, pruned or replaced by a tensor
            kernel, bias = self.kernel, self.bias
        if inputs.ndim == 2:
            outputs = inputs.mm(kernel) if bias is None else torch.addmm(bias, inputs, kernel)
        else:
            flat = inputs.flatten(0, -2)  # a view of contiguous memory: one matrix product for all positions
            flat = flat.mm(kernel) if bias is None else torch.addmm(bias, flat, kernel)
            outputs = flat.view(*inputs.shape[:-1], self.units)
        finish = self._activation_kernel if self.activation is self._activation_of else self._find_kernel()
        return outputs if finish is None else finish(outputs)

    forward = call

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "quantization_config": None,
        }
