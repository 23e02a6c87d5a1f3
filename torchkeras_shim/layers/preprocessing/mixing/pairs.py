"""Layers that mix each image of a batch with another one: `MixUp` and `CutMix`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.seeding import Seed
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.images.base import RandomImageLayer, factor_range
from torchkeras_shim.layers.preprocessing.mixing.drawing import shares
from torchkeras_shim.ops.promotion import as_tensor


class PairLayer(RandomImageLayer):
    """What the layers share that mix each image of a batch with another one."""

    _treats_samples_alone = False

    def _order(self, count: int, device: torch.device, seed: Seed) -> torch.Tensor:
        """Draws for each image the one that it is mixed with."""
        return torch.randperm(count, device=device, generator=self._source(device, seed))

    def _beta(self, alpha: torch.Tensor, seed: Seed) -> torch.Tensor:
        """Draws from beta distributions of which both parameters are the same."""
        return shares(torch.stack((alpha, alpha), dim=-1), self._source(alpha.device, seed))[..., 0]

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the labels of a batch, mixed in the proportions of the images."""
        if not training or transformation is None:
            return labels
        labels = as_tensor(labels)
        if labels.dim() < 2:
            raise ValueError(
                f"Layer '{self.name}' ({type(self).__name__}) mixes labels, and so needs them as one number per class. "
                f"Received: labels.shape={tuple(labels.shape)}. Write `keras.ops.one_hot(labels, num_classes)`."
            )
        weight = _on(transformation["mix_weight"], labels)
        return _blend(labels, _other(labels, transformation), weight)


def _on(value: Any, like: torch.Tensor) -> torch.Tensor:
    return as_tensor(value, device=like.device).to(like.device)


def _other(values: torch.Tensor, transformation: Any) -> torch.Tensor:
    """Returns for each sample what it is mixed with."""
    return values.index_select(0, _on(transformation["permutation_order"], values).long())


def _blend(values: torch.Tensor, others: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    weight = weight.reshape(-1, *(1,) * (values.dim() - 1))
    return weight * values + (1.0 - weight) * others


@LAYERS.register()
class MixUp(PairLayer):
    """Blends each image of a batch with another one, and their labels alike, while training.

    Labels must be one number per class. The boxes of an image are those of both; segmentation masks are blended.

    Args:
        alpha: The parameter of the beta distribution from which the weight of each image is drawn.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        **kwargs: `bounding_box_format`, and the arguments of every layer.

    Input shape:
        `(batch, height, width, channels)`; a dict as every layer for images takes it.

    References:
        Zhang et al., 2017: mixup: Beyond Empirical Risk Minimization.

    Example:
        >>> images, labels = torch.ones(2, 4, 4, 3), torch.eye(2)
        >>> MixUp(seed=1)({"images": images, "labels": labels})["labels"].sum(1)
        tensor([1., 1.])
    """

    def __init__(
        self, alpha: float = 0.2, data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        self.alpha = arguments.number(self, "alpha", alpha)
        if not self.alpha > 0:
            raise arguments.refusal(self, "alpha", alpha, "a positive number")

    def get_random_transformation(self, data: Any, training: bool = True, seed: Seed = None) -> Any:
        """Draws what each image is mixed with, and in which proportion; `None` if nothing is mixed."""
        if not training:
            return None
        images, count = self._images_in(data)
        order = self._order(count, images.device, seed)
        alpha = torch.full((count,), float(self.alpha), dtype=torch.float32, device=images.device)
        return {"mix_weight": self._beta(alpha, seed), "permutation_order": order}

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """Returns a batch of images, blended."""
        images = self._cast(images)
        if not training or transformation is None:
            return images
        weight = _on(transformation["mix_weight"], images).to(images.dtype)
        return _blend(images, _other(images, transformation), weight)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the boxes of both images, one after the other."""
        if not training or transformation is None:
            return bounding_boxes
        boxes, labels = as_tensor(bounding_boxes["boxes"]), as_tensor(bounding_boxes["labels"])
        return {
            "boxes": torch.cat((boxes, _other(boxes, transformation)), dim=1),
            "labels": torch.cat((labels, _other(labels, transformation)), dim=min(1, labels.dim() - 1)),
        }

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the masks of a batch, blended as the images are."""
        if not training or transformation is None:
            return segmentation_masks
        masks = as_tensor(segmentation_masks)
        return _blend(masks, _other(masks, transformation), _on(transformation["mix_weight"], masks))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "alpha": self.alpha}


@LAYERS.register()
class CutMix(PairLayer):
    """Replaces a rectangle of each image of a batch by that of another one while training, and mixes their labels.

    Labels must be one number per class; they are mixed in the proportion of the areas.

    Args:
        factor: How much may be replaced: two numbers between 0 and 1, or one for `(0, factor)`, between which the
            parameter of a beta distribution is drawn. From that the areas are.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: `bounding_box_format`, and the arguments of every layer.

    Input shape:
        `(batch, height, width, channels)`; a dict as every layer for images takes it. One image alone stays as it is.

    References:
        Yun et al., 2019: CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features.

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> images, labels = torch.ones(2, 4, 4, 3), torch.eye(2)
        >>> CutMix(seed=1)({"images": images, "labels": labels})["labels"].sum(1)
        tensor([1., 1.])
    """

    factor: tuple[float, float]

    def __init__(
        self, factor: Any = 1.0, seed: int | None = None, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        self.factor = factor_range(self, factor, (0, 1))

    def get_random_transformation(self, data: Any, training: bool = True, seed: Seed = None) -> Any:
        """Draws which rectangles come from which images; `None` if nothing is replaced."""
        if not training:
            return None
        images, count = self._images_in(data)
        if images.dim() == 3:
            return None
        height, width = self._size(images.shape)
        alpha = self._uniform((), self.factor[0], self.factor[1], images.device, seed) + 1e-6
        side = (1.0 - self._beta(alpha.expand(count), seed)).sqrt()
        left, right = self._bounds(side, width, seed)
        top, bottom = self._bounds(side, height, seed)
        inside = _inside(top, bottom, height).unsqueeze(2) & _inside(left, right, width).unsqueeze(1)
        return {
            "permutation_order": self._order(count, images.device, seed),
            "batch_masks": inside.unsqueeze(self.channel_axis),
            "mix_weight": (1.0 - (right - left) * (bottom - top) / (width * height)).reshape(-1, 1, 1, 1),
        }

    def _bounds(self, share: torch.Tensor, length: int, seed: Seed) -> tuple[torch.Tensor, torch.Tensor]:
        size = share * length
        start = self._uniform(share.shape, 0.0, 1.0, share.device, seed) * (length - size)
        return start, start + size

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """Returns a batch of images with rectangles of other ones."""
        images = self._cast(images)
        if not training or transformation is None:
            return images
        return torch.where(_on(transformation["batch_masks"], images), _other(images, transformation), images)

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """Returns the masks of a batch with rectangles of other ones."""
        return self.transform_images(segmentation_masks, transformation, training)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "factor": self.factor}


def _inside(start: torch.Tensor, end: torch.Tensor, length: int) -> torch.Tensor:
    """Returns which places along an axis lie between two bounds of each image: (batch, length)."""
    places = torch.arange(length, dtype=start.dtype, device=start.device)
    return (places >= start.unsqueeze(1)) & (places < end.unsqueeze(1))
