"""`LSTMCell`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim import activations
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.rnn.cell_base import RecurrentCell


@LAYERS.register()
class LSTMCell(RecurrentCell):
    """One step of `LSTM`, with the gates input, forget, candidate and output side by side in the kernels.

    Args:
        units: The width of the states and the output.
        activation: The activation of candidate and output.
        recurrent_activation: The activation of the gates.
        use_bias: Whether there is a bias.
        kernel_initializer: How the kernel starts.
        recurrent_initializer: How the recurrent kernel starts.
        bias_initializer: How the bias starts.
        unit_forget_bias: Whether the forget gate's bias starts with 1.
        kernel_regularizer: A penalty on the kernel.
        recurrent_regularizer: A penalty on the recurrent kernel.
        bias_regularizer: A penalty on the bias.
        kernel_constraint: A projection of the kernel after each update.
        recurrent_constraint: A projection of the recurrent kernel after each update.
        bias_constraint: A projection of the bias after each update.
        dropout: The share of the inputs that training drops, the same for every step.
        recurrent_dropout: The share of the state that training drops, the same for every step.
        seed: A seed of the dropout's own; torch's global generator by default.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...; `implementation=1` draws a dropout mask
            per gate, 2 (the default without recurrent dropout) one for all.

    Raises:
        ValueError: If `units` is not positive.

    Example:
        >>> cell = LSTMCell(3)
        >>> output, states = cell(torch.ones(2, 4), [torch.zeros(2, 3), torch.zeros(2, 3)])
        >>> output.shape, len(states)
        (torch.Size([2, 3]), 2)
    """

    gates = 4

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        implementation = kwargs.pop("implementation", 2)
        super().__init__(
            units,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            **kwargs,
        )
        self.recurrent_activation = arguments.known(self, "recurrent_activation", activations, recurrent_activation)
        self.unit_forget_bias = unit_forget_bias
        self.implementation = 1 if self.recurrent_dropout else implementation
        self.dropout_mask_count = 4 if self.implementation == 1 else None
        self.__dict__["state_size"] = [units, units]

    def _start_bias(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        if not self.unit_forget_bias:
            return super()._start_bias(shape, dtype)
        first: torch.Tensor = self.bias_initializer((self.units,), dtype=dtype)
        rest = self.bias_initializer((2 * self.units,), dtype=dtype)
        return torch.cat([first, torch.ones_like(first), rest])

    def call(self, inputs: torch.Tensor, states: Any, training: bool | None = None) -> Any:
        """Takes one step. Returns the output and the new states."""
        training = self.training if training is None else training
        state, carry = states[0], states[1]
        z = self._project(self._dropped(inputs, training), self.kernel)
        z = z + self._project(self._dropped_state(state, training), self.recurrent_kernel)
        if self.bias is not None:
            z = z + self.bias
        i, f, c, o = z.chunk(4, dim=1)
        gate, activation = self.recurrent_activation, self.activation
        carry = gate(f) * carry + gate(i) * activation(c)
        outputs = gate(o) * activation(carry)
        return outputs, [outputs, carry]

    forward = call

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "unit_forget_bias": self.unit_forget_bias,
        }
