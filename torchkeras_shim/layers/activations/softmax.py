"""`Softmax`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim import activations
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.weightless import build_at_once


@LAYERS.register()
class Softmax(Layer):
    """Makes probabilities of scores.

    Args:
        axis: The axis (or axes) that sums to one.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Call arguments:
        inputs: The scores.
        mask: Where the scores count: booleans that broadcast to the inputs. Everything else gets probability 0.

    Example:
        >>> Softmax()(torch.tensor([1.0, 1.0]), mask=torch.tensor([True, False]))
        tensor([1., 0.])
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = None if axis is None else arguments.axes(self, "axis", axis)
        self.supports_masking = True
        build_at_once(self)

    def call(self, inputs: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Returns the probabilities."""
        if mask is not None:
            return self._masked(inputs, mask)
        axis = self.axis
        if isinstance(axis, int):
            return activations.softmax(inputs, axis=axis)  # type: ignore[no-any-return]
        if axis is None:
            axis = range(inputs.ndim)
        if len(axis) == 1:
            return activations.softmax(inputs, axis=axis[0])  # type: ignore[no-any-return]
        return torch.exp(inputs - torch.logsumexp(inputs, dim=tuple(axis), keepdim=True))

    def _masked(self, inputs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        pairs = zip(reversed(mask.shape), reversed(inputs.shape), strict=False)
        if mask.ndim > inputs.ndim or any(size not in (1, expected) for size, expected in pairs):
            raise ValueError(
                f"The `mask` must be broadcastable to `inputs` and must not have more dimensions. Each mask dimension "
                f"must be 1 or match the corresponding input dimension. Received: inputs.shape={tuple(inputs.shape)}, "
                f"mask.shape={tuple(mask.shape)}"
            )
        if mask.dtype != torch.bool:
            mask = mask > 0.5
        lowest = -3e4 if inputs.dtype == torch.float16 else -1e9
        outputs = self.call(torch.where(mask, inputs, lowest))
        return torch.where(mask, outputs, 0.0)  # a row that is masked as a whole would be uniform

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "axis": list(self.axis) if isinstance(self.axis, (list, tuple)) else self.axis}
