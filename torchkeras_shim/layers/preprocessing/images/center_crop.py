"""`CenterCrop`."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.core.seeding import Seed
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.images.base import ImageLayer
from torchkeras_shim.layers.preprocessing.images.cut import largest_window, length
from torchkeras_shim.ops import bounding_boxes as boxes_of
from torchkeras_shim.ops.image.resizing import resize


@LAYERS.register()
class CenterCrop(ImageLayer):
    """Cuts the middle out of images, in training and in inference alike.

    Images that are smaller are cut to the aspect ratio and resized.

    Args:
        height: The new height.
        width: The new width.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: `bounding_box_format`, and the arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> import torch
        >>> CenterCrop(1, 2)(torch.arange(12).reshape(1, 3, 4, 1)).flatten()
        tensor([5., 6.])
    """

    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.height, self.width = length(self, "height", height), length(self, "width", width)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Seed = None) -> dict[str, Any]:
        """Returns the images' shape: there is nothing to draw."""
        return {"input_shape": tuple(self._images_in(data)[0].shape)}

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """Returns the middle of a batch of images."""
        images = self._cast(images)
        height, width = self._size(images.shape)
        if height < self.height or width < self.width:
            size = (self.height, self.width)
            return resize(images, size, crop_to_aspect_ratio=True, data_format=self.data_format)
        images = images.narrow(self.height_axis, (height - self.height) // 2, self.height)
        return images.narrow(self.width_axis, (width - self.width) // 2, self.width)

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the middle of the masks of a batch."""
        return self.transform_images(segmentation_masks, transformation, training=training)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the bounding boxes of a batch in what is left of the images."""
        size, target = self._size(transformation["input_shape"]), (self.height, self.width)
        found = boxes_of.convert_format(bounding_boxes, self._box_format(), "xyxy", *size)
        fits = size[0] >= self.height and size[1] >= self.width
        middle = int((size[0] - self.height) / 2), int((size[1] - self.width) / 2)
        window, start = (target, middle) if fits else largest_window(size, target)
        boxes = boxes_of.crop(found["boxes"], *start, *window)
        if not fits:
            boxes = boxes_of.scaled(boxes, self.width / window[1], self.height / window[0])
        found = boxes_of.clip_to_image_size({**found, "boxes": boxes}, *target)
        return boxes_of.convert_format(found, "xyxy", self._box_format(), *target)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "height": self.height, "width": self.width}
