"""`RandomErasing`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core.seeding import Seed
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.images.base import RandomImageLayer, factor_range
from torchkeras_shim.layers.preprocessing.images.ranges import value_range_of
from torchkeras_shim.ops.promotion import as_tensor


@LAYERS.register()
class RandomErasing(RandomImageLayer):
    """Paints a rectangle of images over while training; labels, boxes and masks stay.

    Args:
        factor: How probable it is that an image is changed: `0.3` draws a probability from 0 to 0.3 for each image, a
            pair is a range of probabilities.
        scale: The squares of width and height of the rectangle, as shares of the image's: a pair from 0 to 1, or one
            number for a range from 0 to it.
        fill_value: What is painted: a number, three numbers for red, green and blue, or noise by default.
        value_range: The least and the greatest value that pixels can have.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: `bounding_box_format`, and the arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> erase = RandomErasing(factor=(1.0, 1.0), scale=(0.25, 0.25), fill_value=0)
        >>> erase(torch.ones(1, 8, 8, 1)).sum()
        tensor(48.)
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = (0.02, 0.33),
        fill_value: Any = None,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = factor_range(self, factor, (0, 1))
        self.scale = factor_range(self, scale, (0, 1), "scale")
        self.value_range = value_range_of(self, value_range)
        several = isinstance(fill_value, (tuple, list))
        numbers = list(fill_value) if several else [0 if fill_value is None else fill_value]
        if len(numbers) != (3 if several else 1) or not all(map(arguments.is_number, numbers)):
            raise ValueError(
                "The `fill_value` argument should be a number (or a list of three numbers), or None for noise. "
                f"Received: fill_value={fill_value!r}, for {type(self).__name__}."
            )
        self.__dict__["fill_value"] = fill_value  # as it came, for the config

    def get_random_transformation(self, data: Any, training: bool = True, seed: Seed = None) -> Any:
        """Draws which images are changed, where, and what is painted there."""
        if not training:
            return None
        images, count = self._images_in(data)
        height, width = self._size(images.shape)
        share = self._uniform((count, 2), *self.scale, images.device, seed).sqrt()
        columns = self._inside(share[:, 0], width, seed)
        rows = self._inside(share[:, 1], height, seed)
        rows = rows.unsqueeze(-1).unsqueeze(self.channel_axis)
        columns = columns.unsqueeze(-2).unsqueeze(self.channel_axis)
        return {
            "apply_erasing": self._chosen(count, self.factor, images.device, seed),
            "batch_masks": (rows & columns).expand(count, *images.shape[-3:]),
            "fill_value": self._paint(images, seed),
        }

    def _inside(self, share: torch.Tensor, size: int, seed: Seed) -> torch.Tensor:
        """Draws a span of rows or columns per image. Returns which of them are inside, of shape (batch, size)."""
        length = share * size
        start = self._uniform((share.shape[0],), 0.0, 1.0, share.device, seed) * (size - length)
        places = torch.arange(size, dtype=torch.float32, device=share.device)
        return (places >= start.unsqueeze(1)) & (places < (start + length).unsqueeze(1))

    def _paint(self, images: torch.Tensor, seed: Seed) -> torch.Tensor:
        if self.fill_value is None:
            paint = self._normal(images.shape, images.device, seed) * self.value_range[1]
        else:
            tones: Any = self.fill_value if isinstance(self.fill_value, (tuple, list)) else [self.fill_value]
            # Made on the device: a CUDA graph can hold no copy to it.
            paint = torch.stack([torch.full((1, 1), tone, dtype=torch.float32, device=images.device) for tone in tones])
            paint = (paint if self.channel_axis == -3 else paint.permute(1, 2, 0)).expand(images.shape)
        return paint.clamp(*self.value_range).to(self._compute_dtype)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """Returns a batch of images, a rectangle of some of them painted over."""
        images = self._cast(images)
        if not training or transformation is None:
            return images
        masks, apply, paint = (
            as_tensor(transformation[key], device=images.device)
            for key in ("batch_masks", "apply_erasing", "fill_value")
        )
        return torch.where(masks & apply.reshape(-1, 1, 1, 1), paint.to(images.dtype), images)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the bounding boxes as they are."""
        return bounding_boxes

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the masks as they are."""
        return segmentation_masks

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        names = ("factor", "scale", "fill_value", "value_range")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
