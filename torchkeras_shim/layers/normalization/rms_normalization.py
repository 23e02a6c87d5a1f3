"""`RMSNormalization`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core.variable import Variable
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.normalization.axes import within
from torchkeras_shim.ops.normalization import are_trailing, rms_normalization


@LAYERS.register()
class RMSNormalization(Layer):
    """Divides by the root of the mean square over some axes, then scales.

    Args:
        axis: The axis or axes.
        epsilon: What keeps the division finite.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If the inputs do not have such an axis.

    Example:
        >>> RMSNormalization(epsilon=0.0)(torch.tensor([[3.0, 3.0]])).detach()
        tensor([[1., 1.]])
    """

    scale: Variable
    axis: Any

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = arguments.axes(self, "axis", axis)
        self.epsilon = arguments.number(self, "epsilon", epsilon)
        self._trailing = 0  # the number of axes, where they are the last ones

    def build(self, input_shape: Any) -> None:
        """Creates the scale, of the shape of the axes."""
        self.axis = axes = within(self, input_shape)
        self.scale = self.add_weight(name="scale", shape=tuple(input_shape[axis] for axis in axes), initializer="ones")
        self._trailing = len(axes) if are_trailing(axes, len(input_shape)) else 0

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Normalizes."""
        scale: torch.Tensor = self.scale
        if self._trailing and inputs.dtype is scale.dtype:
            return F.rms_norm(inputs, inputs.shape[-self._trailing :], scale, self.epsilon)
        x = inputs if inputs.is_floating_point() else inputs.to(self._compute_dtype)
        run = rms_normalization.__wrapped__  # type: ignore[attr-defined]
        return run(x, scale, list(self.axis), self.epsilon)  # type: ignore[no-any-return]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        axis = self.axis if isinstance(self.axis, int) else list(self.axis)
        return {**super().get_config(), "axis": axis, "epsilon": self.epsilon}
