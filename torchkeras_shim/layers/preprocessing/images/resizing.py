"""`Resizing`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torchkeras_shim.core.seeding import Seed
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.images.base import ImageLayer
from torchkeras_shim.layers.preprocessing.images.cut import length
from torchkeras_shim.ops.bounding_boxes import clip_to_image_size, convert_format, pad, scaled
from torchkeras_shim.ops.image.layout import one_of
from torchkeras_shim.ops.image.resizing import INTERPOLATIONS, resize
from torchkeras_shim.ops.promotion import as_tensor


@LAYERS.register()
class Resizing(ImageLayer):
    """Resizes images, in training and in inference alike.

    Integers stay integers: they are rounded.

    Args:
        height: The new height.
        width: The new width.
        interpolation: `"bilinear"`, `"nearest"`, `"bicubic"`, `"area"`, `"lanczos3"` or `"lanczos5"`.
        crop_to_aspect_ratio: Whether to cut the images to the new aspect ratio first, not to distort them.
        pad_to_aspect_ratio: Whether to pad them to the new aspect ratio first.
        fill_mode: How to pad: only `"constant"`.
        fill_value: What with.
        antialias: Whether images that become smaller are smoothed first.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: `bounding_box_format`, and the arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If an argument does not fit, or two exclude each other.

    Example:
        >>> Resizing(2, 3)(torch.ones(1, 8, 6, 3)).shape
        torch.Size([1, 2, 3, 3])
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.height, self.width = length(self, "height", height), length(self, "width", width)
        arguments.of(self, "interpolation", lambda: one_of("interpolation", interpolation, INTERPOLATIONS))
        arguments.of(self, "fill_mode", lambda: one_of("fill_mode", fill_mode, ("constant",)))
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError(
                "Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`. Received both, for "
                f"{type(self).__name__}."
            )
        self.interpolation, self.fill_mode = interpolation, fill_mode
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = crop_to_aspect_ratio, pad_to_aspect_ratio
        self.fill_value = arguments.number(self, "fill_value", fill_value)
        self.antialias = bool(antialias)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Seed = None) -> tuple[int, int]:
        """Returns the images' height and width: there is nothing to draw."""
        return self._size(self._images_in(data)[0].shape)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """Returns a batch of images, resized, in their own type."""
        return self._transform_images(as_tensor(images), transformation, self.interpolation)

    def _transform_images(self, images: torch.Tensor, transformation: Any, interpolation: str) -> torch.Tensor:
        resized: torch.Tensor = resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            antialias=self.antialias,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )
        return resized

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Returns the masks of a batch, resized, each pixel taken from the nearest one."""
        return self._transform_images(as_tensor(segmentation_masks), transformation, "nearest")

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the bounding boxes of a batch in the resized images. Boxes of only -1, or only 0, become 0."""
        height, width = transformation
        boxes = as_tensor(bounding_boxes["boxes"])
        nothing = ((boxes == -1).all(-1) | (boxes == 0).all(-1)).unsqueeze(-1)
        found = convert_format(bounding_boxes, self._box_format(), "xyxy", height, width)
        x, y, right, down = self._scales(np.float32(height), np.float32(width))
        moved = pad(scaled(found["boxes"], x, y), down, right)
        found = clip_to_image_size({**found, "boxes": moved}, self.height, self.width)
        found["boxes"] = torch.where(nothing, torch.zeros_like(found["boxes"]), found["boxes"])
        return convert_format(found, "xyxy", self._box_format(), self.height, self.width)

    def _scales(self, height: Any, width: Any) -> tuple[float, float, float, float]:
        """Returns by how much boxes are scaled along x and y, and how far they are moved then.

        Computed in float32: by how many whole pixels boxes move depends on the rounding.
        """
        y, x = np.float32(self.height) / height, np.float32(self.width) / width
        right = down = np.float32(0)
        if self.pad_to_aspect_ratio:
            x = y = min(x, y)
            down, right = (self.height - height * y) // 2, (self.width - width * x) // 2
        elif self.crop_to_aspect_ratio:
            ratio = width / height
            wide = ratio > self.width / self.height
            new_width = self.height * ratio if wide else np.float32(self.width)
            new_height = np.float32(self.height) if wide else self.width / ratio
            x, y = new_width / width, new_height / height
            right, down = -((new_width - self.width) // 2), -((new_height - self.height) // 2)
        return float(x), float(y), float(right), float(down)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        names = ("height", "width", "interpolation", "crop_to_aspect_ratio", "pad_to_aspect_ratio", "fill_mode")
        names += ("fill_value", "antialias")  # type: ignore[assignment]
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
