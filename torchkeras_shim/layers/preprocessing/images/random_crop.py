"""`RandomCrop`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.seeding import Seed
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.images.base import RandomImageLayer
from torchkeras_shim.layers.preprocessing.images.cut import largest_window, length
from torchkeras_shim.ops import bounding_boxes as boxes_of
from torchkeras_shim.ops.image.resizing import resize
from torchkeras_shim.ops.promotion import as_tensor


@LAYERS.register()
class RandomCrop(RandomImageLayer):
    """Cuts a part out of images while training, the same one of all images of a batch.

    Images that are not larger in both directions are cut in the middle, and resized if they are too small. In
    inference images are left as they are, as by Keras: put `CenterCrop` or `Resizing` where they must have one size.

    Args:
        height: The new height.
        width: The new width.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        name: The name, unique by default.
        **kwargs: `bounding_box_format`, and the arguments of every layer: `dtype`, `trainable`, ...

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> crop = RandomCrop(2, 2)
        >>> crop(torch.ones(1, 5, 5, 3)).shape, crop(torch.ones(1, 5, 5, 3), training=False).shape
        (torch.Size([1, 2, 2, 3]), torch.Size([1, 5, 5, 3]))
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, name=name, **kwargs)
        self.height, self.width = length(self, "height", height), length(self, "width", width)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Seed = None) -> Any:
        """Draws the row and the column where the part begins: numbers without dimensions, on the images' device."""
        images, _ = self._images_in(data)
        size, target = self._size(images.shape), (self.height, self.width)
        if not training or size[0] <= self.height or size[1] <= self.width:
            return _Start(largest_window(size, target)[1], size)
        drawn = [
            self._uniform((), 0.0, float(have - want + 1), images.device, seed).to(torch.int32)
            for have, want in zip(size, target, strict=True)
        ]
        return _Start(drawn, size)

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Returns a part of a batch of images."""
        if not training:
            return images
        images = self._cast(images)
        for axis, start, wanted in zip(
            (self.height_axis, self.width_axis), transformation, (self.height, self.width), strict=True
        ):
            images = _part(images, axis, start, wanted)
        if self._size(images.shape) != (self.height, self.width):
            images = resize(images, (self.height, self.width), data_format=self.data_format)
        return images

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the same part of the masks of a batch."""
        return self.transform_images(as_tensor(segmentation_masks), transformation, training=training)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the bounding boxes of a batch in the part."""
        if not training:
            return bounding_boxes
        (top, left), target = transformation, (self.height, self.width)
        size = getattr(transformation, "size", None)
        found = boxes_of.convert_format(bounding_boxes, self._box_format(), "xyxy", *(size or target))
        boxes = boxes_of.pad(found["boxes"], -top, -left)
        if size is not None and (size[0] < self.height or size[1] < self.width):  # what is too small is resized
            rows, columns = min(self.height, size[0] - top), min(self.width, size[1] - left)
            boxes = boxes_of.scaled(boxes, self.width / columns, self.height / rows)
        found = boxes_of.clip_to_image_size({**found, "boxes": boxes}, *target)
        return boxes_of.convert_format(found, "xyxy", self._box_format(), *target)

    def compute_output_spec(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        """Returns the outputs of training as `KerasTensor`s; in inference images are left as they are."""
        if isinstance(data, KerasTensor):
            return self._cut_spec(data)
        specs = super().compute_output_spec(data, *args, **kwargs)
        images = {key: self._cut_spec(data[key]) for key in ("images", "segmentation_masks") if key in data}
        return {**specs, **images}

    def _cut_spec(self, images: KerasTensor) -> KerasTensor:
        self._is_batch(images)
        shape = list(images.shape)
        shape[self.height_axis], shape[self.width_axis] = self.height, self.width
        return KerasTensor(shape, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "height": self.height, "width": self.width}


class _Start(tuple[Any, Any]):
    """The row and the column where the part begins, as Keras has them, and the size of the images that it is cut from.

    Args:
        start: Row and column.
        size: Height and width.
    """

    size: tuple[int, int]

    def __new__(cls, start: Any, size: tuple[int, int]) -> _Start:
        made = super().__new__(cls, start)
        made.size = size
        return made


def _part(images: torch.Tensor, axis: int, start: Any, wanted: int) -> torch.Tensor:
    """Returns `wanted` rows or columns, or as many as there are."""
    if not isinstance(start, torch.Tensor):
        start = int(start)
        return images.narrow(axis, start, min(wanted, images.shape[axis] - start))
    # What was drawn stays on the device: nobody reads it.
    index = torch.arange(wanted, device=images.device) + start.to(images.device)
    return images.index_select(axis, index)
