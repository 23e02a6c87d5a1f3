"""Pooling to a given size: `AdaptiveAveragePooling1D`, `AdaptiveMaxPooling2D` and so on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim.core import config
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.layers.weightless import build_at_once
from torchkeras_shim.ops.adaptive_pooling import adaptive_average_pool, adaptive_max_pool


class BaseAdaptivePooling(Layer):
    """Pooling over as many windows as the output has places.

    Args:
        rank: The number of spatial dimensions.
        output_size: The size of the output, one number or one per dimension.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: Arguments of every layer.
    """

    _grows_by = ("output_size",)

    _pool: Callable[..., Any]

    def __init__(self, rank: int, output_size: int | Sequence[int], data_format: str | None, **kwargs: Any) -> None:
        if arguments.is_integer(output_size):
            sizes: Any = output_size
        elif isinstance(output_size, (tuple, list)):
            if len(output_size) != rank:
                kind = ValueError if rank == 1 else TypeError  # as Keras has it
                raise kind(f"For {rank}D input, `output_size` must have length {rank}. Received: {output_size}")
            sizes = output_size
        else:
            raise TypeError(
                f"`output_size` must be an integer or a tuple of {rank} integers. Received: {output_size} of type "
                f"{type(output_size)}"
            )
        super().__init__(**kwargs)
        self.output_size = arguments.sizes(self, "output_size", sizes, rank)
        self.data_format = data_format or config.image_data_format()
        if self.data_format not in ("channels_first", "channels_last"):
            raise ValueError(f"Invalid data_format: {self.data_format}. Expected 'channels_first' or 'channels_last'.")
        self.input_spec = InputSpec(ndim=rank + 2)
        build_at_once(self)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Pools."""
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_dtype)
        return type(self)._pool(inputs, self.output_size, self.data_format)  # type: ignore[no-any-return]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "output_size": self.output_size, "data_format": self.data_format}


class _Average(BaseAdaptivePooling):
    _pool = staticmethod(adaptive_average_pool.__wrapped__)  # type: ignore[attr-defined]


class _Max(BaseAdaptivePooling):
    _pool = staticmethod(adaptive_max_pool.__wrapped__)  # type: ignore[attr-defined]


@LAYERS.register()
class AdaptiveAveragePooling1D(_Average):
    """Takes the mean over as many windows of sequences as the output has places; windows may overlap.

    Args:
        output_size: The size of the output, one number or one per dimension.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        TypeError: If `output_size` is neither an integer nor a tuple.
        ValueError: If the tuple has another length, or `data_format` is unknown.

    Example:
        >>> AdaptiveAveragePooling1D(2)(torch.ones(1, 5, 3)).shape
        torch.Size([1, 2, 3])
    """

    def __init__(self, output_size: int | Sequence[int], data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(1, output_size, data_format, **kwargs)


@LAYERS.register()
class AdaptiveAveragePooling2D(_Average):
    """Takes the mean over as many windows of images as the output has places; windows may overlap.

    Args:
        output_size: The size of the output, one number or one per dimension.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        TypeError: If `output_size` is neither an integer nor a tuple of the right length.
        ValueError: If `data_format` is unknown.

    Example:
        >>> AdaptiveAveragePooling2D(2)(torch.ones(1, 5, 5, 3)).shape
        torch.Size([1, 2, 2, 3])
    """

    def __init__(self, output_size: int | Sequence[int], data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(2, output_size, data_format, **kwargs)


@LAYERS.register()
class AdaptiveAveragePooling3D(_Average):
    """Takes the mean over as many windows of volumes as the output has places; windows may overlap.

    Args:
        output_size: The size of the output, one number or one per dimension.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        TypeError: If `output_size` is neither an integer nor a tuple of the right length.
        ValueError: If `data_format` is unknown.

    Example:
        >>> AdaptiveAveragePooling3D(2)(torch.ones(1, 5, 5, 5, 3)).shape
        torch.Size([1, 2, 2, 2, 3])
    """

    def __init__(self, output_size: int | Sequence[int], data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(3, output_size, data_format, **kwargs)


@LAYERS.register()
class AdaptiveMaxPooling1D(_Max):
    """Takes the maximum over as many windows of sequences as the output has places; windows may overlap.

    Args:
        output_size: The size of the output, one number or one per dimension.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        TypeError: If `output_size` is neither an integer nor a tuple.
        ValueError: If the tuple has another length, or `data_format` is unknown.

    Example:
        >>> AdaptiveMaxPooling1D(2)(torch.ones(1, 5, 3)).shape
        torch.Size([1, 2, 3])
    """

    def __init__(self, output_size: int | Sequence[int], data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(1, output_size, data_format, **kwargs)


@LAYERS.register()
class AdaptiveMaxPooling2D(_Max):
    """Takes the maximum over as many windows of images as the output has places; windows may overlap.

    Args:
        output_size: The size of the output, one number or one per dimension.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        TypeError: If `output_size` is neither an integer nor a tuple of the right length.
        ValueError: If `data_format` is unknown.

    Example:
        >>> AdaptiveMaxPooling2D(2)(torch.ones(1, 5, 5, 3)).shape
        torch.Size([1, 2, 2, 3])
    """

    def __init__(self, output_size: int | Sequence[int], data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(2, output_size, data_format, **kwargs)


@LAYERS.register()
class AdaptiveMaxPooling3D(_Max):
    """Takes the maximum over as many windows of volumes as the output has places; windows may overlap.

    Args:
        output_size: The size of the output, one number or one per dimension.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        TypeError: If `output_size` is neither an integer nor a tuple of the right length.
        ValueError: If `data_format` is unknown.

    Example:
        >>> AdaptiveMaxPooling3D(2)(torch.ones(1, 5, 5, 5, 3)).shape
        torch.Size([1, 2, 2, 2, 3])
    """

    def __init__(self, output_size: int | Sequence[int], data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(3, output_size, data_format, **kwargs)
