"""Looking pixels up at places between them and outside of the image."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F

__all__ = ["FILL_MODES", "INTERPOLATIONS", "moved_within", "neighbours", "sample", "working_type"]

#: Each is at the place of its order.
INTERPOLATIONS = ("nearest", "bilinear")
FILL_MODES = ("constant", "nearest", "wrap", "reflect")

#: One neighbour of a place along one axis: its index, its weight, and where it lies within the image.
Neighbour = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def _round(x: torch.Tensor) -> torch.Tensor:
    """Rounds halves away from zero, where torch rounds them to the even number."""
    return torch.sign(x) * torch.floor(x.abs() + 0.5)


def _mirrored(index: torch.Tensor, size: int) -> torch.Tensor:
    if size == 1:
        return torch.zeros_like(index)
    span = size - 1
    return ((index + span) % (2 * span) - span).abs()


def _fixed(index: torch.Tensor, size: int, mode: str) -> torch.Tensor:
    """Returns indices within the image for those that may lie outside."""
    if mode == "wrap":
        return index % size
    if mode == "mirror":  # dcb|abcd|cba
        return _mirrored(index, size)
    if mode == "reflect":  # dcba|abcd|dcba
        return torch.div(_mirrored(2 * index + 1, 2 * size + 1) - 1, 2, rounding_mode="floor")
    return index.clamp(0, size - 1)


def neighbours(places: torch.Tensor, size: int, order: int, mode: str) -> list[Neighbour]:
    """Returns the neighbours of places along one axis: the nearest one for order 0, two for order 1."""
    if order == 0:
        pairs = [(_round(places), torch.ones_like(places))]
    else:
        lower = torch.floor(places)
        share = places - lower
        pairs = [(lower, 1 - share), (lower + 1, share)]
    found = []
    for index, weight in pairs:
        whole = index.to(torch.int64)
        found.append((_fixed(whole, size, mode), weight, (whole >= 0) & (whole < size)))
    return found


def working_type(*tensors: torch.Tensor) -> torch.dtype:
    """Returns the type to compute in: float64 if any tensor has it, else float32."""
    return torch.float64 if any(tensor.dtype == torch.float64 for tensor in tensors) else torch.float32


def sample(nhwc: torch.Tensor, places: torch.Tensor, order: int, mode: str, fill_value: float) -> torch.Tensor:
    """Looks pixels up.

    Args:
        nhwc: The images.
        places: Where, of shape (batch, 2, height, width): columns, then rows. The batch may be one for all.
        order: 0 takes the nearest pixel, 1 interpolates linearly.
        mode: What lies outside: `"constant"`, `"nearest"`, `"wrap"`, `"mirror"` or `"reflect"`.
        fill_value: The constant.

    Returns:
        Values of the type to compute in.
    """
    places = places.expand(nhwc.shape[0], -1, -1, -1)
    if order == 1 and nhwc.is_floating_point() and mode in _PADDING:
        return _by_kernel(nhwc.to(working_type(nhwc)), places, mode, fill_value)
    return _by_index(nhwc, places, order, mode, fill_value)


#: What torch's own kernel can do, and what it calls that.
_PADDING = {"constant": "zeros", "nearest": "border", "reflect": "reflection"}


def _by_kernel(nhwc: torch.Tensor, places: torch.Tensor, mode: str, fill_value: float) -> torch.Tensor:
    """Interpolates linearly by torch's own kernel: 12 ms where look-ups take 60 (32 images of 180 x 180 x 3, 1 core).

    It is as fast on memory with the channels last as first, and wherever the last axis of the grid lies: nothing is
    copied on the way in or out.
    """
    batch, height, width, _ = nhwc.shape
    scale = _pair(2.0 / width, 2.0 / height, places)
    grid = torch.addcmul(scale / 2.0 - 1.0, places, scale).permute(0, 2, 3, 1).to(nhwc.dtype)

    def sampled(images: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = F.grid_sample(images, grid, padding_mode=_PADDING[mode], align_corners=False)
        return found.permute(0, 2, 3, 1)

    result = sampled(nhwc.permute(0, 3, 1, 2))
    if mode == "constant" and fill_value != 0:
        white = torch.ones((1, 1, 1, 1), dtype=nhwc.dtype, device=nhwc.device)
        result = result + fill_value * (1.0 - sampled(white.expand(batch, 1, height, width)))
    return result


def _pair(first: float, second: float, like: torch.Tensor) -> torch.Tensor:
    """Returns two numbers for the axis of columns and rows, made on the device: a CUDA graph can hold no copy to it."""
    return torch.stack([torch.full((1, 1), one, dtype=like.dtype, device=like.device) for one in (first, second)])


def _by_index(nhwc: torch.Tensor, places: torch.Tensor, order: int, mode: str, fill_value: float) -> torch.Tensor:
    """Looks up whole pixels, and adds up to four of them for each."""
    batch, height, width, channels = nhwc.shape
    # By rows of a table of pixels: 6.5 ms where `gather` takes 38.
    pixels = nhwc.reshape(batch * height * width, channels).to(working_type(nhwc))
    first = torch.arange(batch, device=nhwc.device).reshape(batch, 1, 1) * (height * width)
    columns, rows = (neighbours(places[:, axis], size, order, mode) for axis, size in ((0, width), (1, height)))
    result: torch.Tensor | None = None
    for (i, a, i_inside), (j, b, j_inside) in itertools.product(rows, columns):
        found = pixels.index_select(0, (i * width + j + first).flatten()).reshape(*places[:, 0].shape, channels)
        if mode == "constant":
            inside = (i_inside & j_inside).unsqueeze(-1)
            found = torch.where(inside, found, torch.full_like(found, fill_value))
        if order == 1:
            found = (a * b).unsqueeze(-1) * found
        result = found if result is None else result + found
    assert result is not None
    return result


def moved_within(places: torch.Tensor, sizes: tuple[int, int], mode: str) -> torch.Tensor:
    """Moves places into the image, as TensorFlow does before it interpolates.

    Args:
        places: Of shape (batch, 2, height, width), as above.
        sizes: The image's width and height.
        mode: `"reflect"` or `"wrap"`.
    """
    return torch.stack([_within(places[:, axis], size, mode) for axis, size in enumerate(sizes)], dim=1)


def _within(places: torch.Tensor, size: int, mode: str) -> torch.Tensor:
    if mode == "reflect":
        folded = places.remainder(2 * size)
        places = torch.where(folded < size, folded, 2 * size - 1 - folded)
    elif size > 1:
        below = places + size * (torch.floor(-places / (size - 1)) + 1)
        above = places - size * torch.floor(places / (size - 1))
        places = torch.where(places < 0, below, torch.where(places > size - 1, above, places))
    return places.clamp(0, size - 1)
