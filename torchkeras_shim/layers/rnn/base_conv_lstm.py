"""What the convolutional LSTM layers of every rank share."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim import regularizers
from torchkeras_shim.core import tree
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.layers.rnn import loop
from torchkeras_shim.layers.rnn.conv_lstm_cell import ConvLSTMCell, conv_lstm_config
from torchkeras_shim.layers.rnn.native import of_cell
from torchkeras_shim.layers.rnn.rnn import RNN, forget_dropout


class BaseConvLSTM(RNN):
    """An LSTM whose states are images, and whose products are convolutions.

    The inputs of all steps are convolved at once, for all gates; the loop over time convolves the state only.

    Args:
        rank: The number of spatial dimensions.
        cell: The arguments of `ConvLSTMCell`, by name.
        return_sequences: Whether to return the outputs of all steps, or the last one.
        return_state: Whether to return the last states behind the outputs.
        go_backwards: Whether to start with the last step; the outputs then come in that order, too.
        stateful: Whether a batch goes on with the state that the one before it ended with. The batch size is fixed.
        **kwargs: Arguments of every layer and of `RNN`.
    """

    cell: ConvLSTMCell

    def __init__(
        self,
        rank: int,
        cell: dict[str, Any],
        return_sequences: bool,
        return_state: bool,
        go_backwards: bool,
        stateful: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            ConvLSTMCell(
                rank,
                **cell,
                name="conv_lstm_cell",
                dtype=kwargs.get("dtype"),
                trainable=kwargs.get("trainable", True),
            ),
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            **kwargs,
        )
        self.input_spec = InputSpec(ndim=rank + 3)

    filters = of_cell("filters")
    kernel_size = of_cell("kernel_size")
    strides = of_cell("strides")
    padding = of_cell("padding")
    data_format = of_cell("data_format")
    dilation_rate = of_cell("dilation_rate")
    activation = of_cell("activation")
    recurrent_activation = of_cell("recurrent_activation")
    use_bias = of_cell("use_bias")
    kernel_initializer = of_cell("kernel_initializer")
    recurrent_initializer = of_cell("recurrent_initializer")
    bias_initializer = of_cell("bias_initializer")
    unit_forget_bias = of_cell("unit_forget_bias")
    kernel_regularizer = of_cell("kernel_regularizer")
    recurrent_regularizer = of_cell("recurrent_regularizer")
    bias_regularizer = of_cell("bias_regularizer")
    kernel_constraint = of_cell("kernel_constraint")
    recurrent_constraint = of_cell("recurrent_constraint")
    bias_constraint = of_cell("bias_constraint")
    dropout = of_cell("dropout")
    recurrent_dropout = of_cell("recurrent_dropout")

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Builds the cell for one step, and the states that stay between batches."""
        super().build(sequences_shape, initial_state_shape)
        self.input_spec = InputSpec(shape=(None, None, *sequences_shape[2:]))

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        """Returns the output shape for the shape of sequences; with `return_state`, a tuple with the states'."""
        state = self.cell.state_shape((sequences_shape[0], *sequences_shape[2:]))
        output = (state[0], sequences_shape[1], *state[1:]) if self.return_sequences else state
        return (output, state, state) if self.return_state else output

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Returns the mask of the outputs: that of the sequences, if sequences are returned."""
        output = tree.flatten(mask)[0] if self.return_sequences else None
        return [output, None, None] if self.return_state else output

    def _loop(self, sequences: torch.Tensor, states: Any, mask: Any, training: bool) -> Any:
        cell, dtype = self.cell, self._compute_dtype
        if sequences.dtype is not dtype:
            sequences = sequences.to(dtype)
        kernel, recurrent_kernel = cell.kernel.to(dtype), cell.recurrent_kernel.to(dtype)  # themselves, as a rule
        bias = None if cell.bias is None else cell.bias.to(dtype)
        forget_dropout(cell)
        masks = None
        if training and 0.0 < cell.dropout < 1.0:
            one_step = cell.get_dropout_mask(sequences[:, 0])
            masks = [mask.unsqueeze(1).expand_as(sequences).flatten(0, 1) for mask in one_step]
        projected = cell.project(sequences.flatten(0, 1), kernel, bias, masks)
        projected = projected.reshape(*sequences.shape[:2], *projected.shape[1:])
        if mask is not None and mask.shape[2:] != projected.shape[2 : mask.ndim]:
            raise ValueError(
                f"Layer '{self.name}': the mask must have the shape (batch, time), or that of the output without its "
                f"last axes. Received: a mask of shape {tuple(mask.shape)} for sequences of shape "
                f"{tuple(sequences.shape)}. A `Masking` layer makes one entry per pixel, which padding='same' keeps; "
                "or pass `mask=` with one entry per step."
            )
        output, states = loop.run(
            cell.stepper(recurrent_kernel, training),
            projected,
            states,
            mask,
            self.go_backwards,
            self.zero_output_for_mask,
            self.return_sequences,
        )
        forget_dropout(cell)
        return self._finish(output, states)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = super().get_config()
        del config["cell"]
        return {
            **config,
            **conv_lstm_config(self),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "seed": self.cell.seed,
        }
