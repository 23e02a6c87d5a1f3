"""Bringing memory and random generators back to where they were before a step that failed, or was only tried."""

from __future__ import annotations

from collections.abc import Sequence

import torch


class Saved:
    """Copies of tensors, and the states of generators.

    Args:
        tensors: The tensors, as aliases that need no gradients.
        generators: The generators.

    Attributes:
        copies: What the tensors held.
        states: Where the generators stood.

    Example:
        >>> weight = torch.ones(2)
        >>> saved = Saved([weight], [torch.default_generator])
        >>> first = weight.add_(1).uniform_().tolist()
        >>> saved.restore()
        >>> weight
        tensor([1., 1.])
        >>> weight.uniform_().tolist() == first
        True
    """

    def __init__(self, tensors: Sequence[torch.Tensor], generators: Sequence[torch.Generator]) -> None:
        self._tensors, self._generators = tensors, generators
        self.copies = [tensor.clone() for tensor in tensors]
        self.states = [generator.get_state() for generator in generators]

    def restore(self) -> None:
        """Writes back what has changed; the rest may be memory that must not be written to."""
        with torch.no_grad():
            for tensor, copy in zip(self._tensors, self.copies, strict=True):
                if not torch.equal(tensor, copy):
                    tensor.copy_(copy)
        for generator, state in zip(self._generators, self.states, strict=True):
            generator.set_state(state)
