"""Cropping layers: `Cropping1D`, `Cropping2D`, `Cropping3D`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core.config import standardize_data_format
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.layers.reshaping.amounts import spatial_axes, standardize_amounts


class BaseCropping(Layer):
    """Cropping at both ends of each spatial dimension. The result is a view: no value is copied."""

    cropping: Any
    _pairs: Sequence[Sequence[int]]
    _axes: Sequence[int]

    def _crop(self, pairs: Sequence[Sequence[int]], data_format: str) -> None:
        self._pairs = tuple(pairs)
        self._axes = spatial_axes(len(self._pairs), data_format)
        self.input_spec = InputSpec(ndim=len(self._pairs) + 2)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Crops."""
        outputs = inputs
        for axis, (before, after) in zip(self._axes, self._pairs, strict=True):
            size = inputs.shape[axis]
            if before + after >= size:
                rule = (
                    "Values in `cropping` argument should be smaller than the corresponding spatial dimension of the "
                )
                rule += "input"
                if len(self._pairs) == 1:
                    rule = "`cropping` parameter of `Cropping1D` layer must be smaller than the input length"
                raise ValueError(
                    f"{rule}. Received: inputs.shape={tuple(inputs.shape)}, cropping={self.cropping}, which leaves "
                    f"nothing of axis {axis}, in layer '{self.name}'."
                )
            if before or after:
                outputs = outputs.narrow(axis, before, size - before - after)
        return outputs


@LAYERS.register()
class Cropping1D(BaseCropping):
    """Cuts steps off both ends of sequences.

    Args:
        cropping: How many steps to cut off at the start and at the end, or one number for both.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Input shape:
        `(batch, steps, features)`

    Raises:
        ValueError: If an argument is not valid, or if nothing is left.

    Example:
        >>> Cropping1D((1, 2))(torch.ones(2, 8, 3)).shape
        torch.Size([2, 5, 3])
    """

    def __init__(self, cropping: int | Sequence[int] = (1, 1), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cropping = arguments.sizes(self, "cropping", cropping, 2, allow_zero=True)
        self._crop((self.cropping,), "channels_last")

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "cropping": self.cropping}


@LAYERS.register()
class Cropping2D(BaseCropping):
    """Cuts off the borders of images.

    Args:
        cropping: How much to cut off: one number, one per dimension, or a pair (start, end) per dimension.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If an argument is not valid, or if nothing is left.

    Example:
        >>> Cropping2D(1)(torch.ones(1, 6, 5, 3)).shape
        torch.Size([1, 4, 3, 3])
    """

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.cropping = arguments.of(self, "cropping", lambda: standardize_amounts(cropping, 2, "cropping"))
        self._crop(self.cropping, self.data_format)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "cropping": self.cropping, "data_format": self.data_format}


@LAYERS.register()
class Cropping3D(BaseCropping):
    """Cuts off the borders of volumes.

    Args:
        cropping: How much to cut off: one number, one per dimension, or a pair (start, end) per dimension.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If an argument is not valid, or if nothing is left.

    Example:
        >>> Cropping3D(1)(torch.ones(1, 6, 5, 4, 3)).shape
        torch.Size([1, 4, 3, 2, 3])
    """

    def __init__(self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.cropping = arguments.of(self, "cropping", lambda: standardize_amounts(cropping, 3, "cropping"))
        self._crop(self.cropping, self.data_format)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "cropping": self.cropping, "data_format": self.data_format}
