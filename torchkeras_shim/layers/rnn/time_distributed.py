"""`TimeDistributed`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import serialization, tree
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.tracking import Container


@LAYERS.register()
class TimeDistributed(Layer):
    """Applies one layer to every step of sequences.

    Layers that treat every sample by itself get all steps at once; the others (batch normalization, recurrent layers,
    classes of the user's) are called step by step.

    Args:
        layer: The layer.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If `layer` is not a layer.

    Example:
        >>> from torchkeras_shim.layers.core.dense import Dense
        >>> TimeDistributed(Dense(3))(torch.ones(2, 5, 4)).shape
        torch.Size([2, 5, 3])
    """

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Please initialize `TimeDistributed` layer with a `keras.layers.Layer` instance. Received: {layer}"
            )
        super().__init__(**kwargs)
        self.layer = layer
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Builds the layer for one step."""
        if not self.layer.built:
            self.layer.build(_step_shape(input_shape))
            self.layer.built = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns the output shape for an input shape."""
        child = self.layer.compute_output_shape(_step_shape(input_shape))
        return (child[0], input_shape[1], *child[1:])

    def call(self, inputs: torch.Tensor, training: bool | None = None, mask: Any = None) -> Any:
        """Applies the layer to every step.

        Args:
            inputs: A tensor of shape (batch, time, ...).
            training: Taken for the layer's mode, as in every call.
            mask: Booleans of shape (batch, time, ...), handed to the layer step by step if it takes a mask.

        Raises:
            ValueError: If the mask does not fit the inputs.
        """
        if mask is not None:
            _check_mask(mask, inputs)
        takes_mask = mask is not None and self.layer._call_spec.has_mask
        if not takes_mask and _per_sample(self.layer):
            outputs = self.layer.forward(inputs.flatten(0, 1))
            return outputs.unflatten(0, inputs.shape[:2])
        steps = []
        for index, step in enumerate(inputs.unbind(1)):
            steps.append(self.layer.forward(step, **({"mask": mask[:, index]} if takes_mask else {})))
        return tree.map_structure(lambda *outputs: torch.stack(outputs, 1), *steps)

    forward = call

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "layer": serialization.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Rebuilds a layer from `get_config()`."""
        config = dict(config)
        if isinstance(config.get("layer"), dict):
            config["layer"] = serialization.deserialize_keras_object(config["layer"], custom_objects=custom_objects)
        return super().from_config(config)


def _step_shape(input_shape: Any) -> tuple[Any, ...]:
    if not isinstance(input_shape, (tuple, list)) or len(input_shape) < 3:
        raise ValueError(
            "`TimeDistributed` Layer should be passed an `input_shape` with at least 3 dimensions, "
            f"received: {input_shape}"
        )
    return (input_shape[0], *input_shape[2:])


def _check_mask(mask: torch.Tensor, inputs: torch.Tensor) -> None:
    if mask.ndim < 2:
        raise ValueError(
            "The `mask` passed to the `TimeDistributed` layer must be at least 2D (e.g., `(batch_size, timesteps)`), "
            f"but it has {mask.ndim} dimension(s) with shape {tuple(mask.shape)}."
        )
    if mask.shape[:2] != inputs.shape[:2]:
        raise ValueError(
            f"The `mask` passed to the `TimeDistributed` layer has a shape {tuple(mask.shape)} that is incompatible "
            f"with the input shape {tuple(inputs.shape)}. The first two dimensions of the mask (batch size and "
            f"timesteps) must match the input's first two dimensions. Expected mask shape prefix: "
            f"({inputs.shape[0]}, {inputs.shape[1]})."
        )


def _per_sample(layer: Layer) -> bool:
    """Whether a layer and everything in it treats every sample by itself."""
    package = __name__.partition(".")[0] + "."
    return all(
        isinstance(module, Container)
        or (getattr(module, "_treats_samples_alone", False) and type(module).__module__.startswith(package))
        for module in layer.modules()
    )
