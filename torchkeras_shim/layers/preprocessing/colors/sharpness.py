"""Layers that sharpen or blur images."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.seeding import Seed
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.colors.base import RandomColorLayer, per_image
from torchkeras_shim.layers.preprocessing.images.base import factor_range
from torchkeras_shim.layers.preprocessing.images.ranges import value_range_of
from torchkeras_shim.ops.image.filters import gaussian_blur
from torchkeras_shim.ops.image.layout import through_nhwc
from torchkeras_shim.ops.promotion import as_tensor


@LAYERS.register()
class RandomSharpness(RandomColorLayer):
    """Makes images sharper or smoother by chance while training.

    Args:
        factor: Two numbers between 0 and 1, or one for `(0, factor)`: at 0 an image is smoothed, at 0.5 it stays, at 1
            it is sharpened.
        value_range: The least and the greatest value of a pixel.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        **kwargs: `bounding_box_format`, and the arguments of every layer.

    Input shape:
        `(height, width, channels)`, or a batch of them; a dict as every layer for images takes it.

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> image = torch.zeros(3, 3, 1)
        >>> image[1, 1] = 130.0
        >>> RandomSharpness((0.0, 0.0))(image).squeeze()
        tensor([[10., 10., 10.],
                [10., 50., 10.],
                [10., 10., 10.]])
    """

    factor: tuple[float, float]

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        self.factor = factor_range(self, factor, (0, 1))
        self.value_range = value_range_of(self, value_range, any_order=True)

    def _draw(self, images: torch.Tensor, count: int, seed: Seed) -> dict[str, torch.Tensor]:
        return {"factor": self._uniform((count,), self.factor[0], self.factor[1], images.device, seed)}

    def _recolored(self, images: torch.Tensor, transformation: Any) -> torch.Tensor:
        low, high = self.value_range
        smooth = through_nhwc(images, self.data_format, _smoothed)
        factor = per_image(self._parameter(transformation["factor"], images))
        return torch.lerp(images, smooth, 1.0 - 2 * factor).clamp_(low, high)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


def _smoothed(nhwc: torch.Tensor) -> torch.Tensor:
    """Mixes each pixel with its neighbours: 5 parts of it and 1 of each of them, which are black beyond the border."""
    nchw = nhwc.permute(0, 3, 1, 2)
    channels = nchw.shape[1]
    kernel = nchw.new_full((channels, 1, 3, 3), 1 / 13)
    kernel[:, :, 1, 1] = 5 / 13
    return torch.conv2d(nchw, kernel, padding=1, groups=channels).permute(0, 2, 3, 1)


@LAYERS.register()
class RandomGaussianBlur(RandomColorLayer):
    """Blurs some of the images while training.

    Args:
        factor: The share of blurred images: two numbers between 0 and 1, between which a probability is drawn for each
            image, or one for `(0, factor)`.
        kernel_size: The size of the neighbourhood, an odd number, or the width and the height.
        sigma: How much: two numbers between 0 and 1, between which the standard deviations for both directions are
            drawn, once for all images, or one for `(0, sigma)`.
        value_range: The least and the greatest value of a pixel.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        **kwargs: `bounding_box_format`, and the arguments of every layer.

    Input shape:
        `(height, width, channels)`, or a batch of them; a dict as every layer for images takes it.

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> image = torch.zeros(3, 3, 1)
        >>> image[1, 1] = 100.0
        >>> RandomGaussianBlur((1.0, 1.0), sigma=(0.5, 0.5))(image).squeeze().round().diag()
        tensor([ 1., 62.,  1.])
    """

    factor: tuple[float, float]
    sigma: tuple[float, float]

    def __init__(
        self,
        factor: Any = 1.0,
        kernel_size: Any = 3,
        sigma: Any = 1.0,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        self.factor = factor_range(self, factor, (0, 1))
        self.kernel_size = self._odd(kernel_size)
        self.sigma = factor_range(self, sigma, (0, 1), "sigma")
        self.value_range = value_range_of(self, value_range)

    def _odd(self, value: Any) -> tuple[int, ...]:
        sizes = arguments.sizes(self, "kernel_size", value, 2)
        if not all(size % 2 for size in sizes):
            raise ValueError(
                f"kernel_size must be an odd number. Received: kernel_size={value}, for {type(self).__name__}."
            )
        return sizes

    def _draw(self, images: torch.Tensor, count: int, seed: Seed) -> dict[str, torch.Tensor]:
        chosen = self._chosen(count, self.factor, images.device, seed)
        sigma = self._uniform((2,), self.sigma[0], self.sigma[1], images.device, seed).to(self._compute_dtype)
        return {"should_apply_blur": chosen, "blur_factor": sigma + 1e-6}

    def _recolored(self, images: torch.Tensor, transformation: Any) -> torch.Tensor:
        low, high = self.value_range
        sigma = self._parameter(transformation["blur_factor"], images)
        chosen = as_tensor(transformation["should_apply_blur"], device=images.device).to(images.device)
        blurred = gaussian_blur(images, self.kernel_size, sigma, self.data_format)
        return torch.where(per_image(chosen), blurred, images).clamp(low, high)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "factor": self.factor,
            "kernel_size": self.kernel_size,
            "sigma": self.sigma,
            "value_range": self.value_range,
        }
