"""The table of initializers and their base class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core.registry import Registry

INITIALIZERS = Registry("initializer", "keras.initializers")


@INITIALIZERS.register("initializer")
class Initializer:
    """Base class of initializers: a subclass returns a tensor from `__call__(shape, dtype=None)`.

    Example:
        >>> class Sevens(Initializer):
        ...     def __call__(self, shape, dtype=None):
        ...         return torch.full(tuple(shape), 7.0)
        >>> Sevens()((2,))
        tensor([7., 7.])
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        """Returns the initial values.

        Args:
            shape: The shape.
            dtype: The type, `floatx()` by default.
        """
        raise NotImplementedError("Initializer subclasses must implement the `__call__()` method.")

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """Rebuilds an initializer from `get_config()`."""
        return cls(**config)

    def clone(self) -> Initializer:
        """Returns another initializer with the same settings."""
        return type(self).from_config(self.get_config())
