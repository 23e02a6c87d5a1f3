"""`Concatenate` and its function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.merging.base_merge import Merge, checked_masks
from torchkeras_shim.ops import convert_to_tensor


@LAYERS.register()
class Concatenate(Merge):
    """Puts its inputs one behind the other along an axis.

    Args:
        axis: The axis. All other dimensions of the inputs must be the same.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> Concatenate()([torch.ones(2, 3), torch.ones(2, 4)]).shape
        torch.Size([2, 7])
    """

    _keeps_shape = False

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = arguments.integer(self, "axis", axis)

    def build(self, input_shape: Any) -> None:
        """Checks that the shapes fit.

        Raises:
            ValueError: If they do not, or if there is not a list of inputs.
        """
        if not input_shape or not isinstance(input_shape[0], (tuple, list)):
            raise ValueError(
                f"Layer '{self.name}': a `Concatenate` layer should be called on a list of at least 1 input, such as "
                f"`layer([a, b])`. Received: input_shape={input_shape}"
            )
        ranks = {len(shape) for shape in input_shape}
        fits = len(ranks) == 1
        if fits:
            axis = self.axis % max(ranks.pop(), 1)
            columns = [set(sizes) - {None} for sizes in zip(*input_shape, strict=True)]
            fits = all(len(sizes) <= 1 for index, sizes in enumerate(columns) if index != axis)
        if not fits:
            raise ValueError(
                f"Layer '{self.name}': a `Concatenate` layer requires inputs with matching shapes except for the "
                f"concatenation axis. Received: input_shape={input_shape}, axis={self.axis}"
            )

    def _merge_function(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.cat(tuple(inputs), self.axis)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Returns the masks one behind the other; inputs without a mask count everywhere.

        Raises:
            ValueError: If inputs and masks are not lists of the same length.
        """
        masks = checked_masks(inputs, mask)
        if masks is None or all(m is None for m in masks):
            return None
        full = []
        for x, m in zip(map(convert_to_tensor, inputs), masks, strict=True):
            if m is None:
                m = torch.ones(x.shape, dtype=torch.bool, device=x.device)
            elif m.ndim < x.ndim:
                m = m.unsqueeze(-1).to(torch.bool).expand(x.shape)
            full.append(m)
        return torch.cat(full, self.axis).any(-1)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "axis": self.axis}


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """Puts tensors one behind the other: the function to the layer `Concatenate`.

    Args:
        inputs: A list of tensors, symbolic or not.
        axis: The axis.
        **kwargs: Arguments of the layer.

    Example:
        >>> concatenate([torch.ones(2, 3), torch.ones(4, 3)], axis=0).shape
        torch.Size([6, 3])
    """
    return Concatenate(axis=axis, **kwargs)(inputs)
