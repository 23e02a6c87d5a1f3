"""Layers whose cell torch has a kernel for (cuDNN, oneDNN), and masks without a loop.

A mask needs neither a loop nor a look at its values: the steps that count are moved to the front of each sequence, the
kernel runs, and each step takes the output of the last step that counted. That holds for any mask, and what lies behind
the last step that counts does not reach what is returned.
"""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim import regularizers
from torchkeras_shim.core.torch_private import is_hooked
from torchkeras_shim.layers.rnn.cell_base import RecurrentCell, cell_config
from torchkeras_shim.layers.rnn.rnn import RNN, as_mask

#: What closes or opens a gate completely, in every type of floats.
_CLOSED = 1e4


def of_cell(name: str) -> Any:
    """Returns a property that reads an attribute of the layer's cell."""
    return property(lambda self: getattr(self.cell, name), doc=f"The cell's `{name}`.")


class NativeRNN(RNN):
    """The base of `SimpleRNN`, `LSTM` and `GRU`."""

    cell: RecurrentCell
    use_cudnn: Any = "auto"

    units = of_cell("units")
    activation = of_cell("activation")
    use_bias = of_cell("use_bias")
    kernel_initializer = of_cell("kernel_initializer")
    recurrent_initializer = of_cell("recurrent_initializer")
    bias_initializer = of_cell("bias_initializer")
    kernel_regularizer = of_cell("kernel_regularizer")
    recurrent_regularizer = of_cell("recurrent_regularizer")
    bias_regularizer = of_cell("bias_regularizer")
    kernel_constraint = of_cell("kernel_constraint")
    recurrent_constraint = of_cell("recurrent_constraint")
    bias_constraint = of_cell("bias_constraint")
    dropout = of_cell("dropout")
    recurrent_dropout = of_cell("recurrent_dropout")

    def _has_kernel(self) -> bool:
        """Whether torch's kernel computes what the cell computes."""
        raise NotImplementedError

    def _kernel(
        self, x: torch.Tensor, states: list[torch.Tensor], weights: list[torch.Tensor], both_ways: bool
    ) -> tuple[torch.Tensor, Any]:
        """Runs torch's kernel.

        Args:
            x: A tensor of shape (batch, time, inputs).
            states: The first states, each of shape (1, batch, units), or (2, batch, units) for both ways.
            weights: What `_weights` returns; for both ways those of the forward layer first.
            both_ways: Whether to run backwards, too.

        Returns:
            The outputs of all steps, and the last states of the shape of the first ones.
        """
        raise NotImplementedError

    def _run_kernel(self, x: torch.Tensor, states: list[torch.Tensor], pad: Any) -> tuple[torch.Tensor, Any]:
        """Runs torch's kernel on the layer's own weights.

        Args:
            x: A tensor of shape (batch, time, inputs).
            states: The first states, each of shape (1, batch, units).
            pad: Where given, 1 in the steps that must leave the second state alone, shape (batch, time, 1).

        Returns:
            The outputs of all steps, and the last states of shape (1, batch, units).
        """
        return self._kernel(x, states, self._weights(x.dtype), False)

    def _weights(self, dtype: torch.dtype) -> list[torch.Tensor]:
        """The cell's weights as torch's kernels take them: views, of the type of the inputs."""
        cell = self.cell
        weights = [cell.kernel.t(), cell.recurrent_kernel.t()]
        if cell.bias is not None:
            weights += [cell.bias, cell._zero_bias] if cell.bias.ndim == 1 else list(cell.bias.unbind())
        return weights if weights[0].dtype is dtype else [weight.to(dtype) for weight in weights]

    def call(
        self,
        sequences: torch.Tensor,
        initial_state: Any = None,
        mask: Any = None,
        training: bool | None = None,
    ) -> Any:
        """Runs over the steps.

        Args:
            sequences: A tensor of shape (batch, time, inputs).
            initial_state: The states to start with.
            mask: Booleans of shape (batch, time): which steps count.
            training: Whether dropout is active.
        """
        if sequences.is_meta:
            return super().call(sequences, initial_state)
        training = self.training if training is None else training
        if sequences.dtype is not self._compute_dtype:
            sequences = sequences.to(self._compute_dtype)
        mask = as_mask(mask, sequences)
        native = self.use_cudnn is not False and self._has_kernel()
        if not native and self.use_cudnn is True:
            raise ValueError(
                f"Layer '{self.name}': use_cudnn=True was specified, but there is no such kernel for these arguments. "
                "It takes the default activations and no recurrent dropout (and `reset_after=True` for a GRU). Pass "
                "use_cudnn='auto' to fall back to a loop over the cell."
            )
        if native and initial_state is None and mask is None and not self.stateful:
            return self._run_from_zero(sequences, training)
        if initial_state is None and not self.stateful:
            zeros = sequences.new_zeros(sequences.shape[0], self.cell.units)
            states = [zeros] * len(self.state_size)
        else:
            states = self._first_states(sequences, initial_state)
        if not native:
            return self._loop(sequences, states, mask, training)
        sequences = self._prepared(sequences, training)
        if mask is not None:
            return self._finish(*self._run_masked(sequences, states, mask))
        outputs, finals = self._run_kernel(sequences, [state.unsqueeze(0) for state in states], None)
        finals = [final.squeeze(0) for final in finals]
        return self._finish(outputs if self.return_sequences else finals[0], finals)

    forward = call

    def _run_from_zero(self, sequences: torch.Tensor, training: bool) -> Any:
        """The common case: no mask, no states to start with or to keep."""
        zeros = sequences.new_zeros(1, sequences.shape[0], self.cell.units)
        outputs, finals = self._run_kernel(self._prepared(sequences, training), [zeros] * len(self.state_size), None)
        if self.return_sequences and not self.return_state:
            return outputs
        states = [final.squeeze(0) for final in finals]
        output = outputs if self.return_sequences else states[0]
        return (output, *states) if self.return_state else output

    def _prepared(self, sequences: torch.Tensor, training: bool) -> torch.Tensor:
        """The sequences under dropout, in the order of the steps."""
        cell = self.cell
        if training and 0.0 < cell.dropout < 1.0:
            sequences = sequences * cell._mask(sequences[:, 0], cell.dropout).unsqueeze(1)
        return sequences.flip(1) if self.go_backwards else sequences

    def _run_masked(self, x: torch.Tensor, states: list[torch.Tensor], mask: torch.Tensor) -> tuple[torch.Tensor, Any]:
        if self.go_backwards:
            mask = mask.flip(1)
        valid, order = mask.to(torch.uint8).sort(dim=1, descending=True, stable=True)
        x = x.gather(1, order.unsqueeze(-1).expand(-1, -1, x.shape[-1]))
        last = mask.sum(1, keepdim=True) - 1  # -1 where nothing counts
        # Only the output tells a state after a step in the middle, and the output is the first state only.
        hold = len(states) > 1 and (self.return_state or self.stateful)
        pad = (1 - valid).to(x.dtype).unsqueeze(-1) if hold else None
        outputs, finals = self._run_kernel(x, [state.unsqueeze(0) for state in states], pad)
        final = _take(outputs, last).squeeze(1)
        first = torch.where(last >= 0, final, states[0])
        new_states = [first, *(one.squeeze(0) for one in finals[1:])]
        if self.return_sequences:
            places = mask.cumsum(1) - 1
            shown = mask if self.zero_output_for_mask else places >= 0
            outputs = _take(outputs, places)
            return torch.where(shown.unsqueeze(-1), outputs, torch.zeros_like(outputs)), new_states
        shown = mask[:, -1:] if self.zero_output_for_mask else last >= 0
        return torch.where(shown, final, torch.zeros_like(final)), new_states

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = super().get_config()
        del config["cell"]
        return {
            **config,
            **cell_config(self),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
        }


def fit_together(forward: Any, backward: Any, x: torch.Tensor, training: bool) -> bool:
    """Returns whether one run of torch's kernel can do the work of two layers called without mask and states."""
    cell, other = (getattr(layer, "cell", None) for layer in (forward, backward))
    return (
        isinstance(cell, RecurrentCell)
        and isinstance(other, RecurrentCell)
        and type(forward) is type(backward)
        and type(forward).call is NativeRNN.call
        and cell.units == other.units
        and cell.use_bias == other.use_bias
        and cell.activation is other.activation
        and not forward.go_backwards
        and not forward.stateful
        and not (training and (cell.dropout or other.dropout))
        and not x.is_meta
        and all(
            layer.use_cudnn is not False
            and layer._has_kernel()
            and layer._compute_dtype is x.dtype
            and layer.activity_regularizer is None
            and not is_hooked(layer)
            for layer in (forward, backward)
        )
    )


def run_both_ways(forward: Any, backward: Any, x: torch.Tensor) -> tuple[torch.Tensor, Any]:
    """Runs two layers that `fit_together` over the steps, the second one backwards.

    Returns:
        The outputs of all steps, those of the two layers side by side, and the last states of shape (2, batch, units).
    """
    zeros = x.new_zeros(2, x.shape[0], forward.cell.units)
    states = [zeros] * len(forward.state_size)
    weights = [*forward._weights(x.dtype), *backward._weights(x.dtype)]
    outputs: tuple[torch.Tensor, Any] = forward._kernel(x, states, weights, True)
    return outputs


def _take(outputs: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """The outputs at places of shape (batch, n), the first one where a place is negative."""
    return outputs.gather(1, places.clamp(min=0).unsqueeze(-1).expand(-1, -1, outputs.shape[-1]))


def holding(kernel: torch.Tensor, units: int) -> torch.Tensor:
    """An LSTM's kernel with one more input, which closes the input gate and opens the forget gate completely."""
    column = kernel.new_zeros(4 * units, 1)
    column[:units] = -_CLOSED
    column[units : 2 * units] = _CLOSED
    return torch.cat([kernel, column], dim=1)


def check_use_cudnn(use_cudnn: Any) -> None:
    """Raises if the argument is none of Keras's three values.

    Raises:
        ValueError: in that case.
    """
    if use_cudnn not in ("auto", True, False):
        raise ValueError(
            "Invalid value received for argument `use_cudnn`. Expected one of {'auto', True, False}. "
            f"Received: use_cudnn={use_cudnn}"
        )
