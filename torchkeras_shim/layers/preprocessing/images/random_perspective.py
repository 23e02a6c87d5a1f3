"""`RandomPerspective`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.seeding import Seed
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.images.affine import interpolation_of, on_device
from torchkeras_shim.layers.preprocessing.images.base import RandomImageLayer, factor_range
from torchkeras_shim.ops.bounding_boxes import clip_to_image_size, convert_format
from torchkeras_shim.ops.image.transforms import homography, perspective_transform
from torchkeras_shim.ops.promotion import as_tensor


@LAYERS.register()
class RandomPerspective(RandomImageLayer):
    """Shows images in perspective while training: their corners move to other places, but for the first.

    Args:
        factor: How probable it is that an image is changed: `0.3` draws a probability from 0 to 0.3 for each image, a
            pair is a range of probabilities.
        scale: How far corners move, from 0 to 1, as a share of twice their distance from the first corner.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_value: What comes into view from outside.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: `bounding_box_format`, and the arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If factor or scale do not fit.
        NotImplementedError: If there is no such interpolation.

    Example:
        >>> RandomPerspective(scale=0.5)(torch.ones(2, 6, 6, 3)).shape
        torch.Size([2, 6, 6, 3])
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = factor_range(self, factor, (0, 1))
        if not arguments.is_number(scale) or not 0.0 <= scale <= 1.0:
            raise ValueError(
                f"The `scale` argument should be a number in the range [0,1]. Received: scale={scale!r}, for "
                f"{type(self).__name__}."
            )
        self.scale = arguments.plain(scale)
        self.interpolation = interpolation_of(self, interpolation)
        self.fill_value = arguments.number(self, "fill_value", fill_value)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Seed = None) -> Any:
        """Draws which images are changed, and where their corners go."""
        if not training:
            return None
        images, count = self._images_in(data)
        height, width = self._size(images.shape)
        apply = self._chosen(count, self.factor, images.device, seed)
        share = self._uniform((count, 4, 2), -0.5 * self.scale, 0.5 * self.scale, images.device, seed)
        across = torch.arange(2, dtype=torch.float32, device=images.device)
        x, y = (across * (width - 1)).repeat(2), (across * (height - 1)).repeat_interleave(2)
        start = torch.stack((x, y), dim=-1).expand(count, 4, 2)
        return {
            "apply_perspective": apply,
            "start_points": start,
            "end_points": start + start * share,
            "input_shape": tuple(images.shape),
        }

    def _transform_images(self, images: torch.Tensor, transformation: Any, interpolation: str) -> torch.Tensor:
        if transformation is None:
            return images
        moved = perspective_transform(
            images,
            on_device(transformation["start_points"], images.device),
            on_device(transformation["end_points"], images.device),
            interpolation=interpolation,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )
        apply = as_tensor(transformation["apply_perspective"], device=images.device)
        return torch.where(apply.reshape(-1, 1, 1, 1), moved, images)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the boxes around the bounding boxes of a batch in perspective."""
        if not training or transformation is None:
            return bounding_boxes
        height, width = self._size(transformation["input_shape"])
        found = convert_format(bounding_boxes, self._box_format(), "xyxy", height, width)
        boxes = found["boxes"]
        start, end = (on_device(transformation[key], boxes.device) for key in ("start_points", "end_points"))
        # A homography takes the second points to the first; here boxes follow the corners.
        a0, a1, a2, b0, b1, b2, c0, c1 = homography(end, start).reshape(-1, 1, 1, 8).unbind(-1)
        left, top, right, bottom = boxes.unbind(-1)
        x = torch.stack((left, right, left, right), dim=-1)
        y = torch.stack((top, top, bottom, bottom), dim=-1)
        depth = c0 * x + c1 * y + 1.0
        x, y = (a0 * x + a1 * y + a2) / depth, (b0 * x + b1 * y + b2) / depth
        moved = torch.stack((x.amin(-1), y.amin(-1), x.amax(-1), y.amax(-1)), dim=-1)
        apply = as_tensor(transformation["apply_perspective"], device=boxes.device).reshape(-1, 1, 1)
        found = clip_to_image_size({**found, "boxes": torch.where(apply, moved, boxes)}, height, width)
        return convert_format(found, "xyxy", self._box_format(), height, width)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        names = ("factor", "scale", "interpolation", "fill_value")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
