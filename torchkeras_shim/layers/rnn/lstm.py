"""`LSTM`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim import activations
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.layers.rnn.lstm_cell import LSTMCell
from torchkeras_shim.layers.rnn.native import NativeRNN, check_use_cudnn, holding, of_cell


@LAYERS.register()
class LSTM(NativeRNN):
    """Long short-term memory, Hochreiter 1997.

    torch's own kernel (cuDNN, oneDNN) computes it, with any mask, wherever the activations are the default ones and
    there is no recurrent dropout; the rest takes a loop over the cell.

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
        activity_regularizer: A penalty on the output.
        kernel_constraint: A projection of the kernel after each update.
        recurrent_constraint: A projection of the recurrent kernel after each update.
        bias_constraint: A projection of the bias after each update.
        dropout: The share of the inputs that training drops, the same for every step.
        recurrent_dropout: The share of the state that training drops, the same for every step.
        seed: A seed of the dropout's own; torch's global generator by default.
        return_sequences: Whether to return the outputs of all steps, or the last one.
        return_state: Whether to return the last states behind the outputs.
        go_backwards: Whether to start with the last step; the outputs then come in that order, too.
        stateful: Whether a batch goes on with the state that the one before it ended with. The batch size is fixed.
        unroll: Makes no difference here: there is no graph that could be unrolled.
        use_cudnn: Whether to use torch's kernel: `True`, `False`, or wherever it can be used (`"auto"`).
        **kwargs: Arguments of every layer and of `RNN`: `name`, `dtype`, `trainable`, `zero_output_for_mask`, ...

    Input shape:
        `(batch, time, inputs)`

    Output shape:
        `(batch, units)`, or `(batch, time, units)` with `return_sequences`

    Raises:
        ValueError: If `units` is not positive.

    Example:
        >>> LSTM(3, return_sequences=True)(torch.ones(2, 5, 4)).shape
        torch.Size([2, 5, 3])
    """

    cell: LSTMCell

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: bool | str = "auto",
        **kwargs: Any,
    ) -> None:
        check_use_cudnn(use_cudnn)
        cell = LSTMCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="lstm_cell",
            implementation=kwargs.pop("implementation", 2),
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.input_spec = InputSpec(ndim=3)
        self.use_cudnn = use_cudnn

    recurrent_activation = of_cell("recurrent_activation")
    unit_forget_bias = of_cell("unit_forget_bias")

    def _has_kernel(self) -> bool:
        cell = self.cell
        return (
            cell.activation is activations.tanh
            and cell.recurrent_activation is activations.sigmoid
            and not cell.recurrent_dropout
            and not (cell.implementation == 1 and cell.dropout)
        )

    def _run_kernel(self, x: torch.Tensor, states: list[torch.Tensor], pad: Any) -> tuple[torch.Tensor, Any]:
        weights = self._weights(x.dtype)
        if pad is not None:
            x = torch.cat([x, pad], dim=2)
            weights[0] = holding(weights[0], self.cell.units)
        return self._kernel(x, states, weights, False)

    def _kernel(self, x: Any, states: Any, weights: Any, both_ways: bool) -> tuple[torch.Tensor, Any]:
        # `train` is what cuDNN needs to know for a backward pass; there is no dropout between layers here.
        train = torch.is_grad_enabled()
        outputs, h, c = torch.lstm(x, states, weights, self.use_bias, 1, 0.0, train, both_ways, True)
        return outputs, (h, c)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "unit_forget_bias": self.unit_forget_bias,
            "seed": self.cell.seed,
        }
