"""What image operations share: ranks, the two layouts, and types that torch cannot compute with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim.core import config
from torchkeras_shim.ops.promotion import as_tensor

__all__ = ["as_images", "channels_last", "one_of", "restored", "sized", "through_nhwc"]


def as_images(images: Any, name: str = "images") -> torch.Tensor:
    """Returns images as a tensor.

    Raises:
        ValueError: If the rank is neither 3 (one image) nor 4 (a batch of them).
    """
    tensor = as_tensor(images)
    if tensor.dim() not in (3, 4):
        raise ValueError(
            "Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). "
            f"Received input with shape: {name}.shape={tuple(tensor.shape)}"
        )
    return tensor


def channels_last(data_format: str | None) -> bool:
    """Returns whether a data format (the global setting for `None`) has the channels at the end."""
    return config.standardize_data_format(data_format) == "channels_last"


def through_nhwc(
    images: torch.Tensor, data_format: str | None, function: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """Applies a function of batches with channels last to images of any rank and layout."""
    last = channels_last(data_format)
    batch = images if images.dim() == 4 else images.unsqueeze(0)
    result = function(batch if last else batch.permute(0, 2, 3, 1))
    if not last:
        result = result.permute(0, 3, 1, 2)
    return result if images.dim() == 4 else result.squeeze(0)


def sized(images: torch.Tensor, data_format: str | None) -> tuple[int, int]:
    """Returns height and width."""
    shape = images.shape[-3:-1] if channels_last(data_format) else images.shape[-2:]
    return shape[0], shape[1]


def restored(values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Returns computed pixels in the type of the images, integers rounded and kept within their range."""
    if values.dtype == dtype:
        return values
    if dtype.is_floating_point:
        return values.to(dtype)
    if dtype == torch.bool:
        return values.round().to(dtype)
    bounds = torch.iinfo(dtype)
    return values.round().clamp(bounds.min, bounds.max).to(dtype)


def one_of(name: str, value: Any, allowed: Sequence[str]) -> None:
    """Raises a ValueError for a choice that does not exist."""
    if value not in allowed:
        raise ValueError(
            f"Invalid value for argument `{name}`. Expected one of {tuple(allowed)}. Received: {name}={value!r}"
        )
