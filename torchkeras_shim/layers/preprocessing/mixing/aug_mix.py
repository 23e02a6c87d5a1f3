"""`AugMix`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.seeding import Seed
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.mixing.augmentations import AugmentingLayer
from torchkeras_shim.layers.preprocessing.mixing.drawing import shares
from torchkeras_shim.ops.promotion import as_tensor

_NAMES = [
    "random_shear",
    "random_translation",
    "random_rotation",
    "random_posterization",
    "solarization",
    "auto_contrast",
    "equalization",
]
_MORE_NAMES = ["random_brightness", "random_color_degeneration", "random_contrast", "random_sharpness"]


@LAYERS.register()
class AugMix(AugmentingLayer):
    """Mixes images with several augmented versions of themselves while training.

    Each version is made by a chain of augmentations, chosen by chance. They are chosen on the host, so that no other is
    computed. Steps of training with this layer are therefore not captured.

    Args:
        value_range: The least and the greatest value of a pixel.
        num_chains: How many versions there are.
        chain_depth: How many augmentations a chain has at most.
        factor: Their strength: two numbers from 0 to 1, or one for `(0, factor)`.
        alpha: The parameter of the distributions of the weights: of the versions among one another (Dirichlet), and of
            all of them against the images (beta).
        all_ops: Whether brightness, color, contrast and sharpness are among the augmentations.
        interpolation: `"bilinear"` or `"nearest"`, for those that move pixels.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: `bounding_box_format`, and the arguments of every layer.

    Input shape:
        `(height, width, 3)`, or a batch of them; a dict as every layer for images takes it. Segmentation masks are
        mixed as the images are; bounding boxes stay.

    References:
        Hendrycks et al., 2019: AugMix: A Simple Data Processing Method to Improve Robustness and Uncertainty.

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> AugMix(num_chains=2, seed=1)(torch.rand(2, 8, 8, 3)).shape
        torch.Size([2, 8, 8, 3])
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Any = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, factor, interpolation, seed=seed, data_format=data_format, **kwargs)
        self.num_chains = arguments.positive_integer(self, "num_chains", num_chains)
        self.chain_depth = arguments.positive_integer(self, "chain_depth", chain_depth)
        self.alpha = arguments.number(self, "alpha", alpha)
        if not self.alpha > 0:
            raise arguments.refusal(self, "alpha", alpha, "a positive number")
        self.all_ops = all_ops
        self._names = _NAMES + _MORE_NAMES if all_ops else _NAMES
        self._add_augmentations(self._names)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Seed = None) -> Any:
        """Draws the chains, what each of their augmentations does, and the weights."""
        if not training:
            return None
        images, _ = self._images_in(data)
        source = self._for_members(seed)
        return {
            "chain_mixing_weights": self._shares(self.num_chains, images.device, source),
            "weight_sample": self._shares(2, images.device, source)[0],
            "chain_transforms": [self._chain(data, source) for _ in range(self.num_chains)],
        }

    def _shares(self, count: int, device: torch.device, source: Seed) -> torch.Tensor:
        alpha = torch.full((count,), float(self.alpha), dtype=torch.float32, device=device)
        return shares(alpha, self._source(device, source))

    def _chain(self, data: Any, source: Seed) -> list[dict[str, Any]]:
        # The last choice is none at all, by which a chain is shorter.
        chosen = self._choices(self.chain_depth, len(self._names) + 1, source)
        names = [self._names[index] for index in chosen if index < len(self._names)]
        return [
            {
                "layer_name": name,
                "transformation": self._augmentation(name).get_random_transformation(data, seed=source),
            }
            for name in names
        ]

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Returns a batch of images, mixed with augmented versions of them."""
        images = self._cast(images)
        if not training or transformation is None:
            return images
        low, high = self.value_range
        return self._mixed("transform_images", images, transformation).clamp(low, high)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the bounding boxes as they are."""
        return bounding_boxes

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the masks of a batch, mixed as the images are."""
        if not training or transformation is None:
            return segmentation_masks
        return self._mixed("transform_segmentation_masks", as_tensor(segmentation_masks), transformation)

    def _mixed(self, method: str, values: torch.Tensor, transformation: Any) -> torch.Tensor:
        weights, share = (
            as_tensor(transformation[key], device=values.device).to(values.device, self._compute_dtype)
            for key in ("chain_mixing_weights", "weight_sample")
        )
        chains: Any = 0.0
        for chain, weight in zip(transformation["chain_transforms"], weights.unbind(), strict=True):
            version = values
            for step in chain:
                member = self._augmentation(step["layer_name"])
                version = getattr(member, method)(version, step["transformation"])
            chains = chains + version * weight
        mixed: torch.Tensor = share * values + (1 - share) * chains
        return mixed

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        names = ("num_chains", "chain_depth", "alpha", "all_ops")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
