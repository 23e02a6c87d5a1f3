"""`tf.image`: how images differ, and boxes in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim import ops
from torchkeras_shim.compat.tf.api import tf_op
from torchkeras_shim.compat.tf.image import as_images
from torchkeras_shim.compat.tf.image_colors import convert_image_dtype
from torchkeras_shim.compat.tf.tensors import convert, like, together
from torchkeras_shim.core.errors import InvalidArgumentError


@tf_op("image.sobel_edges")
def sobel_edges(image: Any) -> Any:
    """The slopes of each channel downward and to the right, along a new last axis."""
    return ops.image.sobel_edges(like(image), data_format="channels_last")


@tf_op("image.image_gradients")
def image_gradients(image: Any) -> Any:
    """The differences of neighbours downward and to the right, 0 at the far edge."""
    x = like(image)
    down = torch.nn.functional.pad(x[:, 1:] - x[:, :-1], (0, 0, 0, 0, 0, 1))
    return down, torch.nn.functional.pad(x[:, :, 1:] - x[:, :, :-1], (0, 0, 0, 1))


@tf_op("image.total_variation")
def total_variation(images: Any) -> Any:
    """The sum of the differences of neighbours, for each image."""
    x = as_images(images)
    down = torch.abs(x[..., 1:, :, :] - x[..., :-1, :, :]).sum((-3, -2, -1))
    return down + torch.abs(x[..., 1:, :] - x[..., :-1, :]).sum((-3, -2, -1))


@tf_op("image.psnr")
def psnr(a: Any, b: Any, max_val: Any) -> Any:
    """The ratio of peak to noise of each image, in decibels."""
    a, b = together("PSNR", a, b)
    peak = convert_image_dtype(convert(max_val, a.dtype), "float32")
    a, b = (convert_image_dtype(one, "float32") for one in (a, b))
    return 20 * torch.log10(peak) - 10 * torch.log10(torch.square(a - b).mean((-3, -2, -1)))


@tf_op("image.ssim")
def ssim(
    img1: Any,
    img2: Any,
    max_val: Any,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    return_index_map: bool = False,
) -> Any:
    """The structural similarity of each pair of images, or, as a map, of each place of them."""
    a, b, peak, single = _pair(img1, img2, max_val)
    similarity, _ = _similarity(a, b, peak, int(filter_size), filter_sigma, k1, k2)
    result = similarity.mean(1) if return_index_map else similarity.mean((-2, -1)).mean(-1)
    return result[0] if single else result


@tf_op("image.ssim_multiscale")
def ssim_multiscale(
    img1: Any,
    img2: Any,
    max_val: Any,
    power_factors: Sequence[float] = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333),
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> Any:
    """The structural similarity of each pair of images at several sizes, each half of the one before."""
    a, b, peak, single = _pair(img1, img2, max_val)
    parts = []
    for scale in range(len(power_factors)):
        if scale:
            a, b = _halved(a), _halved(b)
        similarity, contrast = _similarity(a, b, peak, int(filter_size), filter_sigma, k1, k2)
        last = scale == len(power_factors) - 1
        parts.append(torch.relu((similarity if last else contrast).mean((-2, -1))))
    powers = torch.tensor(power_factors, dtype=a.dtype, device=a.device)
    result = (torch.stack(parts, -1) ** powers).prod(-1).mean(-1)
    return result[0] if single else result


def _pair(img1: Any, img2: Any, max_val: Any) -> tuple[torch.Tensor, torch.Tensor, float, bool]:
    """Returns two batches of images as floats, channels first, the largest value, and whether it was one pair."""
    a, b = together("SSIM", img1, img2)
    peak = float(convert_image_dtype(convert(max_val, a.dtype), "float32"))
    single = a.ndim == 3
    a, b = (convert_image_dtype(one, "float32").movedim(-1, -3) for one in (a, b))
    return (a[None], b[None], peak, single) if single else (a, b, peak, single)


def _halved(images: torch.Tensor) -> torch.Tensor:
    """Returns images of half the size; where that is not whole, the last row or column counts twice."""
    padding = (0, images.shape[-1] % 2, 0, images.shape[-2] % 2)
    return torch.nn.functional.avg_pool2d(torch.nn.functional.pad(images, padding, mode="replicate"), 2)


def _similarity(
    a: torch.Tensor, b: torch.Tensor, peak: float, filter_size: int, filter_sigma: float, k1: float, k2: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the similarity of each place, and the part of it that is contrast and structure."""
    if min(a.shape[-2:]) < filter_size:
        raise InvalidArgumentError(
            f"Images must be at least {filter_size} pixels high and wide, at each scale. Received a size of "
            f"{tuple(a.shape[-2:])}. Pass a smaller filter_size."
        )
    shift = torch.arange(filter_size, dtype=a.dtype, device=a.device) - (filter_size - 1) / 2
    line = torch.softmax(-0.5 * torch.square(shift) / filter_sigma**2, 0)
    channels = a.shape[1]
    kernel = (line[:, None] * line[None])[None, None].expand(channels, 1, -1, -1)

    def mean(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.conv2d(x, kernel, groups=channels)

    c1, c2 = (k1 * peak) ** 2, (k2 * peak) ** 2
    mean_a, mean_b = mean(a), mean(b)
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    both, squares = mean(a * b) * 2, mean(a * a + b * b)
    contrast = (both - 2 * mean_a * mean_b + c2) / (squares - mean_a**2 - mean_b**2 + c2)
    return luminance * contrast, contrast


@tf_op("image.non_max_suppression")
def non_max_suppression(
    boxes: Any, scores: Any, max_output_size: Any, iou_threshold: float = 0.5, score_threshold: float = float("-inf")
) -> Any:
    """The boxes with the highest scores that do not lie over one another, by their index."""
    boxes, scores = like(boxes), like(scores)
    low, high = torch.minimum(boxes[:, :2], boxes[:, 2:]), torch.maximum(boxes[:, :2], boxes[:, 2:])
    area = (high - low).prod(-1)
    chosen: list[int] = []
    for index in torch.argsort(scores, descending=True, stable=True).tolist():
        if len(chosen) >= int(max_output_size) or not scores[index] > score_threshold:
            break
        over = (torch.minimum(high[index], high[chosen]) - torch.maximum(low[index], low[chosen])).clamp(min=0).prod(-1)
        if not (over / (area[index] + area[chosen] - over) > float(iou_threshold)).any():
            chosen.append(index)
    return torch.tensor(chosen, dtype=torch.int32)


@tf_op("image.draw_bounding_boxes")
def draw_bounding_boxes(images: Any, boxes: Any, colors: Any) -> Any:
    """Images with the edges of boxes, given by shares of height and width, in colors."""
    x, boxes = like(images).clone(), like(boxes)
    palette = like(colors).to(x.dtype) if colors is not None else torch.tensor([[1.0, 1.0, 0.0, 1.0]], dtype=x.dtype)
    height, width = x.shape[1:3]
    for image, rows in zip(x, boxes, strict=True):
        for at, box in enumerate(rows.tolist()):
            top, left = int(box[0] * (height - 1)), int(box[1] * (width - 1))
            bottom, right = int(box[2] * (height - 1)), int(box[3] * (width - 1))
            if top > bottom or left > right:
                raise InvalidArgumentError(f"A box must have its minimum first. Received: {box}")
            color = palette[at % len(palette)][: x.shape[-1]]
            rows_inside, columns_inside = slice(max(top, 0), bottom + 1), slice(max(left, 0), right + 1)
            for row in {top, bottom} & set(range(height)):
                image[row, columns_inside] = color
            for column in {left, right} & set(range(width)):
                image[rows_inside, column] = color
    return x
