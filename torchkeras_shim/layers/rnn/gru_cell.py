"""`GRUCell`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim import activations
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.rnn.cell_base import RecurrentCell


@LAYERS.register()
class GRUCell(RecurrentCell):
    """One step of `GRU`, with update gate, reset gate and candidate side by side in the kernels.

    Args:
        units: The width of the state and the output.
        activation: The activation of the candidate.
        recurrent_activation: The activation of the gates.
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
        reset_after: Whether the reset gate acts after the product with the recurrent kernel (torch's and cuDNN's
            convention, with a bias of shape (2, 3 * units)) or before it.
        seed: A seed of the dropout's own; torch's global generator by default.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...; `implementation=1` draws a dropout mask
            per gate, 2 (the default without recurrent dropout) one for all.

    Raises:
        ValueError: If `units` is not positive.

    Example:
        >>> cell = GRUCell(3)
        >>> output, states = cell(torch.ones(2, 4), [torch.zeros(2, 3)])
        >>> output.shape, len(states)
        (torch.Size([2, 3]), 1)
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        reset_after: bool = True,
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
        self.reset_after = reset_after
        self.implementation = 1 if self.recurrent_dropout else implementation
        self.dropout_mask_count = 3 if self.implementation == 1 else None

    def _bias_shape(self) -> tuple[int, ...]:
        width = 3 * self.units
        return (2, width) if self.reset_after else (width,)

    def call(self, inputs: torch.Tensor, states: Any, training: bool | None = None) -> Any:
        """Takes one step. Returns the output and the new state."""
        training = self.training if training is None else training
        nested = isinstance(states, (list, tuple))
        state = states[0] if nested else states
        units, kernel = self.units, self.recurrent_kernel
        x = self._project(self._dropped(inputs, training), self.kernel)
        dropped = self._dropped_state(state, training)
        bias = self.bias
        if bias is not None:
            x = x + (bias[0] if self.reset_after else bias)
        x_gates, x_candidate = x[:, : 2 * units], x[:, 2 * units :]
        if self.reset_after:
            h = self._project(dropped, kernel)
            if bias is not None:
                h = h + bias[1]
            z, r = self.recurrent_activation(x_gates + h[:, : 2 * units]).chunk(2, dim=1)
            from_state = r * h[:, 2 * units :]
        else:
            h = self._project(dropped, kernel[:, : 2 * units])
            z, r = self.recurrent_activation(x_gates + h).chunk(2, dim=1)
            last = dropped[2] if isinstance(dropped, list) else dropped
            from_state = (r * last).mm(kernel[:, 2 * units :])
        outputs = z * state + (1 - z) * self.activation(x_candidate + from_state)
        return outputs, [outputs] if nested else outputs

    forward = call

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "reset_after": self.reset_after,
        }
