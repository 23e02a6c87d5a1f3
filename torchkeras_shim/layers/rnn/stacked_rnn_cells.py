"""`StackedRNNCells`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import serialization
from torchkeras_shim.layers import calling
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.rnn.loop import is_nested, step_of


@LAYERS.register()
class StackedRNNCells(Layer):
    """Several cells as one: each step goes through all of them.

    Args:
        cells: The cells, the first one nearest to the inputs.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If the cell has no `call` or no `state_size`.

    Example:
        >>> from torchkeras_shim.layers.rnn.lstm_cell import LSTMCell
        >>> StackedRNNCells([LSTMCell(3), LSTMCell(2)]).state_size
        [[3, 3], [2, 2]]
    """

    _training_default = False

    def __init__(self, cells: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for cell in cells:
            for attribute, what in (("call", "a `call` method"), ("state_size", "a `state_size` attribute")):
                if not hasattr(cell, attribute):
                    raise ValueError(f"All cells must have {what}. Received cell without: {cell}")
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states, one entry per cell."""
        return [plain(cell.state_size) for cell in self.cells]

    @property
    def output_size(self) -> int:
        """The width of the last cell's output."""
        size: int = output_size_of(self.cells[-1])
        return size

    def build(self, input_shape: Any) -> None:
        """Builds the cells one behind the other."""
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
                cell.built = True
            input_shape = (input_shape[0], output_size_of(cell))

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Returns states of zeros, one entry per cell.

        Args:
            batch_size: How many sequences there are.
        """
        device, states = calling.device_of(self), []
        for cell in self.cells:
            if hasattr(cell, "get_initial_state"):
                states.append(cell.get_initial_state(batch_size=batch_size))
                continue
            sizes = plain(cell.state_size)
            zeros = [
                torch.zeros(batch_size, size, dtype=self._compute_dtype, device=device)
                for size in (sizes if isinstance(sizes, list) else [sizes])
            ]
            states.append(zeros if isinstance(sizes, list) else zeros[0])
        return states

    def call(self, inputs: Any, states: Any, training: bool | None = None) -> Any:
        """Takes one step through all cells. Returns the last output and the new states."""
        training = self.training if training is None else training
        new_states = []
        for cell, own in zip(self.cells, states, strict=True):
            nested = is_nested(own)
            inputs, new = step_of(cell, training)(inputs, list(own) if nested else [own])
            if is_nested(new) and len(new) == 1 and not nested:
                new = new[0]
            new_states.append(new)
        return inputs, new_states[0] if len(new_states) == 1 else new_states

    forward = call

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        cells = [serialization.serialize_keras_object(cell) for cell in self.cells]
        return {**super().get_config(), "cells": cells}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Rebuilds the stack from `get_config()`."""
        config = dict(config)
        config["cells"] = [
            serialization.deserialize_keras_object(cell, custom_objects=custom_objects)
            if isinstance(cell, dict)
            else cell
            for cell in config["cells"]
        ]
        return super().from_config(config)


def plain(size: Any) -> Any:
    """Returns a state size as an integer or a plain list."""
    return list(size) if isinstance(size, (list, tuple)) else size


def output_size_of(cell: Any) -> Any:
    """Returns the width of a cell's output: its `output_size`, or the size of its first state."""
    size = getattr(cell, "output_size", None)
    if size is not None:
        return size
    state_size = cell.state_size
    return state_size[0] if isinstance(state_size, (list, tuple)) else state_size
