"""`UnitNormalization`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.weightless import build_at_once


@LAYERS.register()
class UnitNormalization(Layer):
    """Divides by the Euclidean length along some axes.

    Args:
        axis: The axis or axes.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        TypeError: If `axis` is neither an integer nor a list of them.
        ValueError: If the inputs do not have such an axis.

    Example:
        >>> UnitNormalization()(torch.tensor([[3.0, 4.0]]))
        tensor([[0.6000, 0.8000]])
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        sentence = "Invalid value for `axis` argument: expected an int or a list/tuple of ints. Received: axis={value}."
        self.axis = arguments.axes(self, "axis", axis, sentence)
        self._dim = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        self.supports_masking = True
        build_at_once(self)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Divides."""
        x = inputs if inputs.is_floating_point() else inputs.to(self._compute_dtype)
        try:
            return F.normalize(x, dim=self._dim, eps=1e-12)  # type: ignore[arg-type]
        except IndexError as error:
            raise ValueError(
                f"Layer '{self.name}': axis {self.axis} is out of bounds for input shape {tuple(inputs.shape)}."
            ) from error

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "axis": self.axis if isinstance(self.axis, int) else list(self.axis)}
