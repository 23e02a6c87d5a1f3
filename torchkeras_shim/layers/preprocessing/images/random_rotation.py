"""`RandomRotation`."""

from __future__ import annotations

import math
from typing import Any

import torch

from torchkeras_shim.core.seeding import Seed
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.images.affine import AffineLayer, on_device, rows
from torchkeras_shim.layers.preprocessing.images.base import factor_range
from torchkeras_shim.ops import bounding_boxes as boxes_of


@LAYERS.register()
class RandomRotation(AffineLayer):
    """Turns images around their centres while training.

    Args:
        factor: How far, as a share of a full turn: `0.1` is up to 36 degrees either way, `(0.1, 0.2)` is from 36 to 72
            degrees counter-clockwise, where clockwise is negative.
        fill_mode: What comes into view from outside: `"reflect"`, `"wrap"`, `"constant"` or `"nearest"`.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        fill_value: The constant.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: `bounding_box_format`, and the arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If the factor does not fit.
        NotImplementedError: If there is no such fill mode or interpolation.

    Example:
        >>> RandomRotation((0.25, 0.25))(torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]])).squeeze().round()
        tensor([[2., 4.],
                [1., 3.]])
    """

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode=fill_mode,
            interpolation=interpolation,
            seed=seed,
            fill_value=fill_value,
            data_format=data_format,
            **kwargs,
        )
        self.factor = factor_range(self, factor)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Seed = None) -> Any:
        """Draws the angles, and returns them with the matrices that they make."""
        if not training:
            return None
        images, count = self._images_in(data)
        height, width = self._size(images.shape)
        low, high = (one * 360.0 for one in self.factor)
        angle = self._uniform((count,), low, high, images.device, seed)
        matrix = _rotation(angle, height, width)
        return {
            "angle": angle,
            "rotation_matrix": matrix if self._is_batch(images) else matrix.squeeze(0),
            "image_height": height,
            "image_width": width,
            "batch_size": count,
        }

    def _matrix(self, transformation: Any, size: tuple[int, int], device: torch.device) -> torch.Tensor:
        return on_device(transformation["rotation_matrix"], device)[..., :6]  # the other two are zeros

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the boxes around the turned bounding boxes of a batch."""
        if not training or transformation is None:
            return bounding_boxes
        height, width = transformation["image_height"], transformation["image_width"]
        found = boxes_of.convert_format(bounding_boxes, self._box_format(), "xyxy", height, width)
        angle = on_device(transformation["angle"], found["boxes"].device)
        zero, one = torch.zeros_like(angle), torch.ones_like(angle)
        turned = boxes_of.affine_transform(found["boxes"], angle, zero, zero, one, zero, zero, height, width)
        found = boxes_of.clip_to_image_size({**found, "boxes": turned}, height, width)
        return boxes_of.convert_format(found, "xyxy", self._box_format(), height, width)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "factor": self.factor}


def _rotation(angle: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Returns the matrices that turn images by angles in degrees around their centres."""
    turn = angle * (math.pi / 180.0)
    cos, sin = torch.cos(turn), torch.sin(turn)
    x, y = 0.5 * (width - 1), 0.5 * (height - 1)
    return rows(cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos, 0.0, 0.0)
