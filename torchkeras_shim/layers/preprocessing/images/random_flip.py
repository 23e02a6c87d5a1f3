"""`RandomFlip`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.seeding import Seed
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.images.base import RandomImageLayer
from torchkeras_shim.ops.bounding_boxes import clip_to_image_size, convert_format
from torchkeras_shim.ops.image.layout import one_of
from torchkeras_shim.ops.promotion import as_tensor

_MODES = ("horizontal", "vertical", "horizontal_and_vertical")


@LAYERS.register()
class RandomFlip(RandomImageLayer):
    """Mirrors about half of the images while training.

    As in Keras, `"horizontal_and_vertical"` mirrors an image both ways or not at all.

    Args:
        mode: `"horizontal"` (left and right change places), `"vertical"` or `"horizontal_and_vertical"`.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: `bounding_box_format`, and the arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If there is no such mode.

    Example:
        >>> image = torch.tensor([[[1.0], [2.0]]])
        >>> flip = RandomFlip("horizontal", seed=1)
        >>> flip(image, training=False).flatten(), {tuple(flip(image).flatten().tolist()) for _ in range(20)}
        (tensor([1., 2.]), {(1.0, 2.0), (2.0, 1.0)})
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        arguments.of(self, "mode", lambda: one_of("mode", mode, _MODES))
        self.mode = mode

    def get_random_transformation(self, data: Any, training: bool = True, seed: Seed = None) -> Any:
        """Draws which images are mirrored."""
        if not training:
            return None
        images, count = self._images_in(data)
        shape = (count, 1, 1, 1) if self._is_batch(images) else (1, 1, 1)
        flips = self._uniform(shape, 0.0, 1.0, images.device, seed) <= 0.5
        return {"flips": flips, "input_shape": tuple(images.shape)}

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Returns a batch of images, some of them mirrored."""
        images = self._cast(images)
        if not training or transformation is None:
            return images
        axes = [self.width_axis] * ("horizontal" in self.mode) + [self.height_axis] * ("vertical" in self.mode)
        flips = as_tensor(transformation["flips"], device=images.device)
        return torch.where(flips, images.flip(axes), images)

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the masks of a batch, mirrored as the images are."""
        return self.transform_images(segmentation_masks, transformation, training=training)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the bounding boxes of a batch, mirrored as the images are."""
        if not training or transformation is None:
            return bounding_boxes
        height, width = self._size(transformation["input_shape"])
        found = convert_format(bounding_boxes, self._box_format(), "rel_xyxy", height, width)
        boxes = found["boxes"]
        left, top, right, bottom = boxes.split(1, dim=-1)
        x = (1 - right, 1 - left) if "horizontal" in self.mode else (left, right)
        y = (1 - bottom, 1 - top) if "vertical" in self.mode else (top, bottom)
        flips = as_tensor(transformation["flips"], device=boxes.device).squeeze(-1)
        boxes = torch.where(flips, torch.cat((x[0], y[0], x[1], y[1]), dim=-1), boxes)
        found = clip_to_image_size({**found, "boxes": boxes}, height, width)
        return convert_format(found, "rel_xyxy", self._box_format(), height, width)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "mode": self.mode}
