"""Bounding boxes: formats, cutting, moving, and the differences that detectors learn. `keras.utils.bounding_boxes`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.core import config, dtypes
from torchkeras_shim.ops.promotion import as_tensor

__all__ = [
    "affine_transform",
    "clip_to_image_size",
    "convert_format",
    "crop",
    "decode_deltas_to_boxes",
    "encode_box_to_deltas",
    "pad",
]

Four = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def _from_corner(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, d: torch.Tensor) -> Four:
    return a, b, a + c, b + d


def _to_corner(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, d: torch.Tensor) -> Four:
    return a, b, c - a, d - b


def _from_center(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, d: torch.Tensor) -> Four:
    return a - c / 2.0, b - d / 2.0, a + c / 2.0, b + d / 2.0


def _to_center(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, d: torch.Tensor) -> Four:
    return a + (c - a) / 2.0, b + (d - b) / 2.0, c - a, d - b


def _as_it_is(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, d: torch.Tensor) -> Four:
    return a, b, c, d


_Converter = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], Four]
#: By the format without `rel_`: how to get to two corners, how to get back, and whether y comes before x.
_SHAPES: dict[str, tuple[_Converter, _Converter, bool]] = {
    "xyxy": (_as_it_is, _as_it_is, False),
    "yxyx": (_as_it_is, _as_it_is, True),
    "xywh": (_from_corner, _to_corner, False),
    "center_xywh": (_from_center, _to_center, False),
    "center_yxhw": (_from_center, _to_center, True),
}
FORMATS = (*_SHAPES, "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh")


def _parts(boxes: torch.Tensor) -> Four:
    """Returns the four columns of boxes, each with a last axis of one."""
    a, b, c, d = torch.split(boxes, 1, dim=-1)
    return a, b, c, d


def _number(value: Any, like: torch.Tensor) -> Any:
    """Returns a height or width, or one per image, as something to compute with."""
    return value if isinstance(value, (int, float)) else as_tensor(value, device=like.device).to(like.dtype)


def convert_format(
    boxes: Any, source: str, target: str, height: Any = None, width: Any = None, dtype: Any = "float32"
) -> Any:
    """Returns bounding boxes in another format.

    Args:
        boxes: A tensor whose last axis has the four numbers of a box, or a dict with one under `"boxes"`.
        source: The format: `"xyxy"`, `"yxyx"`, `"xywh"`, `"center_xywh"` or `"center_yxhw"`; or, as shares of the
            image's size, `"rel_xyxy"`, `"rel_yxyx"`, `"rel_xywh"` or `"rel_center_xywh"`.
        target: The format wanted.
        height: The images' height, needed between pixels and shares of them.
        width: Their width.
        dtype: The type of the result.

    Raises:
        ValueError: If there is no such format, or a size is missing.

    Example:
        >>> convert_format(torch.tensor([[1.0, 2.0, 3.0, 6.0]]), "xyxy", "center_xywh")
        tensor([[2., 4., 2., 4.]])
    """
    if isinstance(boxes, dict):
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    boxes = as_tensor(boxes)
    if boxes.shape[-1] != 4:
        raise ValueError(
            f"`boxes` must be a tensor with the last dimension of 4. Received: boxes.shape={tuple(boxes.shape)}"
        )
    source, target = source.lower(), target.lower()
    if source not in FORMATS or target not in FORMATS:
        raise ValueError(
            f"Invalid source or target format. Supported formats: {FORMATS}. "
            f"Received: source={source!r}, target={target!r}"
        )
    relative = source.startswith("rel_"), target.startswith("rel_")
    if any(relative) and (width is None or height is None):
        raise ValueError(
            "convert_format() must receive `height` and `width` transforming between relative and absolute formats. "
            f"convert_format() received source=`{source}`, target=`{target}`, but height={height} and width={width}."
        )
    boxes = boxes.to(dtypes.to_torch_dtype(dtypes.standardize_dtype(dtype)))
    if source == target:
        return boxes
    unpack, _, swapped = _SHAPES[source.removeprefix("rel_")]
    _, pack, swap = _SHAPES[target.removeprefix("rel_")]
    corners = unpack(*_parts(boxes))
    if relative[0] is not relative[1]:
        x, y = _number(width, boxes), _number(height, boxes)
        sides = (y, x, y, x) if swapped else (x, y, x, y)
        scale: Callable[[Any, Any], Any] = torch.mul if relative[0] else torch.div
        corners = tuple(scale(one, side) for one, side in zip(corners, sides, strict=True))
    if swapped is not swap:
        corners = corners[1], corners[0], corners[3], corners[2]
    return torch.cat(pack(*corners), dim=-1)


def _clipped(corners: Four, width: Any, height: Any) -> torch.Tensor:
    """Returns the parts of boxes from zero to a width and a height."""
    kept = []
    for one, size in zip(corners, (width, height, width, height), strict=True):
        above = one.clamp(min=0)
        kept.append(torch.minimum(above, size) if isinstance(size, torch.Tensor) else above.clamp(max=size))
    return torch.cat(kept, dim=-1)


def clip_to_image_size(
    bounding_boxes: dict[str, Any], height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> dict[str, Any]:
    """Cuts off what of bounding boxes is outside of the image; boxes of which nothing is left get the label -1.

    Args:
        bounding_boxes: A dict of `"boxes"` and, if there are any, `"labels"`.
        height: The images' height, needed for `"xyxy"`.
        width: Their width.
        bounding_box_format: `"xyxy"` or `"rel_xyxy"`.

    Raises:
        NotImplementedError: If the format is another one.
        ValueError: If a size is missing.

    Example:
        >>> boxes = {"boxes": torch.tensor([[-1.0, 0.0, 9.0, 2.0]]), "labels": torch.tensor([3])}
        >>> clip_to_image_size(boxes, height=4, width=4)
        {'boxes': tensor([[0., 0., 4., 2.]]), 'labels': tensor([3])}
    """
    if bounding_box_format not in ("xyxy", "rel_xyxy"):
        raise NotImplementedError(
            f"clip_to_image_size() takes the formats 'xyxy' and 'rel_xyxy'. Received: {bounding_box_format!r}. Use "
            "`convert_format` first."
        )
    if bounding_box_format == "xyxy" and (height is None or width is None):
        raise ValueError(
            f"`height` and `width` must be set if `format='xyxy'`. Received: height={height}, width={width}"
        )
    boxes = as_tensor(bounding_boxes["boxes"])
    sizes = (1.0, 1.0) if bounding_box_format == "rel_xyxy" else (_number(width, boxes), _number(height, boxes))
    boxes = _clipped(_parts(boxes), *sizes)
    result = {**bounding_boxes, "boxes": boxes}
    if bounding_boxes.get("labels") is not None:
        labels = as_tensor(bounding_boxes["labels"], device=boxes.device)
        left, top, right, bottom = boxes.unbind(-1)
        result["labels"] = torch.where((right - left) * (bottom - top) > 0, labels, -1)
    return result


def _only_xyxy(function: str, bounding_box_format: str) -> None:
    if bounding_box_format != "xyxy":
        raise NotImplementedError(
            f"{function}() takes boxes in the format 'xyxy'. Received: bounding_box_format={bounding_box_format!r}. "
            "Use `convert_format` first."
        )


def crop(boxes: Any, top: Any, left: Any, height: Any, width: Any, bounding_box_format: str = "xyxy") -> torch.Tensor:
    """Returns bounding boxes in a part that is cut out of the image.

    Args:
        boxes: The boxes in pixels, `"xyxy"`.
        top: Where the part begins.
        left: Where it begins.
        height: Its height.
        width: Its width.
        bounding_box_format: Only `"xyxy"`.

    Example:
        >>> crop(torch.tensor([[2.0, 2.0, 9.0, 3.0]]), top=1, left=2, height=4, width=4)
        tensor([[0., 1., 4., 2.]])
    """
    _only_xyxy("crop", bounding_box_format)
    boxes = as_tensor(boxes)
    left, top, height, width = (_number(one, boxes) for one in (left, top, height, width))
    a, b, c, d = _parts(boxes)
    return _clipped((a - left, b - top, c - left, d - top), width, height)


def pad(
    boxes: Any, top: Any, left: Any, height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> torch.Tensor:
    """Returns bounding boxes in an image that got a border.

    Args:
        boxes: The boxes in pixels, `"xyxy"`.
        top: How many rows were added above.
        left: How many columns were added at the left.
        height: The new height, which changes nothing.
        width: The new width, which changes nothing.
        bounding_box_format: Only `"xyxy"`.

    Example:
        >>> pad(torch.tensor([[2.0, 2.0, 9.0, 3.0]]), top=1, left=2)
        tensor([[ 4.,  3., 11.,  4.]])
    """
    _only_xyxy("pad", bounding_box_format)
    boxes = as_tensor(boxes)
    left, top = _number(left, boxes), _number(top, boxes)
    a, b, c, d = _parts(boxes)
    return torch.cat((a + left, b + top, c + left, d + top), dim=-1)


def scaled(boxes: torch.Tensor, x: float, y: float) -> torch.Tensor:
    """Returns bounding boxes in pixels, `"xyxy"`, in an image that is so many times as wide and as high."""
    a, b, c, d = _parts(boxes)
    return torch.cat((a * x, b * y, c * x, d * y), dim=-1)


def affine_transform(
    boxes: Any,
    angle: Any,
    translate_x: Any,
    translate_y: Any,
    scale: Any,
    shear_x: Any,
    shear_y: Any,
    height: Any,
    width: Any,
    center_x: Any = None,
    center_y: Any = None,
    bounding_box_format: str = "xyxy",
) -> torch.Tensor:
    """Returns the boxes around turned, moved, scaled and sheared bounding boxes.

    Args:
        boxes: The boxes in pixels, `"xyxy"`, of shape (batch, boxes, 4).
        angle: By how many degrees each image was turned.
        translate_x: By which share of its width it was moved.
        translate_y: By which share of its height.
        scale: How much larger it was made.
        shear_x: By how many degrees it was sheared along x.
        shear_y: By how many degrees along y.
        height: Its height.
        width: Its width.
        center_x: Around which share of the width, the middle by default.
        center_y: Around which share of the height.
        bounding_box_format: Only `"xyxy"`.

    Example:
        >>> zero, one = torch.zeros(1), torch.ones(1)
        >>> boxes = torch.tensor([[[0.0, 0.0, 1.0, 2.0]]])
        >>> affine_transform(boxes, zero, zero, zero, one * 2, zero, zero, height=5, width=5)
        tensor([[[-2., -2.,  0.,  2.]]])
    """
    _only_xyxy("affine_transform", bounding_box_format)
    angle = as_tensor(angle)
    boxes = as_tensor(boxes, device=angle.device).to(angle.dtype)
    height, width = _number(height, angle), _number(width, angle)
    matrix = _inverse_matrix(
        angle,
        translation=(_number(translate_x, angle) * (width - 1), _number(translate_y, angle) * (height - 1)),
        scale=_number(scale, angle),
        shear=(as_tensor(shear_x, device=angle.device), as_tensor(shear_y, device=angle.device)),
        center=(
            (0.5 if center_x is None else _number(center_x, angle)) * (width - 1),
            (0.5 if center_y is None else _number(center_y, angle)) * (height - 1),
        ),
    )
    left, top, right, bottom = boxes.unbind(-1)
    x = torch.stack((left, right, right, left), dim=-1)
    y = torch.stack((top, top, bottom, bottom), dim=-1)
    a0, a1, a2, b0, b1, b2 = (one.reshape(-1, 1, 1) for one in matrix)
    new_x, new_y = a0 * x + a1 * y + a2, b0 * x + b1 * y + b2
    return torch.stack((new_x.amin(-1), new_y.amin(-1), new_x.amax(-1), new_y.amax(-1)), dim=-1)


def _inverse_matrix(
    angle: torch.Tensor, *, translation: Any, scale: Any, shear: tuple[torch.Tensor, torch.Tensor], center: Any
) -> list[torch.Tensor]:
    """Returns the two rows of the matrix that takes a point of the old image to where it is in the new one."""
    degree = 1.0 / 180.0 * math.pi
    turn, sx, sy = -angle * degree, -shear[0].to(angle.dtype) * degree, -shear[1].to(angle.dtype) * degree
    cx, cy = center
    from_x, from_y = cx - translation[0], cy - translation[1]
    tan_sx, cos_sy = torch.tan(sx), torch.cos(sy)
    a, c = torch.cos(turn - sy) / cos_sy, -torch.sin(turn - sy) / cos_sy
    b, d = a * tan_sx + torch.sin(turn), torch.cos(turn) - c * tan_sx
    a0, a1, b0, b1 = d * scale, -b * scale, -c * scale, a * scale
    return [a0, a1, cx - a0 * from_x - a1 * from_y, b0, b1, cy - b0 * from_x - b1 * from_y]


def _variance(variance: Any) -> torch.Tensor | None:
    if variance is None:
        return None
    found = as_tensor(variance).to(torch.float32)
    if found.shape[-1] != 4:
        raise ValueError(f"`variance` must be length 4, got {variance}")
    return found


def _size_of(image_shape: Any) -> tuple[Any, Any]:
    return (None, None) if image_shape is None else (image_shape[0], image_shape[1])


def _encoding(name: str, value: str) -> str:
    if value not in ("center_xywh", "center_yxhw"):
        raise ValueError(f"`{name}` should be one of 'center_xywh' or 'center_yxhw', got {value!r}")
    return value


def encode_box_to_deltas(
    anchors: Any,
    boxes: Any,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> torch.Tensor:
    """Returns how boxes differ from anchors: what a detector learns.

    Args:
        anchors: The anchors.
        boxes: The boxes.
        anchor_format: The anchors' format.
        box_format: The boxes' format.
        encoding_format: `"center_yxhw"` or `"center_xywh"`, the order of the result.
        variance: Four numbers to divide the result by.
        image_shape: Height, width and channels, needed for formats that are shares of these.

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> anchors = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
        >>> encode_box_to_deltas(anchors, anchors + 1.0, "xyxy", "xyxy")
        tensor([[0.5000, 0.5000, 0.0000, 0.0000]])
    """
    divisor, target = _variance(variance), _encoding("encoding_format", encoding_format)
    height, width = _size_of(image_shape)
    anchors = convert_format(anchors, anchor_format, target, height, width)
    boxes = convert_format(boxes, box_format, target, height, width)
    sizes = anchors[..., 2:].clamp(min=config.epsilon())
    grown = torch.log(boxes[..., 2:].clamp(min=config.epsilon()) / sizes)
    deltas = torch.cat(((boxes[..., :2] - anchors[..., :2]) / sizes, grown), dim=-1)
    return deltas if divisor is None else deltas / divisor.to(deltas.device)


def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """Returns the boxes that differ from anchors by what `encode_box_to_deltas` returned.

    Args:
        anchors: The anchors, or a dict of them by level.
        boxes_delta: The differences, or a dict of them by level.
        anchor_format: The anchors' format.
        box_format: The format of the result.
        encoded_format: `"center_yxhw"` or `"center_xywh"`, the order of the differences.
        variance: Four numbers to multiply the differences with.
        image_shape: Height, width and channels, needed for formats that are shares of these.

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> anchors = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
        >>> decode_deltas_to_boxes(anchors, torch.tensor([[0.5, 0.5, 0.0, 0.0]]), "xyxy", "xyxy")
        tensor([[1., 1., 3., 3.]])
    """
    factor, source = _variance(variance), _encoding("encoded_format", encoded_format)
    height, width = _size_of(image_shape)

    def decoded(anchors: Any, deltas: Any) -> Any:
        anchors, deltas = convert_format(anchors, anchor_format, source, height, width), as_tensor(deltas)
        if factor is not None:
            deltas = deltas * factor.to(deltas.device)
        sizes = anchors[..., 2:]
        boxes = torch.cat((deltas[..., :2] * sizes + anchors[..., :2], torch.exp(deltas[..., 2:]) * sizes), dim=-1)
        return convert_format(boxes, source, box_format, height, width)

    if isinstance(anchors, dict) and isinstance(boxes_delta, dict):
        return {level: decoded(anchor, boxes_delta[level]) for level, anchor in anchors.items()}
    return decoded(anchors, boxes_delta)
