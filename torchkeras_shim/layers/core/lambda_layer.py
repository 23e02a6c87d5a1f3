"""`Lambda`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from torchkeras_shim.core import custom_objects as custom
from torchkeras_shim.core import serialization, tree
from torchkeras_shim.core.errors import ConfigError
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.tables import TABLES, load_all
from torchkeras_shim.layers.base import LAYERS, Layer


@LAYERS.register()
class Lambda(Layer):
    """Makes a layer of a function.

    Files hold no code. A function is saved by its name, a Python `lambda` by the name of the layer; loading finds
    functions that are registered (`@keras.saving.register_keras_serializable()`) and asks for the others:
    `load_model(path, custom_objects={"lambda_1": lambda x: x ** 2})`. Layers in other people's files that hold the
    byte code of a `lambda` are given their function in the same way.

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
            ValueError: If the layer holds a Python `lambda` and has the name of a function of Keras.
        """
        config = {"function": self._written("function", self.function)}
        if self._output_shape is not None:
            shape = self._output_shape
            config["output_shape"] = self._written("output_shape", shape) if callable(shape) else shape
        if self.mask is not None:
            config["mask"] = self._written("mask", self.mask)
        config["arguments"] = serialization.serialize_keras_object(dict(self.arguments))
        return {**super().get_config(), **config}

    def named_functions(self) -> dict[str, Any]:
        """Returns the layer's Python lambdas by the names that its config has for them."""
        parts = {"function": self.function, "output_shape": self._output_shape, "mask": self.mask}
        return {_name_of(self.name, part): value for part, value in parts.items() if _is_lambda(value)}

    def _written(self, part: str, value: Any) -> Any:
        if not _is_lambda(value):
            return serialization.serialize_keras_object(value)
        name = _name_of(self.name, part)
        for load in load_all:
            load()
        if any(table.lookup(name) is not None for table in TABLES.values()) and custom.find(name) is None:
            raise ValueError(
                f"Cannot serialize the Python lambda of Lambda layer '{self.name}': it is written under the layer's "
                f"name, but '{name}' is a function or class of Keras. Give the layer another name, or write the "
                "function with `def`."
            )
        return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None, safe_mode: Any = None) -> Any:
        """Rebuilds a layer from `get_config()`.

        Raises:
            ValueError: If the config names a function that is not known, or holds the code of a Python `lambda`: it is
                never executed.
        """
        config = dict(config)
        with custom.CustomObjectScope(custom_objects or {}):
            for part in ("function", "output_shape", "mask"):
                value = _restored(part, config.get(part), str(config.get("name")))
                config[part] = tuple(value) if _is_shape(value) else value
        if "arguments" in config:
            config["arguments"] = serialization.deserialize_keras_object(
                config["arguments"], custom_objects=custom_objects
            )
        return super().from_config(config)


def _is_lambda(value: Any) -> bool:
    return getattr(value, "__name__", None) == "<lambda>"


def _name_of(layer: str, part: str) -> str:
    """Returns what a Python lambda of a layer is called in configs."""
    return layer if part == "function" else f"{layer}_{part}"


def _restored(part: str, value: Any, layer: str) -> Any:
    holds_code = isinstance(value, dict) and value.get("class_name") == "__lambda__"
    if isinstance(value, list) and value and isinstance(value[0], str):  # byte code, as Keras 1 and 2 wrote it
        holds_code = True
    if isinstance(value, str):  # a function's name, as Keras 1 and 2 wrote it
        value = {"class_name": "function", "config": value, "registered_name": "function"}
    name = _name_of(layer, part)
    if not holds_code:
        try:
            return None if value is None else serialization.deserialize_keras_object(value)
        except ConfigError as error:
            if isinstance(value, dict) and value.get("config") == name:  # what a lambda is written as
                raise ValueError(
                    f"The `{part}` of Lambda layer '{layer}' was a Python lambda when it was saved. Files hold no "
                    "code, as running it would be arbitrary code execution. Pass the function by the layer's name: "
                    f"`custom_objects={{{name!r}: ...}}`."
                ) from error
            raise
    found = custom.find(name)
    if found is None and part == "output_shape":
        return None  # the function itself tells the shape
    if found is None:
        raise ValueError(
            f"The config of Lambda layer '{layer}' holds the code of a Python lambda as `{part}`. To run it would be "
            "arbitrary code execution: code out of a file is never executed here. Pass the function by the layer's "
            f"name: `custom_objects={{{name!r}: ...}}`."
        )
    return found


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
