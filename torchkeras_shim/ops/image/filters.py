"""Filters that see a neighbourhood of each pixel, and what compares images by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.image.layout import as_images, channels_last, restored, through_nhwc
from torchkeras_shim.ops.promotion import as_float, as_tensor, device_of, promote

__all__ = ["gaussian_blur", "psnr", "sobel_edges", "ssim"]


def gaussian_kernel(
    size: Sequence[int], sigma: Sequence[float] | torch.Tensor, channels: int, like: torch.Tensor
) -> torch.Tensor:
    """Returns a normalised Gaussian, once per channel, for `torch.conv2d(..., groups=channels)`.

    Args:
        size: Its width and height.
        sigma: Its standard deviation along both.
        channels: How many channels there are.
        like: A tensor that tells type and device.
    """
    sides = []
    for count, spread in zip(size, sigma, strict=True):
        offsets = torch.arange(int(count), dtype=like.dtype, device=like.device) - (int(count) - 1) / 2
        bell = torch.exp(-0.5 * (offsets / spread) ** 2)
        sides.append(bell / bell.sum())
    across, down = sides
    return torch.outer(down, across).expand(channels, 1, -1, -1)


@op
def gaussian_blur(
    images: Any,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Sequence[float] | torch.Tensor = (1.0, 1.0),
    data_format: str | None = None,
) -> Any:
    """Blurs images.

    Args:
        images: One image or a batch of floats; outside of them is black.
        kernel_size: The size of the neighbourhood. As in Keras, the first number is the width.
        sigma: The standard deviations, the first along the width.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Example:
        >>> gaussian_blur(torch.ones(1, 3, 3, 1))[0, 1, 1]
        tensor([1.])
    """
    images = as_images(images)
    if len(kernel_size) != 2 or len(sigma) != 2:
        raise ValueError(f"`kernel_size` and `sigma` must have two numbers each. Received: {kernel_size} and {sigma}")

    def run(nhwc: torch.Tensor) -> torch.Tensor:
        nchw = as_float(nhwc).permute(0, 3, 1, 2)
        kernel = gaussian_kernel(kernel_size, sigma, nchw.shape[1], nchw)
        pads = [side for size in kernel_size for side in ((size - 1) // 2, size // 2)]
        blurred = torch.conv2d(F.pad(nchw, pads), kernel, groups=nchw.shape[1])
        return restored(blurred.permute(0, 2, 3, 1), nhwc.dtype)

    return through_nhwc(images, data_format, run)


@op
def sobel_edges(images: Any, data_format: str | None = None) -> Any:
    """Returns the slopes of images downwards and to the right, along a new last axis.

    Args:
        images: A batch of images, mirrored at their borders.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Raises:
        ValueError: If it is not of rank 4.

    Example:
        >>> sobel_edges(torch.arange(9.0).reshape(1, 3, 3, 1))[0, 1, 1]
        tensor([[24.,  8.]])
    """
    x = as_float(images)
    if x.dim() != 4:
        raise ValueError(f"Expected a batch of images of rank 4. Received: images.shape={tuple(x.shape)}")
    last = channels_last(data_format)
    nchw = x.permute(0, 3, 1, 2) if last else x
    channels = nchw.shape[1]
    down = torch.tensor([[-1.0, -2.0, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 1.0]], dtype=x.dtype, device=x.device)
    kernel = torch.stack([down, down.T]).unsqueeze(1).repeat(channels, 1, 1, 1)
    edges = torch.conv2d(F.pad(nchw, (1, 1, 1, 1), mode="reflect"), kernel, groups=channels)
    edges = edges.reshape(-1, channels, 2, *edges.shape[2:]).movedim(2, -1)  # (batch, channels, height, width, 2)
    return edges.permute(0, 2, 3, 1, 4) if last else edges


@op
def psnr(x1: Any, x2: Any, max_val: float) -> Any:
    """Returns the peak signal-to-noise ratio of two signals, in decibels.

    Args:
        x1: A signal.
        x2: Another one of the same shape.
        max_val: The largest value that a signal can have.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> psnr([0.0, 1.0], [0.1, 1.1], max_val=1.0)
        tensor(20.0000)
    """
    device = device_of(x1, x2)
    x1, x2 = promote(as_tensor(x1, device=device), as_tensor(x2, device=device), floating=True)
    if x1.shape != x2.shape:
        raise ValueError(f"Input shapes {tuple(x1.shape)} and {tuple(x2.shape)} must match for PSNR calculation.")
    largest = as_tensor(max_val, x1.dtype, x1.device)
    return 20 * torch.log10(largest) - 10 * torch.log10((x1 - x2).square().mean())


@op
def ssim(
    image1: Any,
    image2: Any,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Any:
    """Returns the structural similarity of images: 1 for equal ones (Wang et al. 2004).

    Args:
        image1: One image or a batch of them.
        image2: Others of the same shape.
        max_val: The largest value that a pixel can have.
        filter_size: The size of the neighbourhoods that are compared.
        filter_sigma: The standard deviation of the weights within them.
        k1: A small number that keeps the brightness from dividing by zero.
        k2: The same for the contrast.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Returns:
        One number per image.

    Raises:
        ValueError: If shapes differ or are too small for the neighbourhood.

    Example:
        >>> image = torch.arange(256.0).reshape(16, 16, 1) / 255
        >>> torch.allclose(ssim(image, image), torch.tensor(1.0))
        True
    """
    device = device_of(image1, image2)
    first, second = promote(as_tensor(image1, device=device), as_tensor(image2, device=device), floating=True)
    as_images(first, "image1"), as_images(second, "image2")
    if first.shape != second.shape:
        raise ValueError(f"The images must have the same shape. Received: {tuple(first.shape)}, {tuple(second.shape)}")
    single = first.dim() == 3
    a, b = (one.unsqueeze(0) if single else one for one in (first, second))
    if channels_last(data_format):
        a, b = a.permute(0, 3, 1, 2), b.permute(0, 3, 1, 2)
    if min(a.shape[-2:]) < filter_size:
        raise ValueError(
            f"Images of {tuple(a.shape[-2:])} pixels are smaller than filter_size={filter_size}: pass a smaller one."
        )
    kernel = gaussian_kernel((filter_size,) * 2, (filter_sigma,) * 2, a.shape[1], a)

    def smooth(x: torch.Tensor) -> torch.Tensor:
        return torch.conv2d(x, kernel, groups=x.shape[1])

    mean_a, mean_b = smooth(a), smooth(b)
    variances = smooth(a * a) + smooth(b * b) - mean_a**2 - mean_b**2
    covariance = smooth(a * b) - mean_a * mean_b
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    brightness = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    structure = (2 * covariance + c2) / (variances + c2)
    result = (brightness * structure).mean(dim=(1, 2, 3))
    return result.squeeze(0) if single else result
