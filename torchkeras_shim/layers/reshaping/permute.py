"""`Permute`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.input_spec import InputSpec


@LAYERS.register()
class Permute(Layer):
    """Reorders the dimensions of each sample.

    Args:
        dims: The dimensions in their new order, counted from 1: the batch, 0, stays first.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If `dims` is not a permutation of 1, 2, ...

    Example:
        >>> Permute((2, 1))(torch.ones(5, 3, 4)).shape
        torch.Size([5, 4, 3])
    """

    _treats_samples_alone = True

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = arguments.shape(self, "dims", dims)
        if not self.dims or sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                "Invalid permutation argument `dims` for Permute Layer. The set of indices in `dims` must be "
                f"consecutive and start from 1. Received dims={dims}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)
        self._order = (0, *self.dims)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns a permuted view."""
        return inputs.permute(self._order)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "dims": self.dims}
