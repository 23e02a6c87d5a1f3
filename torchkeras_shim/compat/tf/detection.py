"""`tf.image`'s choice of boxes for detectors."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import torch

from torchkeras_shim.compat.tf.api import tf_op
from torchkeras_shim.compat.tf.image_measures import non_max_suppression
from torchkeras_shim.compat.tf.tensors import like

CombinedNonMaxSuppression = namedtuple(
    "CombinedNonMaxSuppression", ["nmsed_boxes", "nmsed_scores", "nmsed_classes", "valid_detections"]
)


@tf_op("image.combined_non_max_suppression")
def combined_non_max_suppression(
    boxes: Any,
    scores: Any,
    max_output_size_per_class: Any,
    max_total_size: Any,
    iou_threshold: float = 0.5,
    score_threshold: float = float("-inf"),
    pad_per_class: bool = False,
    clip_boxes: bool = True,
) -> Any:
    """The best boxes of every image over all classes, which are looked at one by one, with zeros behind them.

    Args:
        boxes: (images, boxes, classes or 1, 4).
        scores: (images, boxes, classes).
    """
    boxes, scores = like(boxes), like(scores)
    each = int(max_output_size_per_class)
    total = min(int(max_total_size), each * scores.shape[2]) if pad_per_class else int(max_total_size)
    found = []
    for image_boxes, image_scores in zip(boxes, scores, strict=True):
        kept, worth, classes = [], [], []
        for index in range(image_scores.shape[1]):
            own, value = image_boxes[:, index if boxes.shape[2] > 1 else 0], image_scores[:, index]
            chosen = non_max_suppression(own, value, each, iou_threshold, score_threshold).long()
            kept.append(own[chosen])
            worth.append(value[chosen])
            classes.append(torch.full((len(chosen),), float(index), dtype=value.dtype))
        order = torch.argsort(torch.cat(worth), descending=True, stable=True)[:total]
        rows = torch.cat(kept)[order]
        found.append(
            (
                _padded(rows.clamp(0, 1) if clip_boxes else rows, total),
                _padded(torch.cat(worth)[order], total),
                _padded(torch.cat(classes).to(order.device)[order], total),
                torch.tensor(len(order), dtype=torch.int32),
            )
        )
    return CombinedNonMaxSuppression(*(torch.stack(part) for part in zip(*found, strict=True)))


def _padded(rows: torch.Tensor, count: int) -> torch.Tensor:
    return torch.cat([rows, rows.new_zeros(count - len(rows), *rows.shape[1:])])


@tf_op("image.non_max_suppression_with_scores")
def non_max_suppression_with_scores(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: float = 0.5,
    score_threshold: float = float("-inf"),
    soft_nms_sigma: float = 0.0,
) -> Any:
    """The boxes that are chosen, by their index, with their scores."""
    if soft_nms_sigma:
        raise NotImplementedError("soft_nms_sigma is not supported. Leave it 0.0.")
    chosen = non_max_suppression(boxes, scores, max_output_size, iou_threshold, score_threshold)
    return chosen, like(scores)[chosen.long()]
