"""`tf.image`: changes of images of shape (height, width, channels), or of batches of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim import ops
from torchkeras_shim.compat.tf.api import public, tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.shapes import as_sizes
from torchkeras_shim.compat.tf.tensors import convert, like, together
from torchkeras_shim.core.errors import InvalidArgumentError


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


def _image(images: Any) -> Any:
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
    x = _image(images)
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
    x = _image(image)
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
    x = _image(image)
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
    x = _image(image)
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
    x = _image(image)
    height, width = int(target_height), int(target_width)
    spare_height, spare_width = x.shape[-3] - height, x.shape[-2] - width
    top, left = max(spare_height // 2, 0), max(spare_width // 2, 0)
    x = x[..., top : top + height, left : left + width, :]
    return pad_to_bounding_box(x, max(-spare_height // 2, 0), max(-spare_width // 2, 0), height, width)


@tf_op("image.central_crop")
def central_crop(image: Any, central_fraction: Any) -> Any:
    """The middle of images."""
    x, fraction = _image(image), float(central_fraction)
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
    return torch.flip(_image(image), (-2,))


@tf_op("image.flip_up_down")
def flip_up_down(image: Any) -> Any:
    """Images with top and bottom exchanged."""
    return torch.flip(_image(image), (-3,))


@tf_op("image.rot90")
def rot90(image: Any, k: Any = 1) -> Any:
    """Images turned to the left by quarters."""
    return torch.rot90(_image(image), int(k), (-3, -2))


@tf_op("image.transpose")
def transpose(image: Any) -> Any:
    """Images with height and width exchanged."""
    return torch.transpose(_image(image), -3, -2)


# Types and colors ---------------------------------------------------------------------------------------------------


@tf_op("image.convert_image_dtype")
def convert_image_dtype(image: Any, dtype: Any, saturate: bool = False) -> Any:
    """Images in another type: floats are from 0 to 1, integers from 0 to their largest."""
    x, wanted = like(image), as_dtype(dtype)
    have = as_dtype(x.dtype)
    if have == wanted:
        return x
    if have.is_integer and wanted.is_integer:
        large, small = sorted((int(have.max) + 1, int(wanted.max) + 1), reverse=True)
        whole = x.to(torch.int64)  # torch computes little with uint16
        smaller = have.size > wanted.size or (have.size == wanted.size and have.is_unsigned)
        scaled = torch.div(whole, large // small, rounding_mode="floor") if smaller else whole * (large // small)
        return scaled.to(wanted.torch_dtype)
    if have.is_integer:
        return x.to(wanted.torch_dtype) * (1.0 / int(have.max))
    if wanted.is_integer:
        scaled = x * (int(wanted.max) + 0.5)
        return (
            scaled.clamp(int(wanted.min), int(wanted.max)).to(wanted.torch_dtype) if saturate else _cut(scaled, wanted)
        )
    return x.to(wanted.torch_dtype)


def _cut(x: torch.Tensor, wanted: Any) -> Any:
    return x.to(torch.int64).to(wanted.torch_dtype)


def _in_floats(image: Any, change: Callable[[torch.Tensor], torch.Tensor], saturate: bool = True) -> Any:
    """Changes images as floats from 0 to 1, and gives them back in their type."""
    x = _image(image)
    if x.is_floating_point():
        return change(x)
    return convert_image_dtype(change(convert_image_dtype(x, "float32")), x.dtype, saturate=saturate)


@tf_op("image.adjust_brightness")
def adjust_brightness(image: Any, delta: Any) -> Any:
    """Images with a number added: of integers a share of their range."""
    return _in_floats(image, lambda x: x + like(delta).to(x.dtype))


@tf_op("image.adjust_contrast")
def adjust_contrast(images: Any, contrast_factor: Any) -> Any:
    """Images with the distance from each channel's mean scaled."""

    def change(x: torch.Tensor) -> Any:
        mean = x.mean((-3, -2), keepdim=True)
        return (x - mean) * like(contrast_factor).to(x.dtype) + mean

    return _in_floats(images, change)


@tf_op("image.adjust_gamma")
def adjust_gamma(image: Any, gamma: Any = 1, gain: Any = 1) -> Any:
    """Images raised to a power."""
    return _in_floats(image, lambda x: gain * torch.pow(x, like(gamma).to(x.dtype)))


@tf_op("image.adjust_hue")
def adjust_hue(image: Any, delta: Any) -> Any:
    """Images with the hue turned: by 1 all the way round."""

    def change(x: torch.Tensor) -> Any:
        hue, *others = ops.image.rgb_to_hsv(x, data_format="channels_last").unbind(-1)
        return ops.image.hsv_to_rgb(
            torch.stack([torch.remainder(hue + like(delta).to(x.dtype), 1.0), *others], -1), data_format="channels_last"
        )

    return _in_floats(image, change)


@tf_op("image.adjust_saturation")
def adjust_saturation(image: Any, saturation_factor: Any) -> Any:
    """Images with the saturation scaled."""

    def change(x: torch.Tensor) -> Any:
        hue, saturation, value = ops.image.rgb_to_hsv(x, data_format="channels_last").unbind(-1)
        scaled = torch.clamp(saturation * like(saturation_factor).to(x.dtype), 0.0, 1.0)
        return ops.image.hsv_to_rgb(torch.stack([hue, scaled, value], -1), data_format="channels_last")

    return _in_floats(image, change)


@tf_op("image.per_image_standardization")
def per_image_standardization(image: Any) -> Any:
    """Each image with a mean of 0 and a deviation of 1, or of `1 / sqrt(size)` where it is less."""
    x = _image(image)
    x = x if x.is_floating_point() else x.to(torch.float32)
    axes = (-3, -2, -1)
    count = x[0].numel() if x.ndim == 4 else x.numel()
    mean = x.mean(axes, keepdim=True)
    deviation = torch.sqrt(torch.square(x - mean).mean(axes, keepdim=True))
    return (x - mean) / torch.clamp(deviation, min=count**-0.5)


@tf_op("image.rgb_to_grayscale")
def rgb_to_grayscale(images: Any) -> Any:
    """Images with one channel of brightness."""
    x = like(images)
    floats = x if x.is_floating_point() else convert_image_dtype(x, "float32")
    gray = torch.tensordot(floats, torch.tensor([0.2989, 0.587, 0.114], dtype=floats.dtype, device=x.device), 1)[
        ..., None
    ]
    return gray if x.is_floating_point() else convert_image_dtype(gray, x.dtype)


@tf_op("image.grayscale_to_rgb")
def grayscale_to_rgb(images: Any) -> Any:
    """Images with their one channel three times."""
    x = like(images)
    if x.shape[-1] != 1:
        raise ValueError(f"Input image must have last dimension of size 1. Received shape {tuple(x.shape)}")
    return x.expand(*x.shape[:-1], 3).clone()


@tf_op("image.rgb_to_hsv")
def rgb_to_hsv(images: Any) -> Any:
    """Hue, saturation and value, from 0 to 1."""
    return ops.image.rgb_to_hsv(like(images), data_format="channels_last")


@tf_op("image.hsv_to_rgb")
def hsv_to_rgb(images: Any) -> Any:
    """Red, green and blue, from 0 to 1."""
    return ops.image.hsv_to_rgb(like(images), data_format="channels_last")


_YIQ = [[0.299, 0.59590059, 0.2115], [0.587, -0.27455667, -0.52273617], [0.114, -0.32134392, 0.31119955]]
_YUV = [[0.299, -0.14714119, 0.61497538], [0.587, -0.28886916, -0.51496512], [0.114, 0.43601035, -0.10001026]]
_BACK = {
    "yiq": [[1.0, 1.0, 1.0], [0.95598634, -0.27201283, -1.10674021], [0.6208248, -0.64720424, 1.70423049]],
    "yuv": [[1.0, 1.0, 1.0], [0.0, -0.394642334, 2.03206185], [1.13988303, -0.58062185, 0.0]],
}


def _make_conversion(name: str, matrix: list[list[float]]) -> None:
    def call(images: Any) -> Any:
        x = like(images)
        return torch.tensordot(x, torch.tensor(matrix, dtype=x.dtype, device=x.device), 1)

    call.__name__, call.__doc__ = name, "Colors by another three numbers."
    tf_op(f"image.{name}")(call)


for _name, _matrix in {
    "rgb_to_yiq": _YIQ,
    "rgb_to_yuv": _YUV,
    "yiq_to_rgb": _BACK["yiq"],
    "yuv_to_rgb": _BACK["yuv"],
}.items():
    _make_conversion(_name, _matrix)


# Measures and boxes -------------------------------------------------------------------------------------------------


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
    x = _image(images)
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
    """The structural similarity of each pair of images."""
    a, b = together("SSIM", img1, img2)
    if return_index_map:
        raise NotImplementedError("tf.image.ssim with return_index_map=True is not supported.")
    single = a.ndim == 3
    a, b = (convert_image_dtype(one, "float32").movedim(-1, -3) for one in (a, b))
    a, b = (one[None] if single else one for one in (a, b))
    shift = torch.arange(filter_size, dtype=a.dtype) - (filter_size - 1) / 2
    line = torch.softmax(-0.5 * torch.square(shift) / filter_sigma**2, 0)
    channels = a.shape[1]
    kernel = (line[:, None] * line[None])[None, None].expand(channels, 1, -1, -1)

    def mean(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.conv2d(x, kernel, groups=channels)

    c1, c2 = (k1 * float(max_val)) ** 2, (k2 * float(max_val)) ** 2
    mean_a, mean_b = mean(a), mean(b)
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    both, squares = mean(a * b) * 2, mean(a * a + b * b)
    contrast = (both - 2 * mean_a * mean_b + c2) / (squares - mean_a**2 - mean_b**2 + c2)
    result = (luminance * contrast).mean((-2, -1)).mean(-1)
    return result[0] if single else result


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
