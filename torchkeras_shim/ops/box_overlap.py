"""How much bounding boxes overlap: intersection over union, and what losses of detectors make of it."""

from __future__ import annotations

import math
from typing import Any

import torch

from torchkeras_shim.core import config
from torchkeras_shim.ops.bounding_boxes import convert_format
from torchkeras_shim.ops.promotion import as_tensor

__all__ = ["compute_ciou", "compute_iou"]


def _size_of(bounding_box_format: str, image_shape: Any) -> tuple[Any, Any]:
    if "rel" in bounding_box_format and image_shape is None:
        raise ValueError(
            "When using relative bounding box formats (e.g. `rel_yxyx`) the `image_shape` argument must be provided. "
            f"Received `image_shape`: {image_shape}"
        )
    return (None, None) if image_shape is None else (image_shape[0], image_shape[1])


def compute_iou(
    boxes1: Any,
    boxes2: Any,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: Any = None,
) -> torch.Tensor:
    """Returns the intersection over union of each pair of boxes.

    Args:
        boxes1: Boxes of shape (boxes, 4) or (batch, boxes, 4).
        boxes2: Other boxes, with a batch or without.
        bounding_box_format: The format of both, see `convert_format`.
        use_masking: Whether pairs with a box of negative numbers only, which stands for none, get `mask_val`.
        mask_val: What they get.
        image_shape: Height, width and channels, needed for formats that are shares of these.

    Returns:
        A tensor of shape (boxes1, boxes2), with the batch before it if either has one.

    Raises:
        ValueError: If ranks do not fit, or the shape of the images is missing.

    Example:
        >>> compute_iou(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[0.0, 0.0, 1.0, 2.0]]), "xyxy")
        tensor([[0.5000]])
    """
    first, second = as_tensor(boxes1), as_tensor(boxes2)
    for name, boxes in (("boxes1", first), ("boxes2", second)):
        if boxes.dim() not in (2, 3):
            raise ValueError(
                f"compute_iou() expects {name} to be batched, or to be unbatched: of rank 3 or 2. "
                f"Received len(boxes1.shape)={first.dim()}, len(boxes2.shape)={second.dim()}."
            )
    height, width = _size_of(bounding_box_format, image_shape)
    first = convert_format(first, bounding_box_format, "xyxy", height, width)
    second = convert_format(second, bounding_box_format, "xyxy", height, width)
    left, top, right, bottom = first.unsqueeze(-2).unbind(-1)
    left2, top2, right2, bottom2 = second.unsqueeze(-3).unbind(-1)
    across = (torch.minimum(right, right2) - torch.maximum(left, left2)).clamp(min=0)
    down = (torch.minimum(bottom, bottom2) - torch.maximum(top, top2)).clamp(min=0)
    shared = across * down
    union = (right - left) * (bottom - top) + (right2 - left2) * (bottom2 - top2) - shared
    result: torch.Tensor = shared / (union + config.epsilon())
    if use_masking:
        nothing = (first.amax(-1) < 0).unsqueeze(-1) | (second.amax(-1) < 0).unsqueeze(-2)
        result = torch.where(nothing, torch.full_like(result, mask_val), result)
    return result


def compute_ciou(boxes1: Any, boxes2: Any, bounding_box_format: str, image_shape: Any = None) -> torch.Tensor:
    """Returns the complete intersection over union of boxes, each with the one at the same place.

    Distances of the centres, and other ratios of the sides, are subtracted.

    Args:
        boxes1: The boxes.
        boxes2: As many other boxes.
        bounding_box_format: The format of both, see `convert_format`.
        image_shape: Height, width and channels, needed for formats that are shares of these.

    Raises:
        ValueError: If the shape of the images is missing.

    Example:
        >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
        >>> compute_ciou(boxes, boxes, "xyxy").round(decimals=3)
        tensor([1.])
    """
    height, width = _size_of(bounding_box_format, image_shape)
    epsilon = config.epsilon()
    first = convert_format(boxes1, bounding_box_format, "xyxy", height, width)
    second = convert_format(boxes2, bounding_box_format, "xyxy", height, width)
    left, top, right, bottom = first.unbind(-1)
    left2, top2, right2, bottom2 = second.unbind(-1)
    wide, high, wide2, high2 = right - left, bottom - top + epsilon, right2 - left2, bottom2 - top2 + epsilon
    across = (torch.minimum(right, right2) - torch.maximum(left, left2)).clamp(min=0)
    down = (torch.minimum(bottom, bottom2) - torch.maximum(top, top2)).clamp(min=0)
    shared = across * down
    iou = shared / (wide * high + wide2 * high2 - shared + 2 * epsilon)
    hull_wide = torch.maximum(right, right2) - torch.minimum(left, left2)
    hull_high = torch.maximum(bottom, bottom2) - torch.minimum(top, top2)
    diagonal = hull_wide**2 + hull_high**2 + epsilon
    apart = ((left + right) / 2 - (left2 + right2) / 2) ** 2 + ((top + bottom) / 2 - (top2 + bottom2) / 2) ** 2
    shape = 4 / math.pi**2 * (torch.atan(wide2 / high2) - torch.atan(wide / high)) ** 2
    weight = shape / (shape - iou + (1 + epsilon))
    result: torch.Tensor = iou - (apart / diagonal + shape * weight)
    return result
