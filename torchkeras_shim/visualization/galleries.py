"""Pictures beside one another, drawn by matplotlib."""

from __future__ import annotations

import functools
import importlib
import math
from typing import Any

import numpy as np

from torchkeras_shim.core.config import standardize_data_format
from torchkeras_shim.ops.core import convert_to_numpy
from torchkeras_shim.visualization.drawing import Array, batch_of, draw_bounding_boxes, draw_segmentation_masks

_TRUE, _PREDICTED = (0, 188, 212), (255, 235, 59)
_LAST = "channels_last"


def _matplotlib(part: str, function: str) -> Any:
    """Returns a module of matplotlib.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        return importlib.import_module(f"matplotlib.{part}")
    except ImportError as error:
        raise ImportError(
            f"The `{function}` function requires the `matplotlib` package. Please install it with "
            "`pip install matplotlib`."
        ) from error


def plot_image_gallery(
    images: Any,
    y_true: Any = None,
    y_pred: Any = None,
    label_map: dict[int, str] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    value_range: tuple[float, float] = (0, 255),
    scale: float = 2,
    path: Any = None,
    show: bool | None = None,
    transparent: bool = True,
    dpi: float = 60,
    legend_handles: Any = None,
    data_format: str | None = None,
) -> None:
    """Shows pictures in rows, with their classes above them, or saves them to a file.

    Args:
        images: A batch of pictures.
        y_true: The numbers of their classes.
        y_pred: The numbers that a model gave.
        label_map: The names of the classes by number.
        rows: The number of rows; as near to a square as possible by default.
        cols: The number of columns.
        value_range: The least and the largest number of a pixel.
        scale: The size of a picture, in inches.
        path: A file to save to; otherwise the pictures are shown.
        show: Whether to show them; must not be true beside a `path`.
        transparent: Whether the file's background is transparent.
        dpi: The dots per inch of the file.
        legend_handles: Patches of matplotlib for a legend.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Raises:
        ValueError: If `images` is not a batch, there is a `path` and `show=True`, or classes without names.
        ImportError: If matplotlib is not installed.

    Example:
        >>> import os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "gallery.png")
        >>> plot_image_gallery(np.zeros((4, 8, 8, 3)), y_true=[0, 1, 1, 0], label_map={0: "cat", 1: "dog"}, path=path)
        >>> os.path.getsize(path) > 0
        True
    """
    pyplot = _matplotlib("pyplot", "plot_image_gallery")
    if path is not None and show:
        raise ValueError(
            f"plot_gallery() expects either `path` to be set, or `show` to be true. Received: path={path}, show={show}"
        )
    if (y_true is not None or y_pred is not None) and label_map is None:
        raise ValueError(
            "If `y_true` or `y_pred` are provided, a `label_map` must also be provided: `label_map={0: 'cat', ...}`."
        )
    pictures = _scaled(batch_of(images, data_format), value_range)
    rows = rows or math.ceil(math.sqrt(len(pictures)))
    cols = cols or math.ceil(len(pictures) / rows)
    figure, axes = pyplot.subplots(
        nrows=rows,
        ncols=cols,
        figsize=(cols * scale, rows * scale),
        frameon=False,
        layout="tight",
        squeeze=False,
        sharex="row",
        sharey="col",
    )
    figure.subplots_adjust(wspace=0, hspace=0)
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="lower center")
    for index, axis in enumerate(axes.flat):
        axis.axis("off")
        if index < len(pictures):
            picture = pictures[index]
            axis.imshow(picture[..., 0] if picture.shape[-1] == 1 else picture, **_gray(picture))
            axis.margins(x=0, y=0)
            axis.set_title(_title(index, y_true, y_pred, label_map or {}), fontsize=8)
    if path is not None:
        figure.savefig(fname=path, pad_inches=0, bbox_inches="tight", transparent=transparent, dpi=dpi)
    elif show or show is None:
        pyplot.show()
    if path is not None or show or show is None:
        pyplot.close(figure)


def _scaled(images: Array, value_range: tuple[float, float]) -> Array:
    low, high = value_range
    return np.asarray((images.astype("float32") - low) * (255.0 / (high - low))).astype("uint8")


def _gray(picture: Array) -> dict[str, Any]:
    return {"cmap": "gray", "vmin": 0, "vmax": 255} if picture.shape[-1] == 1 else {}


def _title(index: int, y_true: Any, y_pred: Any, names: dict[int, str]) -> str:
    parts = []
    for word, labels in (("Label", y_true), ("Pred", y_pred)):
        if labels is not None and index < len(labels):
            parts.append(f"{word}: {names.get(int(labels[index]), 'Unknown')}")
    return "  ".join(parts)


def plot_bounding_box_gallery(
    images: Any,
    bounding_box_format: str,
    y_true: dict[str, Any] | None = None,
    y_pred: dict[str, Any] | None = None,
    value_range: tuple[float, float] = (0, 255),
    true_color: Any = _TRUE,
    pred_color: Any = _PREDICTED,
    line_thickness: int = 2,
    font_scale: float = 1.0,
    text_thickness: int | None = None,
    class_mapping: dict[int, str] | None = None,
    ground_truth_mapping: dict[int, str] | None = None,
    prediction_mapping: dict[int, str] | None = None,
    legend: bool = False,
    legend_handles: Any = None,
    rows: int | None = None,
    cols: int | None = None,
    data_format: str | None = None,
    **kwargs: Any,
) -> None:
    """Shows pictures with the boxes of their objects, and with those that a model found.

    Args:
        images: A batch of pictures.
        bounding_box_format: The format of the boxes, such as `"xyxy"`.
        y_true: The boxes, as `draw_bounding_boxes` takes them.
        y_pred: The boxes that a model found.
        value_range: The least and the largest number of a pixel.
        true_color: Red, green and blue of the boxes.
        pred_color: Red, green and blue of what the model found.
        line_thickness: How thick the lines are, in pixels.
        font_scale: The size of the letters.
        text_thickness: How thick the letters are; as the lines by default.
        class_mapping: The names of the classes to write, by number.
        ground_truth_mapping: Other names for the boxes of `y_true`.
        prediction_mapping: Other names for those of `y_pred`.
        legend: Whether to say which colour is which.
        legend_handles: Patches of matplotlib for a legend of one's own.
        rows: The number of rows.
        cols: The number of columns.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: Arguments of `plot_image_gallery`.

    Raises:
        ValueError: If `images` is not a batch, or there are two legends.
        ImportError: If matplotlib is not installed.

    Example:
        >>> import os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "boxes.png")
        >>> boxes = {"boxes": np.array([[[1.0, 1.0, 6.0, 6.0]]]), "labels": np.array([[0]])}
        >>> plot_bounding_box_gallery(np.zeros((1, 8, 8, 3)), "xyxy", y_true=boxes, path=path)
        >>> os.path.getsize(path) > 0
        True
    """
    patches = _matplotlib("patches", "plot_bounding_box_gallery")
    pictures = _scaled(batch_of(images, data_format), value_range)
    draw = functools.partial(
        draw_bounding_boxes,
        bounding_box_format=bounding_box_format,
        line_thickness=line_thickness,
        text_thickness=text_thickness,
        font_scale=font_scale,
        data_format=_LAST,
    )
    for boxes, color, names in (
        (y_true, true_color, ground_truth_mapping or class_mapping),
        (y_pred, pred_color, prediction_mapping or class_mapping),
    ):
        if boxes is not None:
            pictures = draw(pictures, boxes, color=color, class_mapping=names)
    if legend:
        if legend_handles:
            raise ValueError(
                "Only pass `legend` OR `legend_handles` to `keras.visualization.plot_bounding_box_gallery()`."
            )
        legend_handles = [
            patches.Patch(color=np.array(color) / 255.0, label=label)
            for color, label in ((true_color, "Ground Truth"), (pred_color, "Prediction"))
        ]
    plot_image_gallery(pictures, legend_handles=legend_handles, rows=rows, cols=cols, data_format=_LAST, **kwargs)


def plot_segmentation_mask_gallery(
    images: Any,
    num_classes: int,
    value_range: tuple[float, float] = (0, 255),
    y_true: Any = None,
    y_pred: Any = None,
    color_mapping: dict[int, Any] | None = None,
    blend: bool = True,
    alpha: float = 0.8,
    ignore_index: int = -1,
    data_format: str | None = None,
    **kwargs: Any,
) -> None:
    """Shows each picture in a row with its mask, and with the mask that a model gave.

    Args:
        images: A batch of pictures.
        num_classes: The number of classes, 0 among them.
        value_range: The least and the largest number of a pixel.
        y_true: The class of each pixel, of shape (batch, height, width) or with one channel.
        y_pred: The classes that a model gave.
        color_mapping: Red, green and blue by class.
        blend: Whether picture and colour are mixed.
        alpha: The share of the colour, between 0 and 1.
        ignore_index: The class that is not drawn.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: Arguments of `plot_image_gallery`.

    Raises:
        ValueError: If `images` is not a batch.
        ImportError: If matplotlib is not installed.

    Example:
        >>> import os, tempfile
        >>> path, mask = os.path.join(tempfile.mkdtemp(), "masks.png"), np.eye(8, dtype="int32")[None]
        >>> plot_segmentation_mask_gallery(np.zeros((1, 8, 8, 3)), 2, y_true=mask, path=path)
        >>> os.path.getsize(path) > 0
        True
    """
    pictures = _scaled(batch_of(images, data_format), value_range)
    columns = [pictures]
    for masks in (y_true, y_pred):
        if masks is not None:
            classes = convert_to_numpy(masks).astype("int32")
            if classes.ndim == 4 and standardize_data_format(data_format) != _LAST:
                classes = classes.transpose(0, 2, 3, 1)
            columns.append(
                draw_segmentation_masks(
                    pictures,
                    classes,
                    num_classes=num_classes,
                    color_mapping=color_mapping,
                    alpha=alpha,
                    blend=blend,
                    ignore_index=ignore_index,
                    data_format=_LAST,
                ).astype("uint8")
            )
    beside = np.stack(columns, axis=1).reshape(-1, *pictures.shape[1:])
    plot_image_gallery(beside, rows=len(pictures), cols=len(columns), data_format=_LAST, **kwargs)
