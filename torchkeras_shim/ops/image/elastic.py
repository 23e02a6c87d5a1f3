"""Images distorted by smooth noise."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import seeding
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.image.layout import as_images, one_of, restored, through_nhwc
from torchkeras_shim.ops.image.sampling import FILL_MODES, INTERPOLATIONS, sample, working_type
from torchkeras_shim.ops.promotion import device_of

__all__ = ["elastic_transform"]


@op
def elastic_transform(
    images: Any,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> Any:
    """Distorts images by smooth random displacements.

    Args:
        images: One image or a batch of them.
        alpha: How far pixels move.
        sigma: How smooth the displacements are.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_mode: What lies outside: `"constant"`, `"nearest"`, `"wrap"` or `"reflect"`.
        fill_value: The constant.
        seed: An integer, a `SeedGenerator`, or `None` for torch's global generator.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Raises:
        ValueError: If an argument does not exist.

    Example:
        >>> elastic_transform(torch.ones(4, 4, 1), seed=1).shape
        torch.Size([4, 4, 1])
    """
    one_of("interpolation", interpolation, INTERPOLATIONS)
    one_of("fill_mode", fill_mode, FILL_MODES)
    images = as_images(images)
    generator = seeding.generator_for(seed, device_of(images))

    def run(nhwc: torch.Tensor) -> torch.Tensor:
        batch, height, width, _ = nhwc.shape
        noise = torch.randn(
            (batch, 2, height, width), dtype=working_type(nhwc), device=nhwc.device, generator=generator
        )
        moved = alpha * smoothed(noise * sigma, sigma, largest=sigma)
        return displaced(nhwc, moved, interpolation, fill_mode, fill_value)

    return through_nhwc(images, data_format, run)


def smoothed(noise: torch.Tensor, sigma: Any, largest: float) -> torch.Tensor:
    """Blurs noise by a Gaussian, along one axis after the other.

    Args:
        noise: Of shape (batch, channels, height, width).
        sigma: The Gaussian's standard deviation, a number or a tensor of one.
        largest: The greatest number that it can be, which tells how much memory is needed without reading it.
    """
    reach = 6 * int(largest) // 2
    places = torch.arange(-reach, reach + 1, dtype=noise.dtype, device=noise.device)
    bell = torch.where(places == 0, 1.0, torch.exp(-0.5 * (places / sigma) ** 2))  # also where sigma is 0
    if isinstance(sigma, torch.Tensor):  # how far its own kernel reaches
        bell = torch.where(places.abs() <= 3 * sigma.floor(), bell, torch.zeros_like(bell))
    bell = (bell / bell.sum()).expand(noise.shape[1], 1, 1, -1)
    across = torch.conv2d(noise, bell, padding=[0, reach], groups=noise.shape[1])
    return torch.conv2d(across, bell.transpose(2, 3), padding=[reach, 0], groups=noise.shape[1])


def displaced(
    nhwc: torch.Tensor, moved: torch.Tensor, interpolation: str, fill_mode: str, fill_value: float
) -> torch.Tensor:
    """Takes each pixel from where `moved`, (batch, 2, height, width), says, to the right of it and downwards."""
    _, height, width, _ = nhwc.shape
    y = torch.arange(height, dtype=moved.dtype, device=nhwc.device).reshape(height, 1).expand(height, width)
    x = torch.arange(width, dtype=moved.dtype, device=nhwc.device).expand(height, width)
    found = sample(nhwc, moved + torch.stack((x, y)), INTERPOLATIONS.index(interpolation), fill_mode, fill_value)
    return restored(found, nhwc.dtype)
