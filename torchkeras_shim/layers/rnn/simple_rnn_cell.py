"""`SimpleRNNCell`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.rnn.cell_base import RecurrentCell


@LAYERS.register()
class SimpleRNNCell(RecurrentCell):
    """One step of `SimpleRNN`: `activation(inputs @ kernel + state @ recurrent_kernel + bias)`.

    Args:
        units: The width of the state and the output.
        activation: The activation.
        use_bias: Whether there is a bias.
        kernel_initializer: How the kernel starts.
        recurrent_initializer: How the recurrent kernel starts.
        bias_initializer: How the bias starts.
        kernel_regularizer: A penalty on the kernel.
        recurrent_regularizer: A penalty on the recurrent kernel.
        bias_regularizer: A penalty on the bias.
        kernel_constraint: A projection of the kernel after each update.
        recurrent_constraint: A projection of the recurrent kernel after each update.
        bias_constraint: A projection of the bias after each update.
        dropout: The share of the inputs that training drops, the same for every step.
        recurrent_dropout: The share of the state that training drops, the same for every step.
        seed: A seed of the dropout's own; torch's global generator by default.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If `units` is not positive.

    Example:
        >>> cell = SimpleRNNCell(3)
        >>> output, states = cell(torch.ones(2, 4), [torch.zeros(2, 3)])
        >>> output.shape
        torch.Size([2, 3])
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
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

    def call(self, inputs: torch.Tensor, states: Any, training: bool | None = None) -> Any:
        """Takes one step. Returns the output and the new state."""
        training = self.training if training is None else training
        nested = isinstance(states, (list, tuple))
        state = states[0] if nested else states
        if training and self.dropout:
            inputs = inputs * self.get_dropout_mask(inputs)
        if training and self.recurrent_dropout:
            state = state * self.get_recurrent_dropout_mask(state)
        bias = self.bias
        outputs = inputs.mm(self.kernel) if bias is None else torch.addmm(bias, inputs, self.kernel)
        outputs = torch.addmm(outputs, state, self.recurrent_kernel)
        if self.activation is not None:
            outputs = self.activation(outputs)
        return outputs, [outputs] if nested else outputs

    forward = call
