"""The config of a layer or operation whose class writes none: the arguments that its constructor was called with."""

from __future__ import annotations

import inspect
from typing import Any

from torchkeras_shim.core import serialization, tree

_OF_EVERY_LAYER = ("name", "trainable", "dtype")


def arguments_of(target: Any, without: tuple[str, ...]) -> dict[str, Any]:
    """Returns the arguments that the own constructor of a layer or operation was called with, as plain values.

    Args:
        target: The layer or operation.
        without: The names of those that its config has anyway.

    Raises:
        NotImplementedError: If one of them cannot be written as such.
    """
    try:
        args, kwargs = target._arguments
        signature = inspect.signature(type(target).__init__)
        bound = signature.bind(target, *args, **kwargs)
        kinds = {key: parameter.kind for key, parameter in signature.parameters.items()}
        arguments: dict[str, Any] = {}
        for key, value in list(bound.arguments.items())[1:]:
            if kinds[key] is inspect.Parameter.VAR_KEYWORD:
                arguments.update(value)
            elif kinds[key] is not inspect.Parameter.VAR_POSITIONAL:
                arguments[key] = value
        kept = {key: value for key, value in arguments.items() if key not in without}
        return {key: serialization.serialize_keras_object(value) for key, value in kept.items()}
    except (TypeError, ValueError) as error:
        raise NotImplementedError(
            f"Object {type(target).__name__} was created by passing non-serializable argument values in `__init__()`, "
            "and therefore the object must override `get_config()` in order to be serializable. Implement\n\n"
            '    def get_config(self):\n        return {**super().get_config(), "my_argument": ...}'
        ) from error


def can_be_pickled(arguments: tuple[tuple[Any, ...], dict[str, Any]]) -> bool:
    """Returns whether the arguments of a constructor can be pickled: no functions are among them that have no name."""
    leaves = tree.flatten(arguments)
    return not any(inspect.isfunction(leaf) and "<" in leaf.__qualname__ for leaf in leaves)


def restored(layer_class: Any, config: dict[str, Any]) -> dict[str, Any]:
    """Returns the constructor's arguments from the config of a class that writes none; other configs as they are.

    The name, type and `trainable` of every layer are left out where the constructor does not take them.
    """
    if not getattr(layer_class.get_config, "_captures", False):
        return dict(config)
    parameters = inspect.signature(layer_class.__init__).parameters
    takes_all = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    return {
        key: value if key in _OF_EVERY_LAYER else serialization.deserialize_keras_object(value)
        for key, value in config.items()
        if takes_all or key in parameters or key not in _OF_EVERY_LAYER
    }
