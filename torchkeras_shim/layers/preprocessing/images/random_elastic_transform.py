"""`RandomElasticTransform`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core.seeding import Seed
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.images.affine import interpolation_of, on_device, one_of_these
from torchkeras_shim.layers.preprocessing.images.base import RandomImageLayer, factor_range
from torchkeras_shim.layers.preprocessing.images.ranges import value_range_of
from torchkeras_shim.ops.image.elastic import displaced, smoothed
from torchkeras_shim.ops.image.layout import through_nhwc
from torchkeras_shim.ops.image.sampling import working_type
from torchkeras_shim.ops.promotion import as_tensor

_FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


@LAYERS.register()
class RandomElasticTransform(RandomImageLayer):
    """Distorts images by smooth noise while training; masks are distorted with their images.

    Args:
        factor: How probable it is that an image is changed: `0.3` draws a probability from 0 to 0.3 for each image, a
            pair is a range of probabilities.
        scale: How strongly, a number up to 1 or a range; one strength is drawn per batch.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_mode: What comes into view from outside: `"reflect"`, `"wrap"`, `"constant"`, `"nearest"` or `"mirror"`.
        fill_value: The constant.
        value_range: The least and the greatest value that pixels can have.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: The arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If factor or scale do not fit.
        NotImplementedError: If there is no such fill mode or interpolation, and for bounding boxes.

    Example:
        >>> RandomElasticTransform()(torch.ones(2, 6, 6, 3)).shape
        torch.Size([2, 6, 6, 3])
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = factor_range(self, factor, (0, 1))
        self.scale = factor_range(self, scale, (0, 1), "scale")
        self.interpolation = interpolation_of(self, interpolation)
        self.fill_mode = one_of_these(self, "fill_mode", fill_mode, _FILL_MODES)
        self.fill_value = arguments.number(self, "fill_value", fill_value)
        self.value_range = value_range_of(self, value_range)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Seed = None) -> Any:
        """Draws which images are changed, how strongly, and the noise that does it."""
        if not training or self.scale[1] == 0 or self.factor[1] == 0:
            return None
        images, count = self._images_in(data)
        apply = self._chosen(count, self.factor, images.device, seed)
        strength = self._uniform((), *self.scale, images.device, seed)
        return {
            "apply_transform": apply,
            "distortion_factor": strength,
            "noise": self._normal((count, 2, *self._size(images.shape)), images.device, seed),
        }

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Returns a batch of images, some of them distorted."""
        images = self._cast(images)
        if not training or transformation is None:
            return images
        return self._transform_images(images, transformation, self.interpolation).clamp(*self.value_range)

    def _transform_images(self, images: torch.Tensor, transformation: Any, interpolation: str) -> torch.Tensor:
        if transformation is None:
            return images
        size = self._size(images.shape)
        # Stronger distortions are larger, and smoother.
        strength = on_device(transformation["distortion_factor"], images.device)
        sigma = min(size) * 0.05 * strength
        noise = on_device(transformation["noise"], images.device).to(working_type(images))
        moved = max(size) * 0.1 * strength * smoothed(noise * sigma, sigma, largest=min(size) * 0.05 * self.scale[1])
        distorted = through_nhwc(
            images,
            self.data_format,
            lambda nhwc: displaced(nhwc, moved, interpolation, self.fill_mode, self.fill_value),
        )
        apply = as_tensor(transformation["apply_transform"], device=images.device)
        return torch.where(apply.reshape(-1, 1, 1, 1), distorted, images)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        names = ("factor", "scale", "interpolation", "fill_mode", "fill_value", "value_range")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
