"""What layers that transform images share.

A layer draws what it does to each image once (`get_random_transformation`), and then does it to the images and to all
that belongs to them. The methods and the structure of what is drawn are Keras's, so that either library's
transformation can be handed to the other's layer.
"""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import config as settings
from torchkeras_shim.core.seeding import Seed, generator_for
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import Layer
from torchkeras_shim.layers.preprocessing.images.box_inputs import checked_format, densified
from torchkeras_shim.layers.seeding import LayerSeedGenerator
from torchkeras_shim.layers.weightless import build_at_once
from torchkeras_shim.ops.promotion import as_tensor


class ImageLayer(Layer):
    """A layer that takes images, or a dict of images and of what belongs to them.

    A dict has the keys `"images"` and, if wanted, `"labels"`, `"bounding_boxes"` (itself a dict of `"boxes"` and
    `"labels"`) and `"segmentation_masks"`; other entries come back as they are. Images are one of rank 3 or a batch of
    rank 4, and everything else is accordingly.

    Subclasses define `_transform_images`, or `transform_images` itself, and what becomes of labels and boxes.

    Args:
        bounding_box_format: The format of bounding boxes, such as `"xyxy"`. Needed only if there are any.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...
    """

    _trains_at_rest = True
    _training_default = True
    _treats_samples_alone = True
    _takes_ragged = True

    interpolation: str
    bounding_box_format: str | None

    def __init__(self, bounding_box_format: str | None = None, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bounding_box_format = arguments.of(
            self, "bounding_box_format", lambda: checked_format(bounding_box_format)
        )
        self.data_format = arguments.of(self, "data_format", lambda: settings.standardize_data_format(data_format))
        last = self.data_format == "channels_last"
        self.height_axis, self.width_axis, self.channel_axis = (-3, -2, -1) if last else (-2, -1, -3)
        build_at_once(self)

    def call(self, data: Any, training: bool | None = None) -> Any:
        """Transforms images, or a dict of them and of what belongs to them."""
        training = self.training if training is None else training
        if isinstance(data, dict):
            return self._transform_dict(data, training)
        data = as_tensor(data)
        transformation = self.get_random_transformation(data, training=training)
        transform = self.transform_images if self._is_batch(data) else self.transform_single_image
        return transform(data, transformation, training=training)

    forward = call

    def _transform_dict(self, data: dict[str, Any], training: bool) -> dict[str, Any]:
        if "images" not in data:
            raise ValueError(
                f"Layer '{self.name}' ({type(self).__name__}) takes images, or a dict with the key 'images'. "
                f"Received a dict with the keys {list(data)}. Name them so: `{{'images': images, 'labels': labels}}`."
            )
        transformation = self.get_random_transformation(data, training=training)
        batch = self._is_batch(data["images"])
        results = dict(data)
        for key, several, single in (
            ("images", self.transform_images, self.transform_single_image),
            ("bounding_boxes", self.transform_bounding_boxes, self.transform_single_bounding_box),
            ("labels", self.transform_labels, self.transform_single_label),
            ("segmentation_masks", self.transform_segmentation_masks, self.transform_single_segmentation_mask),
        ):
            if key not in data:
                continue
            if key == "bounding_boxes":
                self._box_format()  # raises if there is none
            part = densified(data[key]) if key == "bounding_boxes" else as_tensor(data[key])
            results[key] = (several if batch else single)(part, transformation, training=training)
        return results

    # What is drawn, and what becomes of each part -------------------------------------------------------------------

    def get_random_transformation(self, data: Any, training: bool = True, seed: Seed = None) -> Any:
        """Draws what is done to images.

        Args:
            data: The images, or a dict of them.
            training: Whether anything is done at all.
            seed: An integer or a `SeedGenerator` to draw from, in place of the layer's own seed.

        Returns:
            What the `transform_` methods take; `None` if there is nothing to draw.
        """
        return None

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Returns a batch of images, transformed, in the layer's compute type."""
        images = self._cast(images)
        return self._transform_images(images, transformation, self.interpolation) if training else images

    def _transform_images(self, images: torch.Tensor, transformation: Any, interpolation: str) -> torch.Tensor:
        raise NotImplementedError(f"{type(self).__name__} does not transform images.")

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the labels of a batch; by default they stay."""
        return labels

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the bounding boxes of a batch, a dict of `"boxes"` and `"labels"`."""
        raise NotImplementedError(
            f"{type(self).__name__} does not transform bounding boxes. Leave them out of what it is given."
        )

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the masks of a batch, moved as the images are, each pixel taken from the nearest one."""
        if not training:
            return segmentation_masks
        return self._transform_images(as_tensor(segmentation_masks), transformation, "nearest")

    # One of each ----------------------------------------------------------------------------------------------------

    def transform_single_image(self, image: Any, transformation: Any, training: bool = True) -> Any:
        """Returns one image, transformed."""
        return self.transform_images(as_tensor(image).unsqueeze(0), transformation, training=training).squeeze(0)

    def transform_single_label(self, label: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the label of one image."""
        return self.transform_labels(as_tensor(label).unsqueeze(0), transformation, training=training).squeeze(0)

    def transform_single_bounding_box(self, bounding_box: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the bounding boxes of one image."""
        batch = {**bounding_box, **{key: as_tensor(bounding_box[key]).unsqueeze(0) for key in ("boxes", "labels")}}
        found = self.transform_bounding_boxes(batch, transformation, training=training)
        return {**found, **{key: found[key].squeeze(0) for key in ("boxes", "labels")}}

    def transform_single_segmentation_mask(
        self, segmentation_mask: Any, transformation: Any, training: bool = True
    ) -> Any:
        """Returns the mask of one image."""
        masks = as_tensor(segmentation_mask).unsqueeze(0)
        return self.transform_segmentation_masks(masks, transformation, training=training).squeeze(0)

    # For subclasses -------------------------------------------------------------------------------------------------

    def _cast(self, images: Any) -> torch.Tensor:
        tensor = as_tensor(images)
        return tensor if tensor.dtype is self._compute_dtype else tensor.to(self._compute_dtype)

    def _is_batch(self, images: Any) -> bool:
        rank = len(images.shape)
        if rank not in (3, 4):
            raise ValueError(
                "Expected image tensor to have rank 3 (single image) or 4 (batch of images). "
                f"Received: data.shape={tuple(images.shape)}, in layer '{self.name}' ({type(self).__name__})."
            )
        return rank == 4

    def _box_format(self) -> str:
        """Returns the format of bounding boxes, which must have been given."""
        if not self.bounding_box_format:
            raise ValueError(
                "You passed an input with a 'bounding_boxes' key, but you didn't specify a bounding box format. Pass a "
                f"`bounding_box_format` argument to your {type(self).__name__} layer, e.g. "
                "`bounding_box_format='xyxy'`."
            )
        return self.bounding_box_format

    def _images_in(self, data: Any) -> tuple[torch.Tensor, int]:
        """Returns the images of what `get_random_transformation` is given, and how many they are."""
        images = as_tensor(data["images"] if isinstance(data, dict) else data)
        return images, images.shape[0] if self._is_batch(images) else 1

    def _size(self, shape: Any) -> tuple[int, int]:
        """Returns height and width of images of a shape."""
        return shape[self.height_axis], shape[self.width_axis]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = {**super().get_config(), "data_format": self.data_format}
        if self.bounding_box_format is not None:
            config["bounding_box_format"] = self.bounding_box_format
        return config


class RandomImageLayer(ImageLayer):
    """A layer that treats each image by chance.

    Args:
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        **kwargs: `bounding_box_format`, `data_format`, and the arguments of every layer.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = arguments.seed(self, seed)
        self.generator = LayerSeedGenerator(self.seed)

    def _source(self, device: torch.device, seed: Seed) -> torch.Generator | None:
        """Returns the generator to draw from: the given seed's, the layer's own, or torch's global one."""
        source = self.generator if seed is None else seed
        if isinstance(source, LayerSeedGenerator):
            return None if device.type == "meta" else source.on(device)
        return generator_for(source, device)

    def _uniform(self, shape: Any, low: float, high: float, device: torch.device, seed: Seed = None) -> torch.Tensor:
        """Draws float32 numbers from `low` to `high`, on the device of the images."""
        return torch.empty(shape, dtype=torch.float32, device=device).uniform_(
            low, high, generator=self._source(device, seed)
        )

    def _normal(self, shape: Any, device: torch.device, seed: Seed = None) -> torch.Tensor:
        """Draws float32 numbers from the normal distribution, on the device of the images."""
        values = torch.empty(shape, dtype=torch.float32, device=device)
        return values.normal_(generator=self._source(device, seed))

    def _chosen(self, count: int, factor: tuple[float, float], device: torch.device, seed: Seed = None) -> torch.Tensor:
        """Draws which images are changed, the probability of each being drawn from a range first."""
        probability = self._uniform((count,), *factor, device, seed)
        return self._uniform((count,), 0.0, 1.0, device, seed) < probability

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "seed": self.seed}


def factor_range(
    owner: Any, value: Any, bounds: tuple[float, float] = (-1, 1), name: str = "factor"
) -> tuple[float, float]:
    """Returns an argument that must be a number or two numbers as the range that it stands for.

    One number is the range from minus that number (or from the lower bound) to it.

    Args:
        owner: The layer.
        value: What it was given.
        bounds: The least and the greatest number.
        name: The argument.

    Raises:
        ValueError: If it is anything else, or lies beyond the bounds.

    Example:
        >>> factor_range(None, 0.5), factor_range(None, [0.3, 0.1]), factor_range(None, 0.5, (0, 1))
        ((-0.5, 0.5), (0.1, 0.3), (0, 0.5))
    """
    low, high = bounds
    if isinstance(value, (tuple, list)):
        if len(value) == 2 and all(map(arguments.is_number, value)) and value[0] <= high and value[1] >= low:
            first, second = sorted(map(arguments.plain, value))
            return first, second
    elif arguments.is_number(value) and low <= value <= high:
        reach = abs(arguments.plain(value))
        return max(-reach, low), reach
    raise ValueError(
        f"The `{name}` argument should be a number (or a list of two numbers) in the range [{low}, {high}]. "
        f"Received: {name}={value!r}, for {type(owner).__name__}."
    )
