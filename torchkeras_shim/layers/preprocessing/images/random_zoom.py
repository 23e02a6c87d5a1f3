"""`RandomZoom`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.seeding import Seed
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.images.affine import AffineLayer, on_device, rows, within
from torchkeras_shim.ops.bounding_boxes import clip_to_image_size, convert_format


@LAYERS.register()
class RandomZoom(AffineLayer):
    """Zooms into images or out of them while training, each axis by itself if wanted.

    Args:
        height_factor: By how much of the height: `0.2` is from 20 % closer to 20 % farther away, `(0.2, 0.3)` is from
            20 % to 30 % farther away, where closer is negative.
        width_factor: The same of the width. By default images are zoomed as much as along the height.
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
        >>> image = torch.tensor([[[1.0], [2.0], [3.0]]])
        >>> RandomZoom((-0.5, -0.5))(image).flatten()
        tensor([1.5000, 2.0000, 2.5000])
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
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
        self.height_lower, self.height_upper = within(self, "height_factor", height_factor, -1.0, included=False)
        if width_factor is not None:
            self.width_lower, self.width_upper = within(self, "width_factor", width_factor, -1.0, included=False)
        self.__dict__["height_factor"], self.__dict__["width_factor"] = height_factor, width_factor  # for the config

    def get_random_transformation(self, data: Any, training: bool = True, seed: Seed = None) -> Any:
        """Draws how much of each image's height and width is seen."""
        if not training:
            return None
        images, count = self._images_in(data)
        shape = (count, 1)
        high = self._uniform(shape, 1.0 + self.height_lower, 1.0 + self.height_upper, images.device, seed)
        wide = high
        if self.width_factor is not None:
            wide = self._uniform(shape, 1.0 + self.width_lower, 1.0 + self.width_upper, images.device, seed)
        return {"height_zoom": high, "width_zoom": wide, "input_shape": tuple(images.shape)}

    def _matrix(self, transformation: Any, size: tuple[int, int], device: torch.device) -> torch.Tensor:
        (wide, left), (high, top) = _seen(transformation, size, device)
        return rows(wide, 0.0, left, 0.0, high, top)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the bounding boxes of a batch in what is seen of the images."""
        if not training or transformation is None:
            return bounding_boxes
        size = height, width = self._size(transformation["input_shape"])
        found = convert_format(bounding_boxes, self._box_format(), "xyxy", height, width)
        boxes = found["boxes"]
        edges = []
        for (zoom, start), length in zip(_seen(transformation, size, boxes.device), (width, height), strict=True):
            edges.append((start.reshape(-1, 1, 1), (zoom * length + start).reshape(-1, 1, 1)))
        sides = torch.split(boxes, 1, dim=-1)
        cut = [
            torch.minimum(torch.maximum(side, start), end) - start
            for side, (start, end) in zip(sides, edges * 2, strict=True)
        ]
        seen_width, seen_height = (end - start for start, end in edges)
        found = {**found, "boxes": torch.cat(cut, dim=-1)}
        found = convert_format(found, "xyxy", "rel_xyxy", seen_height, seen_width)
        found = clip_to_image_size(found, bounding_box_format="rel_xyxy")
        return convert_format(found, "rel_xyxy", self._box_format(), height, width)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "height_factor": self.height_factor, "width_factor": self.width_factor}


def _seen(transformation: Any, size: tuple[int, int], device: torch.device) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Returns for width and height which share of it is seen in each image, and at which pixel that begins."""
    pairs = []
    for key, length in zip(("width_zoom", "height_zoom"), reversed(size), strict=True):
        zoom = on_device(transformation[key], device).reshape(-1)
        pairs.append((zoom, (length - 1.0) / 2.0 * (1.0 - zoom)))
    return pairs
