"""Bounding boxes as they are given to layers: checked, and made tensors."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.device import default_device
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.ops.bounding_boxes import FORMATS
from torchkeras_shim.ops.promotion import as_tensor

#: What lists of boxes of unequal lengths are filled up with.
_NO_BOX, _NO_LABEL = 0, -1


def checked_format(bounding_box_format: Any) -> str | None:
    """Returns the format of bounding boxes that a layer was given.

    Raises:
        ValueError: If there is no such format.
    """
    if bounding_box_format is None or (isinstance(bounding_box_format, str) and bounding_box_format.lower() in FORMATS):
        return bounding_box_format
    raise ValueError(
        f"Invalid bounding box format. Supported formats: {FORMATS}. "
        f"Received: bounding_box_format={bounding_box_format!r}"
    )


def densified(bounding_boxes: Any) -> dict[str, Any]:
    """Returns bounding boxes as a dict of tensors; lists of unequal lengths are filled up.

    Args:
        bounding_boxes: A dict of `"boxes"`, of shape (boxes, 4) or (batch, boxes, 4), and `"labels"`, of shape (boxes,)
            or (batch, boxes), or with one-hot labels one axis more. Both may be lists.

    Raises:
        ValueError: If something is missing, or does not fit.

    Example:
        >>> densified({"boxes": [[[0, 0, 1, 1]], []], "labels": [[3], []]})["labels"]
        tensor([[ 3], [-1]], dtype=torch.int32)
    """
    if not isinstance(bounding_boxes, dict) or not {"boxes", "labels"} <= set(bounding_boxes):
        raise ValueError(
            "Expected `bounding_boxes` argument to be a dict with keys 'boxes' and 'labels'. "
            f"Received: bounding_boxes={bounding_boxes}"
        )
    boxes, labels = bounding_boxes["boxes"], bounding_boxes["labels"]
    if isinstance(boxes, RaggedTensor) and isinstance(labels, RaggedTensor):
        boxes, labels = boxes.to_tensor(default_value=_NO_BOX), labels.to_tensor(default_value=_NO_LABEL)
    if isinstance(boxes, (list, tuple)):
        _check_lists(boxes, labels)
        shape: tuple[int, ...] = (len(boxes), 4)
        if not all(map(_is_box, boxes)):  # one list of boxes per image
            most = max(map(len, boxes))
            shape = (len(boxes), most, 4)
            boxes = [[*each, *[[_NO_BOX] * 4] * (most - len(each))] for each in boxes]
            labels = [[*each, *[_NO_LABEL] * (most - len(each))] for each in labels]
        boxes = torch.tensor(boxes, dtype=torch.float32, device=default_device()).reshape(shape)
        labels = torch.tensor(labels, dtype=torch.int32, device=default_device())
    boxes, labels = as_tensor(boxes), as_tensor(labels)
    if boxes.dim() not in (2, 3):
        raise ValueError(
            "Expected `bounding_boxes['boxes']` to have rank 2 or 3, with shape (num_boxes, 4) or (batch_size, "
            f"num_boxes, 4). Received: bounding_boxes['boxes'].shape={tuple(boxes.shape)}"
        )
    if labels.dim() not in (boxes.dim() - 1, boxes.dim()):
        raise ValueError(
            f"Found bounding_boxes['boxes'].shape={tuple(boxes.shape)} and expected bounding_boxes['labels'] to have "
            f"rank {boxes.dim() - 1} or {boxes.dim()}, but received: bounding_boxes['labels'].shape="
            f"{tuple(labels.shape)}"
        )
    return {**bounding_boxes, "boxes": boxes.to(torch.float32), "labels": labels}


def _is_box(value: Any) -> bool:
    return len(value) == 4 and not any(hasattr(number, "__len__") for number in value)


def _check_lists(boxes: Any, labels: Any) -> None:
    if not isinstance(labels, (list, tuple)):
        raise ValueError(
            "If `bounding_boxes['boxes']` is a list, then `bounding_boxes['labels']` must also be a list. "
            f"Received: bounding_boxes['labels']={labels}"
        )
    if len(boxes) != len(labels):
        raise ValueError(
            "If `bounding_boxes['boxes']` and `bounding_boxes['labels']` are both lists, they must have the same "
            f"length. Received: len(bounding_boxes['boxes'])={len(boxes)} and "
            f"len(bounding_boxes['labels'])={len(labels)}"
        )
