"""`MaxNumBoundingBoxes`."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F

from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.images.base import ImageLayer
from torchkeras_shim.ops.promotion import as_tensor


@LAYERS.register()
class MaxNumBoundingBoxes(ImageLayer):
    """Gives all images the same number of bounding boxes: those that are too many are dropped, missing ones filled up.

    Args:
        max_number: How many.
        fill_value: What boxes and labels are filled up with.
        **kwargs: `bounding_box_format`, and the arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> import torch
        >>> layer = MaxNumBoundingBoxes(2, bounding_box_format="xyxy")
        >>> boxes = {"boxes": torch.ones(1, 1, 4), "labels": torch.zeros(1, 1)}
        >>> layer({"images": torch.ones(1, 4, 4, 3), "bounding_boxes": boxes})["bounding_boxes"]["labels"]
        tensor([[ 0., -1.]])
    """

    def __init__(self, max_number: int, fill_value: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_number = arguments.positive_integer(self, "max_number", max_number)
        self.fill_value = int(arguments.number(self, "fill_value", fill_value))

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """Returns the images as they are."""
        return images

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Returns the masks as they are."""
        return segmentation_masks

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        """Returns so many bounding boxes per image of a batch."""
        boxes, labels = (as_tensor(bounding_boxes[key])[:, : self.max_number] for key in ("boxes", "labels"))
        missing = self.max_number - boxes.shape[1]
        return {
            **bounding_boxes,
            "boxes": F.pad(boxes, (0, 0, 0, missing), value=self.fill_value),
            "labels": F.pad(labels, (*(0, 0) * (labels.dim() - 2), 0, missing), value=self.fill_value),
        }

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments; a `fill_value` of -1, which Keras leaves out, is left out."""
        filled = {} if self.fill_value == -1 else {"fill_value": self.fill_value}
        return {**super().get_config(), "max_number": self.max_number, **filled}
