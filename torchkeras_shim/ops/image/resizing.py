"""Images of another size: each axis is multiplied by a matrix of weights, which makes one rule of every method."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.image.layout import as_images, one_of, restored, sized, through_nhwc
from torchkeras_shim.ops.promotion import as_tensor

__all__ = ["resize", "scale_and_translate"]

INTERPOLATIONS = ("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic", "area")
_METHODS = {
    "linear": "linear",
    "bilinear": "linear",
    "trilinear": "linear",
    "cubic": "cubic",
    "bicubic": "cubic",
    "tricubic": "cubic",
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
}


def _triangle(x: torch.Tensor) -> torch.Tensor:
    return (1 - x).clamp(min=0)


def _keys_cubic(x: torch.Tensor) -> torch.Tensor:
    near = ((1.5 * x - 2.5) * x) * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return torch.where(x < 1.0, near, torch.where(x < 2.0, far, torch.zeros_like(x)))


def _lanczos(x: torch.Tensor, radius: float) -> torch.Tensor:
    safe = torch.where(x > 1e-3, x, torch.ones_like(x))
    value = radius * torch.sin(math.pi * safe) * torch.sin(math.pi * safe / radius) / (math.pi * safe) ** 2
    value = torch.where(x > 1e-3, value, torch.ones_like(x))
    return torch.where(x > radius, torch.zeros_like(x), value)


def _gaussian(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x < 1.5, torch.exp(-2 * x * x), torch.zeros_like(x))


def _mitchell(x: torch.Tensor) -> torch.Tensor:
    near = (7 / 6 * x - 2) * x * x + 8 / 9
    far = ((-7 / 18 * x + 2) * x - 10 / 3) * x + 16 / 9
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


_KERNELS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "linear": _triangle,
    "cubic": _keys_cubic,
    "lanczos3": functools.partial(_lanczos, radius=3.0),
    "lanczos5": functools.partial(_lanczos, radius=5.0),
    "gaussian": _gaussian,
    "mitchellcubic": _mitchell,
}


def kernel_weights(
    size: int, new_size: int, scale: Any, translation: Any, method: str, antialias: bool, like: torch.Tensor
) -> torch.Tensor:
    """Returns what each of `size` pixels contributes to each of `new_size` ones, a matrix `(size, new_size)`."""
    inverse = 1.0 / scale
    places = torch.arange(new_size, dtype=like.dtype, device=like.device)
    sample = (places + 0.5) * inverse - translation * inverse - 0.5
    distance = (sample - torch.arange(size, dtype=like.dtype, device=like.device).unsqueeze(1)).abs()
    if antialias:  # a kernel as wide as the distance of the new pixels sees all of the old ones
        wide = inverse.clamp(min=1.0) if isinstance(inverse, torch.Tensor) else max(inverse, 1.0)
        distance = distance / wide
    weights = _KERNELS[method](distance)
    total = weights.sum(dim=0, keepdim=True)
    usable = total.abs() > 1000.0 * torch.finfo(torch.float32).eps
    weights = torch.where(usable, weights / torch.where(usable, total, torch.ones_like(total)), 0.0 * weights)
    inside = (sample >= -0.5) & (sample <= size - 0.5)
    return torch.where(inside, weights, torch.zeros_like(weights))


def area_weights(size: int, new_size: int, like: torch.Tensor) -> torch.Tensor:
    """Returns which share of each new pixel each old one covers."""
    edges = torch.arange(new_size + 1, dtype=like.dtype, device=like.device) * (size / new_size)
    pixels = torch.arange(size, dtype=like.dtype, device=like.device).unsqueeze(1)
    overlap = torch.minimum(edges[1:], pixels + 1) - torch.maximum(edges[:-1], pixels)
    return overlap.clamp(min=0) * (new_size / size)


def along(x: torch.Tensor, weights: torch.Tensor, axis: int) -> torch.Tensor:
    """Returns images of which one axis is multiplied by a matrix."""
    return torch.movedim(torch.tensordot(x, weights, dims=([axis], [0])), -1, axis)


@op
def resize(
    images: Any,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Any:
    """Resizes images.

    Args:
        images: One image or a batch of them.
        size: The new height and width.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"lanczos3"`, `"lanczos5"` or `"area"`.
        antialias: Whether images that become smaller are smoothed first.
        crop_to_aspect_ratio: Whether to cut the images to the new aspect ratio first, not to distort them.
        pad_to_aspect_ratio: Whether to pad them to the new aspect ratio first.
        fill_mode: How to pad: only `"constant"`.
        fill_value: What with.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Returns:
        Images in the type of the given ones; integers are rounded.

    Raises:
        ValueError: If an argument does not exist, or two exclude each other.

    Example:
        >>> resize(torch.ones(2, 4, 4, 3), (2, 8)).shape
        torch.Size([2, 2, 8, 3])
    """
    if len(size) != 2:
        raise ValueError(f"Expected `size` to be a tuple of 2 integers. Received: size={size}")
    if size[0] <= 0 or size[1] <= 0:
        raise ValueError(f"`size` must have positive height and width. Received: size={size}")
    images = as_images(images)
    if pad_to_aspect_ratio and crop_to_aspect_ratio:
        raise ValueError("Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`.")
    one_of("interpolation", interpolation, INTERPOLATIONS)
    one_of("fill_mode", fill_mode, ("constant",))
    target = (int(size[0]), int(size[1]))
    box = aspect_box(sized(images, data_format), target, crop_to_aspect_ratio, pad_to_aspect_ratio)

    def run(nhwc: torch.Tensor) -> torch.Tensor:
        (top, bottom), (left, right) = box
        if any((top, bottom, left, right)):
            nhwc = F.pad(nhwc, (0, 0, left, right, top, bottom), value=fill_value)
        if interpolation == "nearest":
            return nearest(nhwc, target)
        x = nhwc if nhwc.dtype in (torch.float32, torch.float64) else nhwc.to(torch.float32)
        if interpolation == "bilinear" and not antialias:
            # torch's own kernel, where it serves: 0.2 ms against 4.2 ms for one image from 375x500 to 180x180.
            x = F.interpolate(x.movedim(-1, 1), target, mode="bilinear", align_corners=False).movedim(1, -1)
            return restored(x, nhwc.dtype)
        for axis, new in ((1, target[0]), (2, target[1])):
            old = x.shape[axis]
            if old == new:
                continue
            if interpolation == "area":
                weights = area_weights(old, new, x)
            else:
                weights = kernel_weights(old, new, new / old, 0.0, _METHODS[interpolation], antialias, x)
            x = along(x, weights, axis)
        return restored(x, nhwc.dtype)

    return through_nhwc(images, data_format, run)


def nearest(nhwc: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Returns images of another size whose pixels are those of the given ones."""
    for axis, new in ((1, size[0]), (2, size[1])):
        old = nhwc.shape[axis]
        places = torch.arange(new, dtype=torch.float32, device=nhwc.device)
        index = torch.floor((places + 0.5) * (old / new)).to(torch.int64).clamp(max=old - 1)
        nhwc = nhwc.index_select(axis, index)
    return nhwc


def aspect_box(
    old: tuple[int, int], new: tuple[int, int], crop: bool, pad: bool
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Returns what to add on each side, or with negative numbers to cut off."""
    if not crop and not pad:
        return (0, 0), (0, 0)
    wanted = (int(float(old[1] * new[0]) / new[1]), int(float(old[0] * new[1]) / new[0]))
    sides = []
    for have, want in zip(old, wanted, strict=True):
        if crop:
            keep = max(min(have, want), 1)
            start = int((have - keep) / 2)
            sides.append((-start, -(have - keep - start)))
        else:
            both = int((max(have, want) - have) / 2)
            sides.append((both, both))
    return sides[0], sides[1]


@op
def scale_and_translate(
    images: Any,
    output_shape: Sequence[int],
    scale: Any,
    translation: Any,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Any:
    """Scales and moves images along chosen axes.

    Args:
        images: A tensor.
        output_shape: The shape of the result.
        scale: By how much to scale, one number per axis.
        translation: How many new pixels to move, one number per axis.
        spatial_dims: The axes.
        method: `"linear"` (or `"bilinear"`, `"trilinear"`), `"cubic"` (or `"bicubic"`, `"tricubic"`), `"lanczos3"` or
            `"lanczos5"`.
        antialias: Whether images that become smaller are smoothed.

    Raises:
        ValueError: If the method is anything else.

    Example:
        >>> x = torch.arange(4.0).reshape(1, 2, 2, 1)
        >>> scale_and_translate(x, (1, 4, 4, 1), (2.0, 2.0), (0.0, 0.0), (1, 2), "linear").shape
        torch.Size([1, 4, 4, 1])
    """
    one_of("method", method, tuple(_METHODS))
    images = as_tensor(images)
    x = images if images.is_floating_point() else images.to(torch.float32)
    scale, translation = (as_tensor(one, device=x.device).to(x.dtype) for one in (scale, translation))
    for i, dim in enumerate(spatial_dims):
        axis = dim % x.dim()
        weights = kernel_weights(
            x.shape[axis], output_shape[axis], scale[i], translation[i], _METHODS[method], antialias, x
        )
        x = along(x, weights, axis)
    if images.is_floating_point():
        return x
    return x.round().clamp(images.min(), images.max()).to(images.dtype)
