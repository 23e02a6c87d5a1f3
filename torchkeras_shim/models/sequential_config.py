"""Configs of `Sequential` models: its layers one after the other, as Keras writes them."""

from __future__ import annotations

import reprlib
from typing import Any

from torchkeras_shim.core import serialization
from torchkeras_shim.layers import InputLayer
from torchkeras_shim.layers.base import Layer
from torchkeras_shim.models import config_checks
from torchkeras_shim.saving import legacy_config


def stack_to_config(model: Any) -> dict[str, Any]:
    """Returns the config of a `Sequential` model.

    Raises:
        NotImplementedError: If a member is a torch module, which has no config.
    """
    config = {
        "name": model.name,
        "trainable": model.trainable,
        "dtype": serialization.serialize_keras_object(model.dtype_policy),
    }
    layers = []
    if model._explicit_input is not None:
        spec = model._explicit_input
        source = spec._keras_history.operation if spec._keras_history else InputLayer(input_tensor=spec)
        layers.append(serialization.serialize_keras_object(source))
    for name, layer in model.named_layers():
        if not isinstance(layer, Layer):
            raise NotImplementedError(
                f"Layer '{name}' is the torch module {type(layer).__name__}, which has no config. Save the weights "
                "with `torch.save(model.state_dict(), path)` instead."
            )
        layers.append(serialization.serialize_keras_object(layer))
    config["layers"] = layers
    if model._specs is not None:
        config["build_input_shape"] = model._specs[0].shape
    return config


def stack_from_config(cls: type, config: dict[str, Any], custom_objects: dict[str, Any] | None) -> Any:
    """Returns a model of class `cls` with the layers of a config, of Keras 1 or 2 too; the weights are new."""
    if isinstance(config, dict) and not {"name", "layers"} <= set(config):
        raise ValueError(
            "A Sequential model configuration must be a dictionary containing the 'name' and 'layers' keys. "
            f"Received: config={reprlib.repr(config)}"
        )
    config = legacy_config.modernize_model(config, "Sequential")
    entries = config_checks.layers_of(config, "Sequential")
    model = cls(name=config.get("name"))
    taken: dict[str, Any] = {}
    made: dict[str, tuple[Any, Any]] = {}  # a layer may be in the stack several times
    for entry in entries:
        name = str(entry["config"].get("name")) if isinstance(entry["config"], dict) else ""
        known, layer = made.get(name, (None, None))
        if known != entry:
            layer = serialization.deserialize_keras_object(
                entry, custom_objects=custom_objects, default_module="keras.layers"
            )
            made[name] = entry, layer
        model._add(layer, taken, rebuild=True)
    shape = config.get("build_input_shape")
    if not model.built and shape and isinstance(shape, (list, tuple)):
        model.build(tuple(shape))
    if not config.get("trainable", True):
        model.trainable = False
    return model
