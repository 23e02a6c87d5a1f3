"""Images seen from elsewhere: every new pixel is looked up at some place of the old image."""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch

from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.image.layout import as_images, one_of, restored, through_nhwc
from torchkeras_shim.ops.image.sampling import (
    FILL_MODES,
    INTERPOLATIONS,
    moved_within,
    neighbours,
    sample,
    working_type,
)
from torchkeras_shim.ops.promotion import as_tensor
from torchkeras_shim.ops.value_dependent import never_on_zeros

__all__ = ["affine_transform", "map_coordinates", "perspective_transform"]

_COORDINATE_FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


@op
def map_coordinates(
    inputs: Any, coordinates: Any, order: int, fill_mode: str = "constant", fill_value: float = 0
) -> Any:
    """Returns the values at places between the pixels.

    Args:
        inputs: A tensor.
        coordinates: The places: along the first axis one coordinate per axis of `inputs`, then any shape.
        order: 0 takes the nearest value, 1 interpolates linearly.
        fill_mode: What lies outside: `"constant"`, `"nearest"` (`a|abcd|d`), `"wrap"` (`d|abcd|a`), `"mirror"`
            (`cb|abcd|cb`) or `"reflect"` (`ba|abcd|dc`).
        fill_value: The constant.

    Raises:
        ValueError: If the coordinates do not fit, or the fill mode is another one.
        NotImplementedError: If the order is higher.

    Example:
        >>> map_coordinates([1.0, 3.0], [[0.5]], order=1)
        tensor([2.])
    """
    inputs = as_tensor(inputs)
    places = as_tensor(coordinates, device=inputs.device)
    if places.dim() < 2:
        raise ValueError(
            f"Invalid coordinates rank: expected at least rank 2. Received input with shape: {tuple(places.shape)}"
        )
    if places.shape[0] != inputs.dim():
        raise ValueError(
            "First dim of `coordinates` must be the same as the rank of `inputs`. Received inputs with shape: "
            f"{tuple(inputs.shape)} and coordinate leading dim of {places.shape[0]}"
        )
    one_of("fill_mode", fill_mode, _COORDINATE_FILL_MODES)
    if order not in (0, 1):
        raise NotImplementedError(f"`map_coordinates` supports order 0 and 1. Received: order={order}")
    places = places.to(working_type(inputs, places))
    per_axis = [neighbours(places[i], size, order, fill_mode) for i, size in enumerate(inputs.shape)]
    values = inputs.to(places.dtype)
    result = torch.zeros(places.shape[1:], dtype=places.dtype, device=inputs.device)
    for corner in itertools.product(*per_axis):
        found = values[tuple(index for index, _, _ in corner)]
        if fill_mode == "constant":
            inside = math.prod((ok for _, _, ok in corner), start=torch.ones_like(found, dtype=torch.bool))
            found = torch.where(inside, found, torch.full_like(found, fill_value))
        result = result + math.prod((weight for _, weight, _ in corner), start=found)
    return restored(result, inputs.dtype)


def project(
    nhwc: torch.Tensor, transform: torch.Tensor, interpolation: str, mode: str, fill_value: float
) -> torch.Tensor:
    """Returns images of which each pixel is taken from where a transform says.

    Args:
        nhwc: The images.
        transform: One row per image, or one for all: six numbers, or eight with perspective.
        interpolation: `"bilinear"` or `"nearest"`.
        mode: What lies outside: `"constant"`, `"nearest"`, `"wrap"` or `"reflect"`.
        fill_value: The constant.
    """
    _, height, width, _ = nhwc.shape
    order = INTERPOLATIONS.index(interpolation)
    places = _places(transform.to(working_type(nhwc)), height, width, exact=order == 0)
    if mode == "wrap" or (mode == "reflect" and order == 0):
        places, mode = moved_within(places, (width, height), mode), "nearest"
    return sample(nhwc, places, order, mode, fill_value).to(nhwc.dtype)  # integers are cut off, as in TensorFlow


def _places(transform: torch.Tensor, height: int, width: int, exact: bool) -> torch.Tensor:
    """Returns where pixels are taken from, of shape (batch, 2, height, width): columns, then rows.

    Args:
        transform: The numbers, of shape (batch, 6) or (batch, 8).
        height: The images' height.
        width: Their width.
        exact: Whether to add in the order in which Keras does: halves are rounded to one pixel or the other.
    """
    transform = transform.reshape(-1, transform.shape[-1])
    along_x, along_y, offset = transform[:, :6].reshape(-1, 2, 3, 1, 1).unbind(2)
    y = torch.arange(height, dtype=transform.dtype, device=transform.device).reshape(height, 1)
    x = torch.arange(width, dtype=transform.dtype, device=transform.device)
    # Rows and columns are small tensors: all but one sum are made of these.
    places = along_x * x + along_y * y + offset if exact else along_x * x + (along_y * y + offset)
    if transform.shape[-1] == 6:
        return places
    c0, c1 = transform[:, 6:].reshape(-1, 2, 1, 1, 1).unbind(1)
    depth = c0 * x + c1 * y + 1.0
    return torch.where(depth == 0, -2.0, places / depth)  # the horizon: filled


@op
def affine_transform(
    images: Any,
    transform: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Any:
    """Moves, turns, scales and shears images.

    Args:
        images: One image or a batch of them.
        transform: Eight numbers `a0, a1, a2, b0, b1, b2, c0, c1`, or one such row per image: the pixel `(x, y)` of the
            result is taken from `((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k)` with `k = c0 x + c1 y + 1`.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_mode: What lies outside: `"constant"`, `"nearest"`, `"wrap"` or `"reflect"`.
        fill_value: The constant.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Raises:
        ValueError: If an argument does not exist, or a shape does not fit.

    Example:
        >>> image = torch.arange(3.0).reshape(1, 3, 1)
        >>> affine_transform(image, [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]).flatten()
        tensor([1., 2., 0.])
    """
    one_of("interpolation", interpolation, INTERPOLATIONS)
    one_of("fill_mode", fill_mode, FILL_MODES)
    images = as_images(images)
    transform = as_tensor(transform, device=images.device)
    if transform.dim() not in (1, 2):
        raise ValueError(
            "Invalid transform rank: expected rank 1 (single transform) or rank 2 (batch of transforms). "
            f"Received input with shape: transform.shape={tuple(transform.shape)}"
        )
    if transform.shape[-1] != 8:
        raise ValueError(f"A transform has 8 numbers. Received: transform.shape={tuple(transform.shape)}")
    return through_nhwc(
        images, data_format, lambda nhwc: project(nhwc, transform, interpolation, fill_mode, fill_value)
    )


def homography(start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
    """Returns the transforms that take the end points back to the start points."""
    x, y = end[..., 0], end[..., 1]
    u, v = start[..., 0], start[..., 1]
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    for_u = torch.stack([x, y, one, zero, zero, zero, -u * x, -u * y], dim=-1)
    for_v = torch.stack([zero, zero, zero, x, y, one, -v * x, -v * y], dim=-1)
    equations = torch.cat([for_u, for_v], dim=-2)
    # Points on one line have no transform. Nobody looks for them: that would read the device.
    solution: torch.Tensor = torch.linalg.solve_ex(equations, torch.cat([u, v], dim=-1).unsqueeze(-1)).result
    return solution.squeeze(-1)


@never_on_zeros
def perspective_transform(
    images: Any,
    start_points: Any,
    end_points: Any,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Any:
    """Moves four points of images to other places, and everything else along in perspective.

    Args:
        images: One image or a batch of them.
        start_points: Four points `(x, y)`, of shape `(4, 2)` or `(batch, 4, 2)`.
        end_points: Where they go.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_value: What fills the places that come from outside.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Raises:
        ValueError: If the interpolation is another one, or a shape does not fit.

    Example:
        >>> points = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0], [3.0, 3.0]])
        >>> image = torch.arange(16.0).reshape(4, 4, 1)
        >>> torch.allclose(perspective_transform(image, points, points), image, atol=1e-4)
        True
    """
    one_of("interpolation", interpolation, INTERPOLATIONS)
    images = as_images(images)
    points = [as_tensor(one, device=images.device).to(torch.float32) for one in (start_points, end_points)]
    for name, one in zip(("start_points", "end_points"), points, strict=True):
        if one.dim() not in (2, 3) or tuple(one.shape[-2:]) != (4, 2):
            raise ValueError(
                f"Invalid {name} shape: expected (4,2) for a single image or (N,4,2) for a batch. "
                f"Received shape: {tuple(one.shape)}"
            )
    if points[0].shape != points[1].shape:
        raise ValueError(
            "start_points and end_points must have the same shape. "
            f"Received start_points.shape={tuple(points[0].shape)}, end_points.shape={tuple(points[1].shape)}"
        )
    transform = homography(*points)
    return through_nhwc(
        images, data_format, lambda nhwc: project(nhwc, transform, interpolation, "constant", fill_value)
    )
