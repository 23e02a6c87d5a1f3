"""Layers that enlarge: `UpSampling1D`, `UpSampling2D`, `UpSampling3D`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core.config import standardize_data_format
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.layers.reshaping.amounts import spatial_axes
from torchkeras_shim.ops.image.resizing import resize
from torchkeras_shim.ops.windows import TO_FIRST, TO_LAST

_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area")


@LAYERS.register()
class UpSampling1D(Layer):
    """Repeats each step of sequences.

    Args:
        size: How often.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Input shape:
        `(batch, steps, features)`

    Raises:
        TypeError: If `size` is not an integer.
        ValueError: If `size` is not positive.

    Example:
        >>> UpSampling1D(2)(torch.tensor([[[1.0], [2.0]]])).flatten()
        tensor([1., 1., 2., 2.])
    """

    _grows_by = ("size",)

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        sentence = "Argument `size` should be a positive integer. Received: size={value}."
        self.size = arguments.positive_integer(self, "size", size, sentence, mistyped=TypeError)
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Repeats."""
        return _repeat(inputs, (1,), (self.size,))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "size": self.size}


class BaseUpSampling(Layer):
    """Enlarging images or volumes by whole factors."""

    _grows_by = ("size",)

    def __init__(self, rank: int, size: int | Sequence[int], data_format: str | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.size = arguments.sizes(self, "size", size, rank)
        self.input_spec = InputSpec(ndim=rank + 2)
        self._axes = spatial_axes(rank, self.data_format)
        self._rank = rank

    def _interpolate(self, inputs: torch.Tensor, mode: str, **options: Any) -> torch.Tensor:
        """Runs torch's kernel; channels-last images are a view in its own channels_last memory."""
        size = [inputs.shape[axis] * factor for axis, factor in zip(self._axes, self.size, strict=True)]
        if self.data_format == "channels_first":
            return F.interpolate(inputs, size, mode=mode, **options)
        return F.interpolate(inputs.permute(TO_FIRST[self._rank]), size, mode=mode, **options).permute(
            TO_LAST[self._rank]
        )

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Repeats each value."""
        if not inputs.is_floating_point():
            return _repeat(inputs, self._axes, self.size)
        # Not "nearest": that multiplies by a rounded 1 / factor, and may miss a value at its first place.
        return self._interpolate(inputs, "nearest-exact")


@LAYERS.register()
class UpSampling2D(BaseUpSampling):
    """Enlarges images.

    Args:
        size: The factors for height and width, or one number for both.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        interpolation: `"nearest"` (each pixel is repeated), `"bilinear"`, `"bicubic"`, `"lanczos3"`, `"lanczos5"` or
            `"area"`. The first two run on torch's kernels, the others as two matrix products.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If an argument is not valid.

    Example:
        >>> UpSampling2D((2, 3))(torch.ones(1, 4, 4, 3)).shape
        torch.Size([1, 8, 12, 3])
    """

    def __init__(
        self,
        size: int | Sequence[int] = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(2, size, data_format, **kwargs)
        self.interpolation = interpolation.lower() if isinstance(interpolation, str) else interpolation
        if self.interpolation not in _INTERPOLATIONS:
            raise ValueError(
                f"Invalid `interpolation` argument. Expected one of {_INTERPOLATIONS}. Received: "
                f"interpolation={interpolation!r}"
            )

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Enlarges."""
        if self.interpolation == "nearest":
            return super().call(inputs)
        if self.interpolation == "bilinear" and inputs.is_floating_point():
            return self._interpolate(inputs, "bilinear", align_corners=False)
        size = [inputs.shape[axis] * factor for axis, factor in zip(self._axes, self.size, strict=True)]
        run = resize.__wrapped__  # type: ignore[attr-defined]
        return run(inputs, size, self.interpolation, data_format=self.data_format)  # type: ignore[no-any-return]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "size": self.size,
            "data_format": self.data_format,
            "interpolation": self.interpolation,
        }


@LAYERS.register()
class UpSampling3D(BaseUpSampling):
    """Enlarges volumes by repeating each value.

    Args:
        size: The factors for the three dimensions, or one number for all.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If an argument is not valid.

    Example:
        >>> UpSampling3D(2)(torch.ones(1, 2, 3, 4, 5)).shape
        torch.Size([1, 4, 6, 8, 5])
    """

    def __init__(self, size: int | Sequence[int] = (2, 2, 2), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(3, size, data_format, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "size": self.size, "data_format": self.data_format}


def _repeat(x: torch.Tensor, axes: Sequence[int], factors: Sequence[int]) -> torch.Tensor:
    """Repeats each value along axes, in one copy."""
    shape, wide = list(x.shape), list(x.shape)
    for axis, factor in zip(reversed(axes), reversed(factors), strict=True):
        x = x.unsqueeze(axis + 1)
        wide.insert(axis + 1, factor)
        shape[axis] *= factor
    return x.expand(wide).reshape(shape)
