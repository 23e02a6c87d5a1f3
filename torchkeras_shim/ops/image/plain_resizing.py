"""One image of another size, by each of TensorFlow's eight methods, in float32: what readers of files need."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from torchkeras_shim.ops.image import resizing

METHODS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")


def resized(image: torch.Tensor, size: tuple[int, int], method: str) -> torch.Tensor:
    """Returns an image of another size.

    Args:
        image: Height, width, channels.
        size: The new height and width.
        method: One of `METHODS`.

    Returns:
        The image as float32; with `"nearest"` in the type that it has.

    Example:
        >>> image = torch.tensor([[[0], [100]]], dtype=torch.uint8)
        >>> resized(image, (1, 4), "bilinear")[0, :, 0]
        tensor([  0.,  25.,  75., 100.])
    """
    if method == "nearest":
        return resizing.nearest(image[None], size)[0]
    x = image.to(torch.float32)
    if tuple(x.shape[:2]) == size:
        return x
    if method == "bilinear":
        nchw = x.permute(2, 0, 1)[None]
        return F.interpolate(nchw, size, mode="bilinear", align_corners=False)[0].permute(1, 2, 0)
    for axis, new in enumerate(size):
        x = resizing.along(x, _weights(x.shape[axis], new, method, x), axis)
    return x


def fitted(image: torch.Tensor, size: tuple[int, int], method: str) -> torch.Tensor:
    """Returns an image of another size that is not distorted, with zeros on two sides.

    Args:
        image: Height, width, channels.
        size: The new height and width.
        method: One of `METHODS`.

    Example:
        >>> fitted(torch.ones(2, 2, 1), (2, 4), "nearest")[0, :, 0]
        tensor([0., 1., 1., 0.])
    """
    sides = torch.tensor([image.shape[:2], size], dtype=torch.float32)  # float32 decides about the last pixel
    ratio = (sides[0] / sides[1]).max()
    inner = sides[0] / ratio
    before = ((sides[1] - inner) / 2).floor().clamp(min=0).int().tolist()
    height, width = (max(1, int(side)) for side in inner.floor().int().tolist())
    x = resized(image, (height, width), method)
    rest = size[0] - height - before[0], size[1] - width - before[1]
    return F.pad(x, (0, 0, before[1], rest[1], before[0], rest[0]))


def cropped(image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Returns the largest part of an image that has the aspect ratio of a size, from the centre.

    Args:
        image: Height, width, channels.
        size: A height and a width.

    Example:
        >>> cropped(torch.zeros(4, 8, 3), (2, 2)).shape
        torch.Size([4, 4, 3])
    """
    (top, bottom), (left, right) = resizing.aspect_box((image.shape[0], image.shape[1]), size, crop=True, pad=False)
    return image[-top : image.shape[0] + bottom, -left : image.shape[1] + right]


def _weights(old: int, new: int, method: str, like: torch.Tensor) -> torch.Tensor:
    if method == "area":
        return resizing.area_weights(old, new, like)
    kernel = "cubic" if method == "bicubic" else method
    return resizing.kernel_weights(old, new, new / old, 0.0, kernel, antialias=False, like=like)
