"""`RNN`: the loop over time around any cell."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import serialization, tree
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.layers import calling
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.rnn import loop
from torchkeras_shim.layers.rnn.dropout_cell import DropoutCell
from torchkeras_shim.layers.rnn.stacked_rnn_cells import StackedRNNCells, output_size_of


@LAYERS.register()
class RNN(Layer):
    """Runs a cell over the steps of sequences.

    A cell has a method `call(inputs, states) -> (output, new states)` and an attribute `state_size`, an integer or a
    list of them; `output_size` and `get_initial_state(batch_size)` where they differ from what follows from it.

    A step where the mask is false repeats the states and the output before it.

    Args:
        cell: The cell, or a list of cells that are stacked.
        return_sequences: Whether to return the outputs of all steps, or the last one.
        return_state: Whether to return the last states behind the outputs.
        go_backwards: Whether to start with the last step; the outputs then come in that order, too.
        stateful: Whether a batch goes on with the states that the one before it ended with. The batch size is fixed.
        unroll: Makes no difference here: there is no graph that could be unrolled.
        zero_output_for_mask: Whether masked steps give zeros instead of repeating the output.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If `cell` is not a cell.

    Example:
        >>> from torchkeras_shim.layers.rnn.lstm_cell import LSTMCell
        >>> RNN([LSTMCell(3), LSTMCell(2)], return_sequences=True)(torch.ones(2, 5, 4)).shape
        torch.Size([2, 5, 2])
    """

    _training_default = False
    _mask_is_of_first = True
    cell: Any
    state_size: Any

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        if not hasattr(cell, "call"):
            raise ValueError(f"Argument `cell` should have a `call` method. Received: cell={cell}")
        size = getattr(cell, "state_size", None)
        if size is None:
            raise ValueError(
                "The RNN cell should have a `state_size` attribute (single integer or list of integers, one integer "
                f"per RNN state). Received: cell={cell}"
            )
        if not isinstance(size, (list, tuple, int)):
            raise ValueError(
                "state_size must be an integer, or a list/tuple of integers (one for each state tensor). "
                f"Received: {size}"
            )
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.supports_masking = True
        self.__dict__["state_size"] = [size] if isinstance(size, int) else list(size)
        self.single_state = isinstance(size, int)
        self.__dict__["_states_structure"] = None

    # Shapes ---------------------------------------------------------------------------------------------------------

    def _check_inputs(self, inputs: Any) -> None:
        """Says what a layer before this one lacks if it hands on its last step only."""
        try:
            super()._check_inputs(inputs)
        except ValueError as error:
            if getattr(inputs, "ndim", None) != 2:
                raise
            raise ValueError(
                f"{error}\nA recurrent layer reads sequences, (batch, steps, features). If the layer before it is "
                "recurrent too, let it return its whole sequence: `LSTM(units, return_sequences=True)`."
            ) from None

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Builds the cell for one step, and the states that stay between batches."""
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((sequences_shape[0], *sequences_shape[2:]))
            self.cell.built = True
        if not self.stateful:
            return
        if self._states_structure is not None:
            self.reset_state()
            return
        if sequences_shape[0] is None:
            raise ValueError(
                f"Layer '{self.name}': when using `stateful=True` in a RNN, the batch size must be static. Found "
                f"dynamic batch size: sequence.shape={tuple(sequences_shape)}. Give the Input a `batch_size`."
            )
        states = self.get_initial_state(sequences_shape[0])
        device = calling.device_of(self)
        for index, state in enumerate(tree.flatten(states)):  # no weights: nothing saves or counts them
            self.register_buffer(f"_state_{index}", state.detach().to(device), persistent=False)
        self.__dict__["_states_structure"] = tree.map_structure(lambda _: None, states)

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        """Returns the output shape for the shape of sequences; with `return_state`, a tuple with the states'."""
        batch, length = sequences_shape[0], sequences_shape[1]
        size = output_size_of(self.cell)
        output = (batch, length, size) if self.return_sequences else (batch, size)
        if not self.return_state:
            return output
        states = [
            [(batch, one) for one in size] if isinstance(size, (list, tuple)) else (batch, size)
            for size in self.state_size
        ]
        return (output, *states)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the outputs as `KerasTensor`s; takes no step."""
        calling.build_for(self, args, kwargs)
        sequences = args[0] if args else kwargs["sequences"]
        if self.unroll and sequences.shape[1] is None:
            raise ValueError(
                f"Layer '{self.name}': cannot unroll a RNN if the time dimension is undefined. Give the model's Input "
                "a full `shape`, or leave `unroll=True` out: it makes nothing faster here."
            )
        return self._outputs_of(sequences.shape, lambda shape: KerasTensor(shape, self.compute_dtype))

    def _outputs_of(self, shape: Any, make: Any) -> Any:
        """The structure of the outputs for a shape of sequences, `make(shape)` in the places of tensors."""

        def visit(item: Any) -> Any:
            if all(size is None or isinstance(size, int) for size in item):
                return make(item)
            return type(item)(visit(one) for one in item)

        return visit(self.compute_output_shape(tuple(shape)))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Returns the mask of the outputs: that of the sequences, if sequences are returned."""
        mask = tree.flatten(mask)[0]
        output = mask if self.return_sequences else None
        if not self.return_state:
            return output
        return [output, *tree.flatten(tree.map_structure(lambda _: None, self.state_size))]

    # States ---------------------------------------------------------------------------------------------------------

    def get_initial_state(self, batch_size: Any) -> list[Any]:
        """Returns the states that a sequence starts with: the cell's own, or zeros.

        Args:
            batch_size: How many sequences there are.
        """
        if hasattr(self.cell, "get_initial_state"):
            states = self.cell.get_initial_state(batch_size=batch_size)
            return list(states) if loop.is_nested(states) else [states]
        dtype = getattr(self.cell, "_compute_dtype", self._compute_dtype)
        device = calling.device_of(self)
        return [torch.zeros(batch_size, size, dtype=dtype, device=device) for size in self.state_size]

    @property
    def states(self) -> Any:
        """The states that the last batch ended with, `None` unless the layer is stateful and built."""
        structure = self._states_structure
        if structure is None:
            return None
        return loop.like(structure, [self._buffers[f"_state_{i}"] for i in range(len(tree.flatten(structure)))])

    def reset_state(self) -> None:
        """Sets the states that stay between batches to zero."""
        for state in tree.flatten(self.states) if self.stateful and self._states_structure is not None else ():
            with torch.no_grad():
                state.zero_()

    def reset_states(self) -> None:
        """Sets the states that stay between batches to zero; the older name."""
        self.reset_state()

    def _first_states(self, sequences: torch.Tensor, initial_state: Any) -> list[Any]:
        """The states that a call starts with, on the device and of the type of the sequences."""
        if self.stateful and self._states_structure is not None:
            expected = tree.flatten(self.states)[0].shape[0]
            if sequences.shape[0] != expected:
                raise ValueError(
                    f"Layer '{self.name}': if an RNN is stateful, the batch size of the input sequences must be the "
                    f"same as the batch size of the initial state.\n- Expected batch size: {expected}\n"
                    f"- Received batch size: {sequences.shape[0]}"
                )
        if initial_state is None:
            if self.stateful:  # copies: the states are overwritten at the end, and autograd must not see that
                initial_state = tree.map_structure(torch.clone, self.states)
            else:
                initial_state = self.get_initial_state(sequences.shape[0])
        elif not loop.is_nested(initial_state):
            initial_state = [initial_state]
        device, default = sequences.device, self._compute_dtype
        stacked = isinstance(self.cell, StackedRNNCells) and len(self.cell.cells) == len(initial_state)
        cells = self.cell.cells if stacked else [self.cell] * len(initial_state)
        types = [getattr(cell, "_compute_dtype", default) for cell in cells]
        return [
            tree.map_structure(lambda x, dtype=dtype: torch.as_tensor(x).to(device, dtype), one)
            for one, dtype in zip(initial_state, types, strict=True)
        ]

    def _finish(self, output: torch.Tensor, states: Any) -> Any:
        """Keeps the states for the next batch, and puts together what the call returns."""
        if self.stateful:
            with torch.no_grad():
                for kept, new in zip(tree.flatten(self.states), tree.flatten(states), strict=True):
                    kept.copy_(new)
        return (output, *states) if self.return_state else output

    # Calling --------------------------------------------------------------------------------------------------------

    def call(
        self,
        sequences: torch.Tensor,
        initial_state: Any = None,
        mask: Any = None,
        training: bool | None = None,
    ) -> Any:
        """Runs the cell over the steps.

        Args:
            sequences: A tensor of shape (batch, time, ...).
            initial_state: The states to start with.
            mask: Booleans of shape (batch, time): which steps count.
            training: Whether dropout is active.
        """
        training = self.training if training is None else training
        if sequences.is_meta:
            return self._outputs_of(sequences.shape, lambda s: sequences.new_empty(s, dtype=self._compute_dtype))
        states = self._first_states(sequences, initial_state)
        return self._loop(sequences, states, as_mask(mask, sequences), training)

    forward = call

    def _loop(self, sequences: torch.Tensor, states: Any, mask: Any, training: bool) -> Any:
        forget_dropout(self.cell)
        output, states = loop.run(
            loop.step_of(self.cell, training),
            sequences,
            states,
            mask,
            self.go_backwards,
            self.zero_output_for_mask,
            self.return_sequences,
        )
        forget_dropout(self.cell)
        return self._finish(output, states)

    # Config ---------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
            "zero_output_for_mask": self.zero_output_for_mask,
            "cell": serialization.serialize_keras_object(self.cell),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Rebuilds a layer from `get_config()`."""
        config = dict(config)
        if isinstance(config.get("cell"), dict):
            config["cell"] = serialization.deserialize_keras_object(config["cell"], custom_objects=custom_objects)
        return super().from_config(config)


def as_mask(mask: Any, sequences: torch.Tensor) -> torch.Tensor | None:
    """Returns a mask, or the first of several, as booleans where the sequences are."""
    mask = tree.flatten(mask)[0]
    return None if mask is None else torch.as_tensor(mask).to(sequences.device, torch.bool)


def forget_dropout(cell: Any) -> None:
    """Makes a cell draw new dropout masks for the next sequences."""
    if isinstance(cell, DropoutCell):
        cell.reset_dropout_mask()
        cell.reset_recurrent_dropout_mask()
    elif isinstance(cell, StackedRNNCells):
        for one in cell.cells:
            forget_dropout(one)
