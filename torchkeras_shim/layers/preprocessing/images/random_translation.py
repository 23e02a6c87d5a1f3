"""`RandomTranslation`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.seeding import Seed
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.images.affine import AffineLayer, on_device, rows, within
from torchkeras_shim.ops.bounding_boxes import clip_to_image_size, convert_format


@LAYERS.register()
class RandomTranslation(AffineLayer):
    """Moves images up or down and to a side while training.

    Args:
        height_factor: How far, as a share of the height: `0.2` is up to a fifth either way, `(-0.2, 0.3)` is from a
            fifth upwards to three tenths downwards.
        width_factor: The same of the width, where positive is to the right.
        fill_mode: What comes into view from outside: `"reflect"`, `"wrap"`, `"constant"` or `"nearest"`.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        fill_value: The constant.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: `bounding_box_format`, and the arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If a factor does not fit.
        NotImplementedError: If there is no such fill mode or interpolation.

    Example:
        >>> image = torch.tensor([[[1.0], [2.0], [3.0], [4.0]]])
        >>> RandomTranslation(0.0, (0.25, 0.25), fill_mode="wrap", interpolation="nearest")(image).flatten()
        tensor([4., 1., 2., 3.])
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
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
        self.height_lower, self.height_upper = within(self, "height_factor", height_factor, -1.0)
        self.width_lower, self.width_upper = within(self, "width_factor", width_factor, -1.0)
        self.__dict__["height_factor"], self.__dict__["width_factor"] = height_factor, width_factor  # for the config

    def get_random_transformation(self, data: Any, training: bool = True, seed: Seed = None) -> Any:
        """Draws by how many pixels each image is moved, to the right and downwards."""
        if not training:
            return None
        images, count = self._images_in(data)
        height, width = self._size(images.shape)
        down = self._uniform((count, 1), self.height_lower, self.height_upper, images.device, seed) * height
        right = self._uniform((count, 1), self.width_lower, self.width_upper, images.device, seed) * width
        return {"translations": torch.cat((right, down), dim=1), "input_shape": tuple(images.shape)}

    def _matrix(self, transformation: Any, size: tuple[int, int], device: torch.device) -> torch.Tensor:
        right, down = on_device(transformation["translations"], device).unbind(1)
        return rows(1.0, 0.0, -right, 0.0, 1.0, -down)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the bounding boxes of a batch, moved as the images are."""
        if not training or transformation is None:
            return bounding_boxes
        height, width = self._size(transformation["input_shape"])
        found = convert_format(bounding_boxes, self._box_format(), "xyxy", height, width)
        boxes = found["boxes"]
        moved = on_device(transformation["translations"], boxes.device).unsqueeze(1)
        found = clip_to_image_size({**found, "boxes": boxes + torch.cat((moved, moved), dim=-1)}, height, width)
        return convert_format(found, "xyxy", self._box_format(), height, width)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "height_factor": self.height_factor, "width_factor": self.width_factor}
