"""`Merge(mode="cos")` of Keras 1."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.merging.dot import Dot


@LAYERS.register()
class CosineMerge(Dot):
    """The cosines of two inputs, with one more axis in the second place, as Keras 1 had them.

    Args:
        axes: The axis to sum over, in both inputs, or one axis for each.
        **kwargs: Arguments of every layer.

    Example:
        >>> CosineMerge(axes=1)([torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 4.0]])])
        tensor([[[0.6000]]])
    """

    def __init__(self, axes: Any = -1, **kwargs: Any) -> None:
        super().__init__(axes, **{**kwargs, "normalize": True})

    def call(self, inputs: Any) -> torch.Tensor:
        """Computes the cosines."""
        return super().call(inputs).unsqueeze(1)
