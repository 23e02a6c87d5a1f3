"""The config of a layer or operation whose class writes none: the arguments that its constructor was called with."""

from __future__ import annotations

import inspect
from typing import Any

from torchkeras_shim.core import serialization


def arguments_of(target: Any, without: tuple[str, ...]) -> dict[str, Any]:
    """Returns the arguments that the own constructor of a layer or operation was called with, as plain values.

    Args:
        target: The layer or operation.
        without: The names of those that its config has anyway.

    Raises:
        NotImplementedError: If one of them cannot be written as such.
    """
    args, kwargs = target._arguments
    try:
        bound = inspect.signature(type(target).__init__).bind(target, *args, **kwargs)
        arguments = {key: value for key, value in list(bound.arguments.items())[1:] if key not in ("args", "kwargs")}
        arguments.update(bound.arguments.get("kwargs", {}))
        kept = {key: value for key, value in arguments.items() if key not in without}
        return {key: serialization.serialize_keras_object(value) for key, value in kept.items()}
    except (TypeError, ValueError) as error:
        raise NotImplementedError(
            f"Object {type(target).__name__} was created by passing non-serializable argument values in `__init__()`, "
            "and therefore the object must override `get_config()` in order to be serializable. Implement\n\n"
            '    def get_config(self):\n        return {**super().get_config(), "my_argument": ...}'
        ) from error
