"""Dropout in cells: masks that are drawn once per sequence and stay the same for every step."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import Layer
from torchkeras_shim.layers.seeding import LayerSeedGenerator
from torchkeras_shim.random.masks import keep_mask


class DropoutCell(Layer):
    """The base of cells that drop a share of their inputs and of their state.

    Constructors call `_set_dropout`; whoever runs the cell over a sequence resets the masks before it.
    """

    dropout: float
    recurrent_dropout: float
    seed: int | None
    #: How many masks there are, one per gate; `None` for one mask that all gates share.
    dropout_mask_count: int | None

    def _set_dropout(self, dropout: float, recurrent_dropout: float, seed: int | None, masks: int | None) -> None:
        # As in Keras, a rate outside of 0 to 1 counts as the nearest that is inside.
        self.dropout = min(1.0, max(0.0, arguments.number(self, "dropout", dropout)))
        recurrent_dropout = arguments.number(self, "recurrent_dropout", recurrent_dropout)
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self.seed = seed = arguments.seed(self, seed)
        self.dropout_mask_count = masks
        self.seed_generator = LayerSeedGenerator(seed)
        self._dropout_mask: Any = None
        self._recurrent_dropout_mask: Any = None

    def get_dropout_mask(self, step_input: torch.Tensor) -> Any:
        """Returns the mask of the inputs, the same for every step until it is reset; `None` without dropout.

        Args:
            step_input: The inputs of one step, for shape and type.
        """
        if self._dropout_mask is None and self.dropout > 0:
            self.__dict__["_dropout_mask"] = self._draw(step_input, self.dropout)
        return self._dropout_mask

    def get_recurrent_dropout_mask(self, step_input: torch.Tensor) -> Any:
        """Returns the mask of the state, the same for every step until it is reset; `None` without dropout.

        Args:
            step_input: The state, for shape and type.
        """
        if self._recurrent_dropout_mask is None and self.recurrent_dropout > 0:
            self.__dict__["_recurrent_dropout_mask"] = self._draw(step_input, self.recurrent_dropout)
        return self._recurrent_dropout_mask

    def reset_dropout_mask(self) -> None:
        """Forgets the mask of the inputs."""
        self.__dict__["_dropout_mask"] = None

    def reset_recurrent_dropout_mask(self) -> None:
        """Forgets the mask of the state."""
        self.__dict__["_recurrent_dropout_mask"] = None

    def _draw(self, like: torch.Tensor, rate: float) -> Any:
        count = self.dropout_mask_count
        return self._mask(like, rate) if count is None else [self._mask(like, rate) for _ in range(count)]

    def _mask(self, like: torch.Tensor, rate: float) -> torch.Tensor:
        if rate == 1:
            return torch.zeros_like(like, requires_grad=False)
        generator = None if like.is_meta else self.seed_generator.on(like.device)  # there is none on the meta device
        return keep_mask(like, 1.0 - rate, generator).div_(1.0 - rate)

    def _dropped(self, inputs: torch.Tensor, training: bool) -> Any:
        """The inputs under dropout: one tensor, or one per gate."""
        if not training or not 0.0 < self.dropout < 1.0:
            return inputs
        mask = self.get_dropout_mask(inputs)
        return [inputs * one for one in mask] if isinstance(mask, list) else inputs * mask

    def _dropped_state(self, state: torch.Tensor, training: bool) -> Any:
        """The state under dropout: one tensor, or one per gate."""
        if not training or not 0.0 < self.recurrent_dropout < 1.0:
            return state
        mask = self.get_recurrent_dropout_mask(state)
        return [state * one for one in mask] if isinstance(mask, list) else state * mask
