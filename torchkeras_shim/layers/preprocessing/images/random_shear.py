"""`RandomShear`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.seeding import Seed
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.images.affine import AffineLayer, on_device, rows, within
from torchkeras_shim.ops.bounding_boxes import clip_to_image_size, convert_format


@LAYERS.register()
class RandomShear(AffineLayer):
    """Shears images while training, half of them the other way round.

    Args:
        x_factor: By how much rows move against one another: `0.2` is up to a fifth of a pixel per row either way, a
            pair from 0 to 1 is a range.
        y_factor: The same of columns.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_mode: What comes into view from outside: `"reflect"`, `"wrap"`, `"constant"` or `"nearest"`.
        fill_value: The constant.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        **kwargs: `bounding_box_format`, and the arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If a factor does not fit.
        NotImplementedError: If there is no such fill mode or interpolation.

    Example:
        >>> RandomShear(x_factor=0.5)(torch.ones(2, 4, 4, 1)).shape
        torch.Size([2, 4, 4, 1])
    """

    def __init__(
        self,
        x_factor: Any = 0.0,
        y_factor: Any = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
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
        self.x_factor = within(self, "x_factor", x_factor, 0.0)
        self.y_factor = within(self, "y_factor", y_factor, 0.0)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Seed = None) -> Any:
        """Draws by how much each image is sheared along x and along y."""
        if not training:
            return None
        images, count = self._images_in(data)
        draw = [self._uniform((count, 1), *bounds, images.device, seed) for bounds in ((0.0, 1.0), self.y_factor)]
        x = self._uniform((count, 1), *self.x_factor, images.device, seed)
        sign = torch.where(draw[0] > 0.5, -1.0, 1.0)
        return {"shear_factor": torch.cat((x, draw[1]), dim=1) * sign, "input_shape": tuple(images.shape)}

    def _matrix(self, transformation: Any, size: tuple[int, int], device: torch.device) -> torch.Tensor:
        x, y = on_device(transformation["shear_factor"], device).unbind(1)
        return rows(1.0, x, 0.0, y, 1.0, 0.0)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the boxes around the sheared bounding boxes of a batch."""
        if not training or transformation is None:
            return bounding_boxes
        height, width = self._size(transformation["input_shape"])
        found = convert_format(bounding_boxes, self._box_format(), "rel_xyxy", height, width)
        boxes = found["boxes"]
        x, y = torch.split(on_device(transformation["shear_factor"], boxes.device), 1, dim=-1)
        left, top, right, bottom = boxes.unbind(-1)
        left, right = (
            left - x * torch.where(x < 0, top, bottom),
            right - x * torch.where(x < 0, bottom, top),
        )
        top, bottom = (
            top - y * torch.where(y > 0, right, left),
            bottom - y * torch.where(y > 0, left, right),
        )
        found = {**found, "boxes": torch.stack((left, top, right, bottom), dim=-1)}
        found = clip_to_image_size(found, bounding_box_format="rel_xyxy")
        return convert_format(found, "rel_xyxy", self._box_format(), height, width)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments.

        A range from minus a number is that number: Keras writes the range, which its own constructor refuses.
        """
        pairs = {"x_factor": self.x_factor, "y_factor": self.y_factor}
        factors = {name: high if low == -high else (low, high) for name, (low, high) in pairs.items()}
        return {**super().get_config(), **factors}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Rebuilds a layer from `get_config()`, Keras's too, which has `(-0.2, 0.2)` for `0.2`."""
        config = dict(config)
        for name in ("x_factor", "y_factor"):
            factor = config.get(name)
            if isinstance(factor, (tuple, list)) and len(factor) == 2 and factor[0] == -factor[1]:
                config[name] = factor[1]
        return super().from_config(config)
