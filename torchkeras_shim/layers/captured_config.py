"""The config of a layer whose class writes none: the arguments that its constructor was called with."""

from __future__ import annotations

import inspect
from typing import Any

from torchkeras_shim.core import serialization


def arguments_of(layer: Any) -> dict[str, Any]:
    """Returns the arguments that a layer's own constructor was called with, as plain values.

    Raises:
        NotImplementedError: If one of them cannot be written as such.
    """
    args, kwargs = layer._arguments
    try:
        bound = inspect.signature(type(layer).__init__).bind(layer, *args, **kwargs)
        arguments = {key: value for key, value in list(bound.arguments.items())[1:] if key not in ("args", "kwargs")}
        arguments.update(bound.arguments.get("kwargs", {}))
        for key in ("name", "trainable", "dtype"):
            arguments.pop(key, None)
        return {key: serialization.serialize_keras_object(value) for key, value in arguments.items()}
    except (TypeError, ValueError) as error:
        raise NotImplementedError(
            f"Object {type(layer).__name__} was created by passing non-serializable argument values in `__init__()`, "
            "and therefore the object must override `get_config()` in order to be serializable. Implement\n\n"
            '    def get_config(self):\n        return {**super().get_config(), "my_argument": ...}'
        ) from error
