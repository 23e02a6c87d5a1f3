"""`keras.utils.legacy`: objects as dicts in the form of Keras 2, `{"class_name": ..., "config": ...}`."""

from __future__ import annotations

import inspect
from typing import Any

from torchkeras_shim.core.custom_objects import CustomObjectScope, get_registered_name, get_registered_object
from torchkeras_shim.core.errors import did_you_mean

__all__ = ["deserialize_keras_object", "serialize_keras_object"]

_NESTED = "__passive_serialization__"


def serialize_keras_object(instance: Any) -> Any:
    """Returns an object in the form of Keras 2.

    Args:
        instance: An object with `get_config`, a class, a function, or `None`.

    Returns:
        A dict of its class and its config; the name of a class or function.

    Raises:
        ValueError: If it is something else.

    Example:
        >>> from torchkeras_shim import regularizers
        >>> serialize_keras_object(regularizers.L2(0.5))
        {'class_name': 'L2', 'config': {'l2': 0.5}}
    """
    if instance is None:
        return None
    instance = inspect.unwrap(instance) if callable(instance) else instance
    if hasattr(instance, "get_config"):
        config = {key: _serialized_item(item) for key, item in instance.get_config().items()}
        return {"class_name": get_registered_name(type(instance)), "config": config}
    if hasattr(instance, "__name__"):
        return get_registered_name(instance)
    raise ValueError(
        f"Cannot serialize {instance} because it doesn't implement `get_config()`. Received: an object of type "
        f"{type(instance).__name__}"
    )


def _serialized_item(item: Any) -> Any:
    if isinstance(item, str):
        return item
    try:
        serialized = serialize_keras_object(item)
    except ValueError:
        return item
    if isinstance(serialized, dict) and not isinstance(item, dict):
        serialized[_NESTED] = True
    return serialized


def deserialize_keras_object(
    identifier: Any,
    module_objects: dict[str, Any] | None = None,
    custom_objects: dict[str, Any] | None = None,
    printable_module_name: str = "object",
) -> Any:
    """Returns the object for what `serialize_keras_object` has made of it.

    Only classes and functions that are in the given dicts, or registered, can be named: `keras.layers.deserialize` and
    the like know those of Keras.

    Args:
        identifier: A dict, a name, a function, or `None`.
        module_objects: The classes and functions that names stand for.
        custom_objects: Further ones, which come first.
        printable_module_name: What errors call the object.

    Raises:
        ValueError: If the identifier is something else, or a name is unknown.

    Example:
        >>> from torchkeras_shim import regularizers
        >>> config = {"class_name": "L2", "config": {"l2": 0.5}}
        >>> deserialize_keras_object(config, module_objects=vars(regularizers)).l2
        0.5
    """
    if identifier is None or inspect.isfunction(identifier):
        return identifier
    if isinstance(identifier, str):
        found = _find(identifier, module_objects, custom_objects, printable_module_name)
        return found() if inspect.isclass(found) else found
    if not isinstance(identifier, dict):
        raise ValueError(f"Could not interpret serialized {printable_module_name}: {identifier}")
    if "class_name" not in identifier or "config" not in identifier:
        raise ValueError(
            f"Improper config format for {identifier}. Expecting python dict contains `class_name` and `config` as keys"
        )
    cls = _find(identifier["class_name"], module_objects, custom_objects, printable_module_name)
    config = identifier["config"]
    if not isinstance(config, list):  # of a Sequential model of Keras 2.0
        config = {key: _item(key, item, module_objects, custom_objects) for key, item in config.items()}
    with CustomObjectScope(custom_objects or {}):
        if not hasattr(cls, "from_config"):
            return cls(**config)
        takes_objects = "custom_objects" in inspect.signature(cls.from_config).parameters
        return cls.from_config(config, custom_objects=custom_objects) if takes_objects else cls.from_config(config)


def _item(key: str, item: Any, module_objects: dict[str, Any] | None, custom_objects: dict[str, Any] | None) -> Any:
    if key == "name":  # which may be that of a function
        return item
    if isinstance(item, dict) and _NESTED in item:
        return deserialize_keras_object(item, module_objects, custom_objects, "config_item")
    if isinstance(item, str):
        found = get_registered_object(item, custom_objects, module_objects)
        return found if inspect.isfunction(found) else item
    return item


def _find(name: str, module_objects: dict[str, Any] | None, custom_objects: dict[str, Any] | None, kind: str) -> Any:
    found = get_registered_object(name, custom_objects, module_objects)
    if found is None:
        known = [*(custom_objects or {}), *(module_objects or {})]
        raise ValueError(
            f"Unknown {kind}: '{name}'. Please ensure you are using a `keras.utils.custom_object_scope` and that this "
            f"object is included in the scope.{did_you_mean(name, known)}"
        )
    return found
