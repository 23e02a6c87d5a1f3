"""Padding layers: `ZeroPadding1D`, `ZeroPadding2D`, `ZeroPadding3D`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core.config import standardize_data_format
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.layers.reshaping.amounts import standardize_amounts


class BaseZeroPadding(Layer):
    """Zeros at both ends of each spatial dimension."""

    _grows_by = ("padding",)

    data_format: str
    padding: Any
    _amounts: tuple[int, ...]

    def _pad(self, pairs: Sequence[Sequence[int]]) -> None:
        amounts = [amount for pair in reversed(pairs) for amount in pair]  # torch counts from the last dimension
        self._amounts = tuple([0, 0, *amounts] if self.data_format == "channels_last" else amounts)
        self.input_spec = InputSpec(ndim=len(pairs) + 2)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Pads."""
        return F.pad(inputs, self._amounts)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "padding": self.padding, "data_format": self.data_format}


@LAYERS.register()
class ZeroPadding1D(BaseZeroPadding):
    """Puts zeros around sequences.

    Args:
        padding: How many zeros at the start and at the end, or one number for both.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If an argument is not valid.

    Example:
        >>> ZeroPadding1D(1)(torch.ones(2, 8, 3)).shape
        torch.Size([2, 10, 3])
    """

    def __init__(self, padding: int | Sequence[int] = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.padding = arguments.sizes(self, "padding", padding, 2, allow_zero=True)
        self._pad((self.padding,))


@LAYERS.register()
class ZeroPadding2D(BaseZeroPadding):
    """Puts zeros around images.

    Args:
        padding: How many zeros: one number, one per dimension, or a pair (start, end) per dimension.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If an argument is not valid.

    Example:
        >>> ZeroPadding2D(1)(torch.ones(1, 6, 5, 3)).shape
        torch.Size([1, 8, 7, 3])
    """

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.padding = arguments.of(self, "padding", lambda: standardize_amounts(padding, 2, "padding"))
        self._pad(self.padding)


@LAYERS.register()
class ZeroPadding3D(BaseZeroPadding):
    """Puts zeros around volumes.

    Args:
        padding: How many zeros: one number, one per dimension, or a pair (start, end) per dimension.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If an argument is not valid.

    Example:
        >>> ZeroPadding3D(1)(torch.ones(1, 6, 5, 4, 3)).shape
        torch.Size([1, 8, 7, 6, 3])
    """

    def __init__(self, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.padding = arguments.of(self, "padding", lambda: standardize_amounts(padding, 3, "padding"))
        self._pad(self.padding)
