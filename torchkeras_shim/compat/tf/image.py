"""`tf.image`: changes of images of shape (height, width, channels), or of batches of them."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim import ops
from torchkeras_shim.compat.tf.api import public, tf_op
from torchkeras_shim.compat.tf.shapes import as_sizes
from torchkeras_shim.compat.tf.tensors import like


@public("image.ResizeMethod")
class ResizeMethod:
    """The names of the methods of `resize`."""

    AREA = "area"
    BICUBIC = "bicubic"
    BILINEAR = "bilinear"
    GAUSSIAN = "gaussian"
    LANCZOS3 = "lanczos3"
    LANCZOS5 = "lanczos5"
    MITCHELLCUBIC = "mitchellcubic"
    NEAREST_NEIGHBOR = "nearest"


def as_images(images: Any) -> Any:
    """Returns an image or a batch of images as a tensor."""
    x = like(images)
    if x.ndim not in (3, 4):
        raise ValueError(f"'images' must have either 3 or 4 dimensions. Received shape {tuple(x.shape)}")
    return x


def _height_width(x: torch.Tensor) -> tuple[int, int]:
    return x.shape[-3], x.shape[-2]


@tf_op("image.resize")
def resize(
    images: Any, size: Any, method: str = "bilinear", preserve_aspect_ratio: bool = False, antialias: bool = False
) -> Any:
    """Images of another size, as float32; nearest neighbours keep the type."""
    x = as_images(images)
    height, width = as_sizes(size)
    if method in (ResizeMethod.GAUSSIAN, ResizeMethod.MITCHELLCUBIC):
        raise NotImplementedError(
            f"tf.image.resize with method={method!r} is not supported. Use 'bilinear', 'bicubic' or 'lanczos3'."
        )
    old = _height_width(x)
    if preserve_aspect_ratio:
        scale = min(height / old[0], width / old[1])
        height, width = (max(round(side * scale), 1) for side in old)
    if method == ResizeMethod.NEAREST_NEIGHBOR:
        return ops.image.resize(x, (height, width), "nearest", data_format="channels_last")
    return ops.image.resize(x.to(torch.float32), (height, width), method, antialias, data_format="channels_last")


@tf_op("image.resize_with_pad")
def resize_with_pad(
    image: Any, target_height: Any, target_width: Any, method: str = "bilinear", antialias: bool = False
) -> Any:
    """Images scaled to fit, with zeros round them."""
    x = as_images(image)
    height, width = int(target_height), int(target_width)
    old = _height_width(x)
    ratio = max(old[1] / width, old[0] / height)
    new = int(old[0] / ratio), int(old[1] / ratio)
    resized = resize(x, new, method, antialias=antialias)
    top, left = max(0, int((height - old[0] / ratio) / 2)), max(0, int((width - old[1] / ratio) / 2))
    return pad_to_bounding_box(resized, top, left, height, width)


@tf_op("image.crop_to_bounding_box")
def crop_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Any:
    """A part of images."""
    x = as_images(image)
    top, left, height, width = int(offset_height), int(offset_width), int(target_height), int(target_width)
    if top < 0 or left < 0 or top + height > x.shape[-3] or left + width > x.shape[-2]:
        raise ValueError(
            f"The box of {height}x{width} from ({top}, {left}) is not inside of an image of "
            f"{x.shape[-3]}x{x.shape[-2]}."
        )
    return x[..., top : top + height, left : left + width, :]


@tf_op("image.pad_to_bounding_box")
def pad_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Any:
    """Images with zeros round them."""
    x = as_images(image)
    top, left = int(offset_height), int(offset_width)
    bottom, right = int(target_height) - x.shape[-3] - top, int(target_width) - x.shape[-2] - left
    if min(top, left, bottom, right) < 0:
        raise ValueError(
            f"An image of {x.shape[-3]}x{x.shape[-2]} at ({top}, {left}) is not inside of "
            f"{target_height}x{target_width}."
        )
    return torch.nn.functional.pad(x, (0, 0, left, right, top, bottom))


@tf_op("image.resize_with_crop_or_pad")
def resize_with_crop_or_pad(image: Any, target_height: Any, target_width: Any) -> Any:
    """Images cut at the middle, or with zeros round them."""
    x = as_images(image)
    height, width = int(target_height), int(target_width)
    spare_height, spare_width = x.shape[-3] - height, x.shape[-2] - width
    top, left = max(spare_height // 2, 0), max(spare_width // 2, 0)
    x = x[..., top : top + height, left : left + width, :]
    return pad_to_bounding_box(x, max(-spare_height // 2, 0), max(-spare_width // 2, 0), height, width)


@tf_op("image.central_crop")
def central_crop(image: Any, central_fraction: Any) -> Any:
    """The middle of images."""
    x, fraction = as_images(image), float(central_fraction)
    if not 0 < fraction <= 1:
        raise ValueError(f"central_fraction is not within (0, 1]. Received: {fraction}")
    top, left = (int((side - side * fraction) / 2) for side in _height_width(x))
    return x[..., top : x.shape[-3] - top, left : x.shape[-2] - left, :]


@tf_op("image.crop_and_resize")
def crop_and_resize(
    image: Any, boxes: Any, box_indices: Any, crop_size: Any, method: str = "bilinear", extrapolation_value: float = 0.0
) -> Any:
    """Boxes of images, given by shares of height and width, at one size."""
    x, boxes = like(image).to(torch.float32), like(boxes)
    height, width = as_sizes(crop_size)
    sides = []
    for size, count, low, high in (
        (x.shape[1], height, boxes[:, 0], boxes[:, 2]),
        (x.shape[2], width, boxes[:, 1], boxes[:, 3]),
    ):
        if count > 1:
            steps = torch.arange(count, device=x.device) * ((high - low) * (size - 1) / (count - 1))[:, None]
            sides.append(low[:, None] * (size - 1) + steps)
        else:
            sides.append((0.5 * (low + high) * (size - 1))[:, None])
    rows, columns = sides
    inside = ((rows >= 0) & (rows <= x.shape[1] - 1))[:, :, None] & ((columns >= 0) & (columns <= x.shape[2] - 1))[
        :, None
    ]
    chosen = x[like(box_indices).long()]
    batch = torch.arange(len(boxes), device=x.device)[:, None, None]

    def at(r: torch.Tensor, c: torch.Tensor) -> Any:
        r, c = r.long().clamp(0, x.shape[1] - 1), c.long().clamp(0, x.shape[2] - 1)
        return chosen[batch, r[:, :, None], c[:, None, :]]

    if method == "nearest":
        result = at(torch.floor(rows + 0.5), torch.floor(columns + 0.5))
    else:
        top, left = torch.floor(rows), torch.floor(columns)
        down, along = (rows - top)[:, :, None, None], (columns - left)[:, None, :, None]
        upper = at(top, left) + (at(top, torch.ceil(columns)) - at(top, left)) * along
        lower = (
            at(torch.ceil(rows), left)
            + (at(torch.ceil(rows), torch.ceil(columns)) - at(torch.ceil(rows), left)) * along
        )
        result = upper + (lower - upper) * down
    return torch.where(inside[..., None], result, torch.as_tensor(extrapolation_value, dtype=result.dtype))


@tf_op("image.flip_left_right")
def flip_left_right(image: Any) -> Any:
    """Images with left and right exchanged."""
    return torch.flip(as_images(image), (-2,))


@tf_op("image.flip_up_down")
def flip_up_down(image: Any) -> Any:
    """Images with top and bottom exchanged."""
    return torch.flip(as_images(image), (-3,))


@tf_op("image.rot90")
def rot90(image: Any, k: Any = 1) -> Any:
    """Images turned to the left by quarters."""
    return torch.rot90(as_images(image), int(k), (-3, -2))


@tf_op("image.transpose")
def transpose(image: Any) -> Any:
    """Images with height and width exchanged."""
    return torch.transpose(as_images(image), -3, -2)
