"""`tf.image`: types and colors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim import ops
from torchkeras_shim.compat.tf.api import tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.image import as_images
from torchkeras_shim.compat.tf.tensors import like


@tf_op("image.convert_image_dtype")
def convert_image_dtype(image: Any, dtype: Any, saturate: bool = False) -> Any:
    """Images in another type: floats are from 0 to 1, integers from 0 to their largest."""
    x, wanted = like(image), as_dtype(dtype)
    have = as_dtype(x.dtype)
    if have == wanted:
        return x
    if have.is_integer and wanted.is_integer:
        large, small = sorted((int(have.max) + 1, int(wanted.max) + 1), reverse=True)
        whole = x.to(torch.int64)  # torch computes little with uint16
        smaller = have.size > wanted.size or (have.size == wanted.size and have.is_unsigned)
        scaled = torch.div(whole, large // small, rounding_mode="floor") if smaller else whole * (large // small)
        return scaled.to(wanted.torch_dtype)
    if have.is_integer:
        return x.to(wanted.torch_dtype) * (1.0 / int(have.max))
    if wanted.is_integer:
        scaled = x * (int(wanted.max) + 0.5)
        return (
            scaled.clamp(int(wanted.min), int(wanted.max)).to(wanted.torch_dtype) if saturate else _cut(scaled, wanted)
        )
    return x.to(wanted.torch_dtype)


def _cut(x: torch.Tensor, wanted: Any) -> Any:
    return x.to(torch.int64).to(wanted.torch_dtype)


def _in_floats(image: Any, change: Callable[[torch.Tensor], torch.Tensor], saturate: bool = True) -> Any:
    """Changes images as floats from 0 to 1, and gives them back in their type."""
    x = as_images(image)
    if x.is_floating_point():
        return change(x)
    return convert_image_dtype(change(convert_image_dtype(x, "float32")), x.dtype, saturate=saturate)


@tf_op("image.adjust_brightness")
def adjust_brightness(image: Any, delta: Any) -> Any:
    """Images with a number added: of integers a share of their range."""
    return _in_floats(image, lambda x: x + like(delta).to(x.dtype))


@tf_op("image.adjust_contrast")
def adjust_contrast(images: Any, contrast_factor: Any) -> Any:
    """Images with the distance from each channel's mean scaled."""

    def change(x: torch.Tensor) -> Any:
        mean = x.mean((-3, -2), keepdim=True)
        return (x - mean) * like(contrast_factor).to(x.dtype) + mean

    return _in_floats(images, change)


@tf_op("image.adjust_gamma")
def adjust_gamma(image: Any, gamma: Any = 1, gain: Any = 1) -> Any:
    """Images raised to a power."""
    return _in_floats(image, lambda x: gain * torch.pow(x, like(gamma).to(x.dtype)))


@tf_op("image.adjust_hue")
def adjust_hue(image: Any, delta: Any) -> Any:
    """Images with the hue turned: by 1 all the way round."""

    def change(x: torch.Tensor) -> Any:
        hue, *others = ops.image.rgb_to_hsv(x, data_format="channels_last").unbind(-1)
        return ops.image.hsv_to_rgb(
            torch.stack([torch.remainder(hue + like(delta).to(x.dtype), 1.0), *others], -1), data_format="channels_last"
        )

    return _in_floats(image, change)


@tf_op("image.adjust_saturation")
def adjust_saturation(image: Any, saturation_factor: Any) -> Any:
    """Images with the saturation scaled."""

    def change(x: torch.Tensor) -> Any:
        hue, saturation, value = ops.image.rgb_to_hsv(x, data_format="channels_last").unbind(-1)
        scaled = torch.clamp(saturation * like(saturation_factor).to(x.dtype), 0.0, 1.0)
        return ops.image.hsv_to_rgb(torch.stack([hue, scaled, value], -1), data_format="channels_last")

    return _in_floats(image, change)


@tf_op("image.per_image_standardization")
def per_image_standardization(image: Any) -> Any:
    """Each image with a mean of 0 and a deviation of 1, or of `1 / sqrt(size)` where it is less."""
    x = as_images(image)
    x = x if x.is_floating_point() else x.to(torch.float32)
    axes = (-3, -2, -1)
    count = x[0].numel() if x.ndim == 4 else x.numel()
    mean = x.mean(axes, keepdim=True)
    deviation = torch.sqrt(torch.square(x - mean).mean(axes, keepdim=True))
    return (x - mean) / torch.clamp(deviation, min=count**-0.5)


@tf_op("image.rgb_to_grayscale")
def rgb_to_grayscale(images: Any) -> Any:
    """Images with one channel of brightness."""
    x = like(images)
    floats = x if x.is_floating_point() else convert_image_dtype(x, "float32")
    gray = torch.tensordot(floats, torch.tensor([0.2989, 0.587, 0.114], dtype=floats.dtype, device=x.device), 1)[
        ..., None
    ]
    return gray if x.is_floating_point() else convert_image_dtype(gray, x.dtype)


@tf_op("image.grayscale_to_rgb")
def grayscale_to_rgb(images: Any) -> Any:
    """Images with their one channel three times."""
    x = like(images)
    if x.shape[-1] != 1:
        raise ValueError(f"Input image must have last dimension of size 1. Received shape {tuple(x.shape)}")
    return x.expand(*x.shape[:-1], 3).clone()


@tf_op("image.rgb_to_hsv")
def rgb_to_hsv(images: Any) -> Any:
    """Hue, saturation and value, from 0 to 1."""
    return ops.image.rgb_to_hsv(like(images), data_format="channels_last")


@tf_op("image.hsv_to_rgb")
def hsv_to_rgb(images: Any) -> Any:
    """Red, green and blue, from 0 to 1."""
    return ops.image.hsv_to_rgb(like(images), data_format="channels_last")


_YIQ = [[0.299, 0.59590059, 0.2115], [0.587, -0.27455667, -0.52273617], [0.114, -0.32134392, 0.31119955]]
_YUV = [[0.299, -0.14714119, 0.61497538], [0.587, -0.28886916, -0.51496512], [0.114, 0.43601035, -0.10001026]]
_BACK = {
    "yiq": [[1.0, 1.0, 1.0], [0.95598634, -0.27201283, -1.10674021], [0.6208248, -0.64720424, 1.70423049]],
    "yuv": [[1.0, 1.0, 1.0], [0.0, -0.394642334, 2.03206185], [1.13988303, -0.58062185, 0.0]],
}


def _make_conversion(name: str, matrix: list[list[float]]) -> None:
    def call(images: Any) -> Any:
        x = like(images)
        return torch.tensordot(x, torch.tensor(matrix, dtype=x.dtype, device=x.device), 1)

    call.__name__, call.__doc__ = name, "Colors by another three numbers."
    tf_op(f"image.{name}")(call)


for _name, _matrix in {
    "rgb_to_yiq": _YIQ,
    "rgb_to_yuv": _YUV,
    "yiq_to_rgb": _BACK["yiq"],
    "yuv_to_rgb": _BACK["yuv"],
}.items():
    _make_conversion(_name, _matrix)
