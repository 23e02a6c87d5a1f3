"""Max pooling layers: `MaxPooling1D`, `MaxPooling2D`, `MaxPooling3D`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.pooling.base_pooling import BasePooling


@LAYERS.register("MaxPool1D")
class MaxPooling1D(BasePooling):
    """Takes the maximum of each window, over sequences.

    Args:
        pool_size: The size of the window.
        strides: The step of the window; its size by default.
        padding: `"valid"` (no padding) or `"same"`: the output is `ceil(size / stride)` long.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        name: The layer's name.
        **kwargs: Arguments of every layer.

    Example:
        >>> import torch
        >>> MaxPooling1D(2)(torch.ones(1, 4, 3)).shape
        torch.Size([1, 2, 3])
    """

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, 1, "max", padding, data_format, name, **kwargs)


@LAYERS.register("MaxPool2D")
class MaxPooling2D(BasePooling):
    """Takes the maximum of each window, over images.

    Args:
        pool_size: The size of the window.
        strides: The step of the window; its size by default.
        padding: `"valid"` (no padding) or `"same"`: the output is `ceil(size / stride)` long.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        name: The layer's name.
        **kwargs: Arguments of every layer.

    Example:
        >>> import torch
        >>> MaxPooling2D(2)(torch.ones(1, 4, 4, 3)).shape
        torch.Size([1, 2, 2, 3])
    """

    def __init__(
        self,
        pool_size: int | Sequence[int] = (2, 2),
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, 2, "max", padding, data_format, name, **kwargs)


@LAYERS.register("MaxPool3D")
class MaxPooling3D(BasePooling):
    """Takes the maximum of each window, over volumes.

    Args:
        pool_size: The size of the window.
        strides: The step of the window; its size by default.
        padding: `"valid"` (no padding) or `"same"`: the output is `ceil(size / stride)` long.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        name: The layer's name.
        **kwargs: Arguments of every layer.

    Example:
        >>> import torch
        >>> MaxPooling3D(2)(torch.ones(1, 4, 4, 4, 3)).shape
        torch.Size([1, 2, 2, 2, 3])
    """

    def __init__(
        self,
        pool_size: int | Sequence[int] = (2, 2, 2),
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, 3, "max", padding, data_format, name, **kwargs)
