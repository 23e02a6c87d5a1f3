"""`Wrapper`: the base of layers around another layer."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.core import serialization
from torchkeras_shim.layers.base import LAYERS, Layer


@LAYERS.register()
class Wrapper(Layer):
    """The base of layers that hold another one as `self.layer`; builds it, and keeps it in the config.

    Args:
        layer: The layer.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If `layer` is not a layer.

    Example:
        >>> from torchkeras_shim.layers.core.identity import Identity
        >>> class Doubled(Wrapper):
        ...     def call(self, inputs):
        ...         return 2 * self.layer(inputs)
        >>> import torch
        >>> Doubled(Identity())(torch.tensor([1.0]))
        tensor([2.])
    """

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Layer {layer} supplied to Wrapper isn't a supported layer type. Please ensure wrapped layer is a "
                "valid Keras layer; a torch module becomes one by `keras.layers.TorchModuleWrapper(module)`."
            )
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        """Builds the layer inside."""
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "layer": serialization.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Rebuilds a layer, and the one inside, from `get_config()`."""
        config = dict(config)
        layer = serialization.deserialize_keras_object(config.pop("layer"), custom_objects=custom_objects)
        return cls(layer, **config)
