"""What the pooling layers of every rank share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core.config import standardize_data_format
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import Layer
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.layers.weightless import build_at_once
from torchkeras_shim.ops import pooling
from torchkeras_shim.ops.windows import empty_output_error, standardize_padding


class BasePooling(Layer):
    """Pooling over `pool_dimensions` spatial dimensions.

    Args:
        pool_size: The size of the window, one number or one per dimension.
        strides: The step of the window; its size by default.
        pool_dimensions: The number of spatial dimensions.
        pool_mode: `"max"` or `"average"`.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        name: The layer's name.
        **kwargs: Arguments of every layer.
    """

    _treats_samples_alone = True

    def __init__(
        self,
        pool_size: int | Sequence[int],
        strides: int | Sequence[int] | None,
        pool_dimensions: int,
        pool_mode: str = "max",
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.pool_size = arguments.sizes(self, "pool_size", pool_size, pool_dimensions)
        self.strides = self.pool_size if strides is None else arguments.sizes(self, "strides", strides, pool_dimensions)
        self.pool_mode = pool_mode
        self.padding = standardize_padding(padding)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=pool_dimensions + 2)
        self._same = self.padding == "same"
        self._channels_last = self.data_format == "channels_last"
        build_at_once(self)

    def _check_output_size(self, shape: tuple[int | None, ...]) -> None:
        spatial = shape[1:-1] if self._channels_last else shape[2:]
        short = any(size is not None and size < window for size, window in zip(spatial, self.pool_size, strict=True))
        if short and not self._same:
            raise empty_output_error(
                shape, self.pool_size, self.strides, self.padding, self._channels_last, f"Layer '{self.name}': "
            )

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Pools."""
        if not inputs.is_floating_point():
            function = pooling.max_pool if self.pool_mode == "max" else pooling.average_pool
            return function(inputs, self.pool_size, self.strides, self.padding, self.data_format)  # type: ignore[no-any-return]
        try:
            return pooling.pool(self.pool_mode, inputs, self.pool_size, self.strides, self._same, self._channels_last)
        except RuntimeError:
            self._check_output_size(tuple(inputs.shape))
            raise

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "padding": self.padding,
            "strides": self.strides,
            "data_format": self.data_format,
        }
