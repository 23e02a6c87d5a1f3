"""`Lambda`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from torchkeras_shim.core import serialization, tree
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.layers.base import LAYERS, Layer


@LAYERS.register()
class Lambda(Layer):
    """Makes a layer of a function.

    A function with a name that is registered (`@keras.saving.register_keras_serializable()`) can be saved. A Python
    `lambda` cannot: its code would have to be executed from a file.

    Args:
        function: A function of the inputs. If it has an argument `training` or `mask`, it is given that, too.
        output_shape: The output's shape without the batch, or a function of the input's shape: where the function
            cannot be run to find out.
        mask: The mask of the outputs, or a function `(inputs, mask)` that returns it.
        arguments: Further keyword arguments of the function.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> import torch
        >>> Lambda(lambda x: x ** 2)(torch.tensor([3.0]))
        tensor([9.])
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.arguments = arguments or {}
        self.function = function
        self.supports_masking = mask is not None
        self.mask = mask
        self._output_shape = output_shape
        try:
            parameters = inspect.signature(function).parameters
        except ValueError:  # torch's builtin functions have no signature
            parameters = {}  # type: ignore[assignment]
        self._wants_training = "training" in parameters
        self._wants_mask = "mask" in parameters

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Calls the function."""
        arguments = dict(self.arguments)
        if self._wants_mask:
            arguments["mask"] = mask
        if self._wants_training:
            arguments["training"] = self.training if training is None else training
        return self.function(inputs, **arguments)

    forward = call

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Returns the mask that was given, or what the mask function returns."""
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the outputs as `KerasTensor`s: of the given `output_shape`, or by running the function on meta."""
        if self._output_shape is None:
            return super().compute_output_spec(*args, **kwargs)
        inputs = args[0] if args else kwargs["inputs"]
        shapes = tree.map_structure(lambda leaf: tuple(leaf.shape), inputs)
        if callable(self._output_shape):
            return _specs(self._output_shape(shapes), self.compute_dtype)
        batch = tree.flatten(inputs)[0].shape[0]
        return _specs(_with_batch(self._output_shape, batch), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments.

        Raises:
            ValueError: where the function is a Python `lambda`.
        """
        config = {"function": serialization.serialize_keras_object(self.function)}
        if self._output_shape is not None:
            shape = self._output_shape
            config["output_shape"] = serialization.serialize_keras_object(shape) if callable(shape) else shape
        if self.mask is not None:
            config["mask"] = serialization.serialize_keras_object(self.mask)
        config["arguments"] = serialization.serialize_keras_object(dict(self.arguments))
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None, safe_mode: Any = None) -> Any:
        """Rebuilds a layer from `get_config()`.

        Raises:
            ValueError: where the config holds the code of a Python `lambda`: it is never executed.
        """
        config = dict(config)
        for key in ("function", "output_shape", "mask"):
            value = config.get(key)
            if isinstance(value, dict) and value.get("class_name") == "__lambda__":
                raise ValueError(
                    f"The config of Lambda layer '{config.get('name')}' holds the code of a Python lambda as `{key}`. "
                    "Code from a file is never executed here. Write the function with `def`, decorate it with "
                    "`@keras.saving.register_keras_serializable()`, and create the layer with it."
                )
            if value is not None:
                value = serialization.deserialize_keras_object(value, custom_objects=custom_objects)
                config[key] = tuple(value) if _is_shape(value) else value
        if "arguments" in config:
            config["arguments"] = serialization.deserialize_keras_object(
                config["arguments"], custom_objects=custom_objects
            )
        return super().from_config(config)


def _is_shape(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(size is None or isinstance(size, int) for size in value)


def _with_batch(shape: Any, batch: Any) -> Any:
    if _is_shape(shape):
        return (batch, *shape)
    if isinstance(shape, dict):
        return {key: _with_batch(value, batch) for key, value in shape.items()}
    return [_with_batch(item, batch) for item in shape]


def _specs(shape: Any, dtype: str) -> Any:
    if _is_shape(shape):
        return KerasTensor(shape, dtype)
    if isinstance(shape, dict):
        return {key: _specs(value, dtype) for key, value in shape.items()}
    return [_specs(item, dtype) for item in shape]
