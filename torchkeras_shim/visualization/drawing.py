"""Boxes and masks drawn into the pixels of pictures."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from torchkeras_shim.core.config import standardize_data_format
from torchkeras_shim.ops.bounding_boxes import convert_format
from torchkeras_shim.ops.core import convert_to_numpy

Array = np.ndarray[Any, Any]
Color = Sequence[int]

_BACKGROUND = -1
#: The height of letters at a `font_scale` of 1, as OpenCV draws them.
_LETTERS = 22


def batch_of(images: Any, data_format: str | None) -> Array:
    """Returns a batch of pictures as an array with channels last.

    Args:
        images: The pictures.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Raises:
        ValueError: If it is not a batch.
    """
    array = convert_to_numpy(images)
    if array.ndim != 4:
        raise ValueError(
            f"`images` must be batched 4D tensor. Received: images.shape={array.shape}. Write `images[None]` for one."
        )
    return array if standardize_data_format(data_format) == "channels_last" else array.transpose(0, 2, 3, 1)


def like(images: Array, data_format: str | None) -> Array:
    """Returns pictures with channels last as the caller has them."""
    return images if standardize_data_format(data_format) == "channels_last" else images.transpose(0, 3, 1, 2)


def draw_bounding_boxes(
    images: Any,
    bounding_boxes: dict[str, Any],
    bounding_box_format: str,
    class_mapping: dict[int, str] | None = None,
    color: Color = (128, 128, 128),
    line_thickness: int = 2,
    text_thickness: int | None = 1,
    font_scale: float = 1.0,
    data_format: str | None = None,
) -> Array:
    """Draws bounding boxes into pictures, and the names of their classes beside them.

    Args:
        images: A batch of pictures; of floats up to 1, or of numbers up to 255.
        bounding_boxes: `"boxes"` of shape (batch, boxes, 4), `"labels"` of shape (batch, boxes), where -1 is no box,
            and `"confidences"`, if they are to be written, too.
        bounding_box_format: The format of the boxes, such as `"xyxy"`; see `keras.utils.bounding_boxes`.
        class_mapping: The names of the classes to write, by number.
        color: Red, green and blue of lines and letters.
        line_thickness: How thick the lines are, in pixels.
        text_thickness: How thick the letters are drawn; as the lines if `None`.
        font_scale: The size of the letters.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Returns:
        A new array of bytes, of the shape of `images`.

    Raises:
        ValueError: If `images` is not a batch, or a part of the boxes is missing.
        TypeError: If `bounding_boxes` is not a dict.

    Example:
        >>> boxes = {"boxes": np.array([[[1, 1, 4, 3]]]), "labels": np.array([[0]])}
        >>> picture = draw_bounding_boxes(np.zeros((1, 5, 6, 3)), boxes, "xyxy", color=(9, 9, 9), line_thickness=1)
        >>> picture[0, :, :, 0]
        array([[0, 0, 0, 0, 0, 0],
               [0, 9, 9, 9, 9, 0],
               [0, 9, 0, 0, 9, 0],
               [0, 9, 9, 9, 9, 0],
               [0, 0, 0, 0, 0, 0]], dtype=uint8)
    """
    pictures = batch_of(images, data_format)
    if not isinstance(bounding_boxes, dict):
        raise TypeError(
            f"`bounding_boxes` should be a dict. Received: bounding_boxes={bounding_boxes} of type "
            f"{type(bounding_boxes)}"
        )
    if not {"boxes", "labels"} <= set(bounding_boxes):
        raise ValueError(
            "`bounding_boxes` should be a dict containing 'boxes' and 'labels' keys. Received: "
            f"bounding_boxes={bounding_boxes}"
        )
    _, height, width, _ = pictures.shape
    boxes = convert_to_numpy(convert_format(bounding_boxes["boxes"], bounding_box_format, "xyxy", height, width))
    labels = convert_to_numpy(bounding_boxes["labels"])
    shares = bounding_boxes.get("confidences")
    shares = None if shares is None else convert_to_numpy(shares)
    result = _as_bytes(pictures)
    for index, picture in enumerate(result):
        for place, (box, label) in enumerate(zip(boxes[index].astype(int), labels[index].astype(int), strict=True)):
            if label == _BACKGROUND:
                continue
            _draw_frame(picture, box, color, line_thickness)
            name = (class_mapping or {}).get(int(label))
            if name is not None:
                text = name if shares is None else f"{name} | {shares[index, place]:.2f}"
                _write(picture, text, box, color, text_thickness or line_thickness, font_scale)
    return like(result, data_format)


def _as_bytes(images: Array) -> Array:
    """Returns a copy of pictures as bytes; floats up to 1 are shares of 255."""
    if images.dtype.kind == "f" and images.size:
        images = np.clip(images, 0, 1) * 255 if images.max() <= 1.0 else np.clip(images, 0, 255)
    return np.array(images.astype("uint8"))


def _draw_frame(picture: Array, box: Array, color: Color, thickness: int) -> None:
    """Draws the lines around a box: their middle is the box's edge, and what lies outside of the picture is cut."""
    left, top, right, bottom = box
    before, behind = (thickness - 1) // 2, thickness // 2
    lines = [(top, top, left, right), (bottom, bottom, left, right), (top, bottom, left, left)]
    for first_row, last_row, first_column, last_column in [*lines, (top, bottom, right, right)]:
        rows = slice(max(first_row - before, 0), max(last_row + behind + 1, 0))
        columns = slice(max(first_column - before, 0), max(last_column + behind + 1, 0))
        picture[rows, columns] = color


def _write(picture: Array, text: str, box: Array, color: Color, thickness: int, scale: float) -> None:
    """Writes a text above a box, or into it where there is no room above."""
    image, draw, font = (importlib.import_module(f"PIL.{name}") for name in ("Image", "ImageDraw", "ImageFont"))
    letters = font.load_default(size=max(1, round(_LETTERS * scale)))
    height = round(_LETTERS * scale)
    left, top = int(box[0]), int(box[1])
    place = (left, top - 8 - height) if top - 8 - height > 0 else (left + 3, top + thickness + 3)
    canvas = image.new("L", (picture.shape[1], picture.shape[0]))
    draw.Draw(canvas).text(place, text, fill=255, font=letters, stroke_width=max(0, thickness - 1))
    picture[np.asarray(canvas) > 127] = color


def draw_segmentation_masks(
    images: Any,
    segmentation_masks: Any,
    num_classes: int | None = None,
    color_mapping: dict[int, Color] | None = None,
    alpha: float = 0.8,
    blend: bool = True,
    ignore_index: int = -1,
    data_format: str | None = None,
) -> Array:
    """Colours the pixels of pictures by their classes.

    Args:
        images: A batch of pictures of numbers up to 255.
        segmentation_masks: The class of each pixel, integers of shape (batch, height, width) or with one channel.
        num_classes: The number of classes, 0 among them; by default as many as the masks have.
        color_mapping: Red, green and blue by class.
        alpha: The share of the colour, between 0 and 1.
        blend: Whether picture and colour are mixed; otherwise the colour covers the picture.
        ignore_index: The class that is not drawn.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Returns:
        A new array of the shape of `images`: of bytes, or of floats if `blend=False`.

    Raises:
        ValueError: If `images` is not a batch.
        TypeError: If the masks are not integers.

    Example:
        >>> mask = np.array([[[0, 1]]])
        >>> draw_segmentation_masks(np.full((1, 1, 2, 3), 100), mask, color_mapping={0: (0, 0, 0), 1: (200, 0, 0)})
        array([[[[ 20,  20,  20],
                 [180,  20,  20]]]], dtype=uint8)
    """
    pictures = batch_of(images, data_format).astype("float32")
    masks = convert_to_numpy(segmentation_masks)
    if masks.dtype.kind not in "iu":
        raise TypeError(
            "`segmentation_masks` must be in integer dtype. Received: "
            f"segmentation_masks.dtype={masks.dtype}. Write `segmentation_masks.astype('int32')`."
        )
    if masks.ndim == 4:
        masks = masks[:, 0] if standardize_data_format(data_format) == "channels_first" else masks[..., 0]
    count = int(masks.max(initial=0)) + 1 if num_classes is None else num_classes
    palette = [_color(index) if color_mapping is None else color_mapping[index] for index in range(count)]
    colored = pictures.copy()
    for index, color in enumerate(palette):
        colored[masks == index] = np.asarray(color, dtype="float32")
    if not blend:
        return like(colored, data_format)
    mixed = pictures * (1 - alpha) + colored * alpha
    drawn = np.where((masks != ignore_index)[..., None], mixed, pictures)
    return like(drawn.astype("uint8"), data_format)


def _color(index: int) -> list[int]:
    """Returns the colour of a class: multiples of three numbers, which stay apart for many classes."""
    return [index * step % 255 for step in (2**25 - 1, 2**15 - 1, 2**21 - 1)]
