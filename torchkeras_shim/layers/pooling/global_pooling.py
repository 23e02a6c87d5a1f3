"""Pooling over whole samples: `GlobalAveragePooling1D`, `GlobalMaxPooling2D` and so on."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.config import standardize_data_format
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.layers.weightless import build_at_once


class BaseGlobalPooling(Layer):
    """Pooling over all spatial dimensions.

    Args:
        pool_dimensions: The number of spatial dimensions.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        keepdims: Whether the spatial dimensions stay, with size 1.
        **kwargs: Arguments of every layer.
    """

    _treats_samples_alone = True

    def __init__(
        self, pool_dimensions: int, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.keepdims = bool(keepdims)
        self.input_spec = InputSpec(ndim=pool_dimensions + 2)
        build_at_once(self)
        first = 1 if self.data_format == "channels_last" else 2
        self._axes = tuple(range(first, first + pool_dimensions))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "data_format": self.data_format, "keepdims": self.keepdims}


class GlobalAverage(BaseGlobalPooling):
    """The mean over all spatial dimensions."""

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the means."""
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_dtype)
        return inputs.mean(self._axes, self.keepdims)


class GlobalMax(BaseGlobalPooling):
    """The maximum over all spatial dimensions."""

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the maxima."""
        return inputs.amax(self._axes, self.keepdims)


@LAYERS.register("GlobalAvgPool1D")
class GlobalAveragePooling1D(GlobalAverage):
    """The mean over the steps of a sequence; masked steps do not count.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        keepdims: Whether the step dimension stays, with size 1.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Call arguments:
        inputs: Of shape (batch, steps, channels), channels second if channels-first.
        mask: Of shape (batch, steps): which steps count.

    Example:
        >>> GlobalAveragePooling1D()(torch.arange(4.0).reshape(1, 4, 1))
        tensor([[1.5000]])
    """

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(1, data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Returns the means."""
        if mask is None:
            return super().call(inputs)
        axis = self._axes[0]
        counts = mask.unsqueeze(3 - axis).to(torch.bool)
        total = torch.where(counts, inputs, 0).sum(axis, self.keepdims)
        return total / counts.to(total.dtype).sum(axis, self.keepdims)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Returns `None`: the steps are gone."""
        return None


@LAYERS.register("GlobalAvgPool2D")
class GlobalAveragePooling2D(GlobalAverage):
    """The mean over the places of an image.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        keepdims: Whether the spatial dimensions stay, with size 1.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> GlobalAveragePooling2D()(torch.ones(2, 4, 4, 3)).shape
        torch.Size([2, 3])
    """

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(2, data_format, keepdims, **kwargs)


@LAYERS.register("GlobalAvgPool3D")
class GlobalAveragePooling3D(GlobalAverage):
    """The mean over the places of a volume.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        keepdims: Whether the spatial dimensions stay, with size 1.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> GlobalAveragePooling3D(keepdims=True)(torch.ones(2, 4, 4, 4, 3)).shape
        torch.Size([2, 1, 1, 1, 3])
    """

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(3, data_format, keepdims, **kwargs)


@LAYERS.register("GlobalMaxPool1D")
class GlobalMaxPooling1D(GlobalMax):
    """The maximum over the steps of a sequence.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        keepdims: Whether the step dimension stays, with size 1.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> GlobalMaxPooling1D()(torch.arange(4.0).reshape(1, 4, 1))
        tensor([[3.]])
    """

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(1, data_format, keepdims, **kwargs)


@LAYERS.register("GlobalMaxPool2D")
class GlobalMaxPooling2D(GlobalMax):
    """The maximum over the places of an image.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        keepdims: Whether the spatial dimensions stay, with size 1.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> GlobalMaxPooling2D()(torch.ones(2, 4, 4, 3)).shape
        torch.Size([2, 3])
    """

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(2, data_format, keepdims, **kwargs)


@LAYERS.register("GlobalMaxPool3D")
class GlobalMaxPooling3D(GlobalMax):
    """The maximum over the places of a volume.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        keepdims: Whether the spatial dimensions stay, with size 1.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> GlobalMaxPooling3D()(torch.ones(2, 4, 4, 4, 3)).shape
        torch.Size([2, 3])
    """

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(3, data_format, keepdims, **kwargs)
