"""`Pipeline`: layers one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core import serialization
from torchkeras_shim.layers.base import LAYERS, Layer


@LAYERS.register()
class Pipeline(Layer):
    """Applies layers one after the other, most often layers that prepare data.

    Unlike a `Sequential` model it takes anything that its first layer takes, such as a dict of images and labels, and
    it is a layer: it cannot be trained by itself.

    Args:
        layers: The layers.
        name: The name, unique by default.

    Raises:
        ValueError: If something else than layers is given.

    Example:
        >>> from torchkeras_shim.layers import Rescaling, RandomInvert
        >>> Pipeline([RandomInvert((1.0, 1.0)), Rescaling(1 / 255)])(torch.zeros(1, 1, 3))
        tensor([[[1., 1., 1.]]])
    """

    _training_default = True
    _leaves_types_to_members = True
    _trains_at_rest = True

    def __init__(self, layers: Sequence[Layer], name: str | None = None) -> None:
        super().__init__(name=name, autocast=False)
        if not isinstance(layers, (list, tuple)) or not all(isinstance(layer, torch.nn.Module) for layer in layers):
            raise ValueError(
                f"Pipeline takes a list of layers, such as `Pipeline([RandomFlip(), Rescaling(1 / 255)])`. Received: "
                f"layers={layers!r}"
            )
        self._pipeline_layers = list(layers)

    @property
    def layers(self) -> list[Any]:
        """The layers, in the order of their application."""
        return list(self._pipeline_layers)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Applies the layers, in training mode if this one is."""
        training = self.training if training is None else training
        outputs = inputs
        for index, layer in enumerate(self._pipeline_layers):
            spec = getattr(layer, "_call_spec", None)  # none in torch's own modules
            options: dict[str, Any] = {}
            if spec is not None and spec.has_training:
                options["training"] = training
            if index == 0 and mask is not None and spec is not None and spec.has_mask:
                options["mask"] = mask  # later ones find theirs on the tensors
            outputs = layer(outputs, **options)
        return outputs

    forward = call

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"layers": serialization.serialize_keras_object(self.layers), "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Rebuilds a pipeline from `get_config()`."""
        layers = config.get("layers")
        if not isinstance(layers, (list, tuple)):
            raise ValueError(
                "`Pipeline` config must contain a `layers` key mapping to a list of serialized layers. Received config "
                f"with layers={layers}."
            )
        members = [serialization.deserialize_keras_object(layer) for layer in layers]
        return cls(**{**config, "layers": members})
