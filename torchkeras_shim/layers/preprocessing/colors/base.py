"""What layers that change colors share: places stay, and values have a range."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.seeding import Seed
from torchkeras_shim.layers.preprocessing.images.base import ImageLayer, RandomImageLayer
from torchkeras_shim.ops.promotion import as_tensor


class ColorLayer(ImageLayer):
    """A layer that changes colors. Labels, bounding boxes and segmentation masks stay as they are.

    Subclasses define `_recolored`.
    """

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """Returns a batch of images with other colors, in the layer's compute type."""
        images = self._cast(images)
        return self._recolored(images, transformation) if training else images

    def _recolored(self, images: torch.Tensor, transformation: Any) -> torch.Tensor:
        raise NotImplementedError

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the bounding boxes as they are."""
        return bounding_boxes

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the masks as they are."""
        return segmentation_masks

    def _channels(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Returns red, green and blue."""
        if images.shape[self.channel_axis] != 3:
            raise ValueError(
                f"Layer '{self.name}' ({type(self).__name__}) takes images of 3 channels. Received: images.shape="
                f"{tuple(images.shape)}, with data_format={self.data_format!r}."
            )
        return images.unbind(self.channel_axis)

    def _parameter(self, value: Any, images: torch.Tensor) -> torch.Tensor:
        """Returns what was drawn as a tensor that computes with images: of their type, on their device."""
        return as_tensor(value, device=images.device).to(images.device, images.dtype)


class RandomColorLayer(ColorLayer, RandomImageLayer):
    """A layer that changes colors by chance. Subclasses define `_draw` and `_recolored`."""

    def get_random_transformation(self, data: Any, training: bool = True, seed: Seed = None) -> Any:
        """Draws what is done to each image; `None` if nothing is."""
        if not training:
            return None
        images, count = self._images_in(data)
        return self._draw(images, count, seed)

    def _draw(self, images: torch.Tensor, count: int, seed: Seed) -> Any:
        raise NotImplementedError

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """Returns a batch of images with other colors, in the layer's compute type."""
        return super().transform_images(images, transformation, training and transformation is not None)


def per_image(values: torch.Tensor, rank: int = 4) -> torch.Tensor:
    """Returns one number per image in a shape that computes with images of a rank."""
    return values.reshape(-1, *(1,) * (rank - 1))
