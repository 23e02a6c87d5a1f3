"""What layers share that move, turn, scale or shear images: places outside of the image are filled."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.preprocessing.images.base import RandomImageLayer
from torchkeras_shim.ops.image.layout import through_nhwc
from torchkeras_shim.ops.image.transforms import project
from torchkeras_shim.ops.promotion import as_tensor

_FILL_MODES = ("reflect", "wrap", "constant", "nearest")
_INTERPOLATIONS = ("nearest", "bilinear")


def one_of_these(owner: Any, name: str, value: Any, allowed: tuple[str, ...]) -> Any:
    """Returns an argument that must be one of some names.

    Raises:
        NotImplementedError: If it is another one.
    """
    if value not in allowed:
        raise NotImplementedError(
            f"Unknown `{name}` {value}. Expected one of {allowed}. Received: {name}={value!r}, for "
            f"{type(owner).__name__}."
        )
    return value


def interpolation_of(owner: Any, value: Any) -> Any:
    """Returns the argument `interpolation`, `"nearest"` or `"bilinear"`."""
    return one_of_these(owner, "interpolation", value, _INTERPOLATIONS)


class AffineLayer(RandomImageLayer):
    """A layer that takes each new pixel from some place of the old image.

    Args:
        fill_mode: What lies outside: `"reflect"`, `"wrap"`, `"constant"` or `"nearest"`.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_value: The constant.
        **kwargs: `seed`, `bounding_box_format`, `data_format`, and the arguments of every layer.
    """

    def __init__(self, *, fill_mode: str, interpolation: str, fill_value: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fill_mode = one_of_these(self, "fill_mode", fill_mode, _FILL_MODES)
        self.interpolation = interpolation_of(self, interpolation)
        self.fill_value = arguments.number(self, "fill_value", fill_value)

    def _matrix(self, transformation: Any, size: tuple[int, int], device: torch.device) -> torch.Tensor:
        """Returns the six numbers per image that say where its pixels are taken from, see `affine_transform`."""
        raise NotImplementedError

    def _transform_images(self, images: torch.Tensor, transformation: Any, interpolation: str) -> torch.Tensor:
        if transformation is None:
            return images
        matrix = self._matrix(transformation, self._size(images.shape), images.device)
        return through_nhwc(
            images,
            self.data_format,
            lambda nhwc: project(nhwc, matrix, interpolation, self.fill_mode, self.fill_value),
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "fill_mode": self.fill_mode,
            "interpolation": self.interpolation,
            "fill_value": self.fill_value,
        }


def on_device(value: Any, device: torch.device) -> torch.Tensor:
    """Returns a part of a transformation, which may come from elsewhere, as float32 on the device of the images."""
    return as_tensor(value, device=device).to(device, torch.float32)


def rows(*numbers: torch.Tensor | float) -> torch.Tensor:
    """Returns one row per image, of columns and of numbers that are the same for all of them.

    Example:
        >>> rows(torch.tensor([1.0, 2.0]), 0.0)
        tensor([[1., 0.],
                [2., 0.]])
    """
    like = next(one for one in numbers if isinstance(one, torch.Tensor))
    return torch.stack([one if isinstance(one, torch.Tensor) else torch.full_like(like, one) for one in numbers], dim=1)


def within(owner: Any, name: str, value: Any, least: float, included: bool = True) -> tuple[float, float]:
    """Returns a factor, a number or two numbers up to 1, as the range that it stands for.

    Args:
        owner: The layer.
        name: The argument.
        value: What it was given.
        least: The least number allowed.
        included: Whether that number itself is.

    Raises:
        ValueError: If it is anything else.

    Example:
        >>> within(None, "width_factor", 0.5, -1.0), within(None, "width_factor", [0.3, 0.1], 0.0)
        ((-0.5, 0.5), (0.1, 0.3))
    """
    pair = list(value) if isinstance(value, (tuple, list)) else [value]
    fits = len(pair) == (2 if isinstance(value, (tuple, list)) else 1) and all(map(arguments.is_number, pair))
    if not fits or not all(least <= one <= 1.0 and (included or one > least) for one in pair):
        raise ValueError(
            f"The `{name}` argument should be a number (or a list of two numbers) in the range "
            f"{'[' if included else '('}{least}, 1.0]. Received: {name}={value!r}, for {type(owner).__name__}."
        )
    low, high = sorted(map(arguments.plain, pair)) if len(pair) == 2 else (-abs(pair[0]), abs(pair[0]))
    return low, high
