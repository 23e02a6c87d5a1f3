"""`RandAugment`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.seeding import Seed
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.mixing.augmentations import AugmentingLayer
from torchkeras_shim.ops.promotion import as_tensor

#: In the order of Keras's numbers for them.
_NAMES = [
    "random_shear",
    "random_translation",
    "random_rotation",
    "random_brightness",
    "random_color_degeneration",
    "random_contrast",
    "random_sharpness",
    "random_posterization",
    "solarization",
    "auto_contrast",
    "equalization",
]


@LAYERS.register()
class RandAugment(AugmentingLayer):
    """Applies a few augmentations to each batch while training, chosen by chance out of eleven, all of one strength.

    Which ones are chosen is drawn on the host, so that no other is computed. Steps of training with this layer are
    therefore not captured.

    Args:
        value_range: The least and the greatest value of a pixel.
        num_ops: How many augmentations are applied, one after the other.
        factor: Their strength: two numbers from 0 to 1, or one for `(0, factor)`.
        interpolation: `"bilinear"` or `"nearest"`, for those that move pixels.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: `bounding_box_format`, and the arguments of every layer.

    Input shape:
        `(height, width, 3)`, or a batch of them; a dict as every layer for images takes it.

    References:
        Cubuk et al., 2019: RandAugment: Practical automated data augmentation with a reduced search space.

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> RandAugment(num_ops=1, seed=1)(torch.rand(2, 8, 8, 3)).shape
        torch.Size([2, 8, 8, 3])
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_ops: int = 2,
        factor: Any = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, factor, interpolation, seed=seed, data_format=data_format, **kwargs)
        self.num_ops = arguments.at_least_zero(self, "num_ops", arguments.integer(self, "num_ops", num_ops))
        self._add_augmentations(_NAMES)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Seed = None) -> Any:
        """Draws which augmentations are applied, and what each of them does to each image."""
        if not training:
            return None
        source = self._for_members(seed)
        chosen = self._choices(self.num_ops, len(_NAMES), source)
        names = [_NAMES[index] for index in sorted(set(chosen))]
        return {
            "transforms": {
                name: self._augmentation(name).get_random_transformation(data, seed=source) for name in names
            },
            "layer_idxes": torch.tensor(chosen, device="cpu"),
        }

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Returns a batch of images, augmented."""
        return self._augmented("transform_images", self._cast(images), transformation, training)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the bounding boxes of a batch, moved as the images are."""
        return self._augmented("transform_bounding_boxes", bounding_boxes, transformation, training)

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the masks of a batch, moved as the images are."""
        return self._augmented("transform_segmentation_masks", segmentation_masks, transformation, training)

    def _augmented(self, method: str, value: Any, transformation: Any, training: bool) -> Any:
        if not training or transformation is None:
            return value
        for index in as_tensor(transformation["layer_idxes"], device=torch.device("cpu")).tolist():
            name = _NAMES[index]
            value = getattr(self._augmentation(name), method)(value, transformation["transforms"][name])
        return value

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "num_ops": self.num_ops}
