"""Looking pixels up at places between them and outside of the image."""

from __future__ import annotations

import itertools

import torch

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


def sample(
    nhwc: torch.Tensor, y: torch.Tensor, x: torch.Tensor, order: int, mode: str, fill_value: float
) -> torch.Tensor:
    """Looks pixels up at the places `(batch, height, width)` of images."""
    batch, height, width, channels = nhwc.shape
    flat = nhwc.reshape(batch, height * width, channels).to(working_type(nhwc))
    result = torch.zeros((batch, *y.shape[1:], channels), dtype=flat.dtype, device=flat.device)
    rows, columns = neighbours(y, height, order, mode), neighbours(x, width, order, mode)
    for (i, a, i_inside), (j, b, j_inside) in itertools.product(rows, columns):
        index = (i * width + j).reshape(batch, -1, 1).expand(-1, -1, channels)
        found = flat.gather(1, index).reshape(result.shape)
        if mode == "constant":
            inside = (i_inside & j_inside).unsqueeze(-1)
            found = torch.where(inside, found, torch.full_like(found, fill_value))
        result = result + (a * b).unsqueeze(-1) * found
    return result


def moved_within(places: torch.Tensor, size: int, mode: str) -> torch.Tensor:
    """Moves places into the image, as TensorFlow does before it interpolates."""
    if mode == "constant":
        return places
    if mode == "reflect":
        folded = places.remainder(2 * size)
        places = torch.where(folded < size, folded, 2 * size - 1 - folded)
    elif mode == "wrap" and size > 1:
        below = places + size * (torch.floor(-places / (size - 1)) + 1)
        above = places - size * torch.floor(places / (size - 1))
        places = torch.where(places < 0, below, torch.where(places > size - 1, above, places))
    return places.clamp(0, size - 1)
