"""Objects as JSON-able configs and back, in Keras 3's format.

Names in a config are looked up in closed tables only: this package's registries, and the classes and functions that the
user registered or passes as `custom_objects`. Nothing is ever imported by a name that a file contains.
"""

from __future__ import annotations

import inspect
import reprlib
import types
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import custom_objects as custom
from torchkeras_shim.core import dtypes, sharing
from torchkeras_shim.core.errors import ConfigError, did_you_mean
from torchkeras_shim.core.tables import PUBLIC_NAMES, TABLES, load_all

_short = reprlib.repr
_PLAIN = (str, bool, int, float, type(None))
#: Objects of which one is as good as another of the same config.
_VALUES = ("DTypePolicy",)
#: The packages whose names are looked up in the tables, by what Keras and TensorFlow have called them.
_OURS = ("keras", "tf_keras", "tensorflow", "builtins", "torchkeras_shim")


def serialize_keras_object(obj: Any) -> Any:
    """Returns a config of plain dicts, lists, strings and numbers.

    Args:
        obj: A layer, loss, metric, optimizer or other object with `get_config`, a function, a plain value, an array,
            or lists, tuples and dicts of these.

    Raises:
        ValueError: If it has no config.

    Example:
        >>> serialize_keras_object({"sizes": (1, 2), "values": np.ones(2)})
        {'sizes': (1, 2), 'values': {'class_name': '__numpy__', 'config': {'value': [1.0, 1.0], 'dtype': 'float64'}}}
    """
    if isinstance(obj, _PLAIN):
        return obj
    if isinstance(obj, tuple):
        return tuple(serialize_keras_object(item) for item in obj)
    if isinstance(obj, list):
        return [serialize_keras_object(item) for item in obj]
    if isinstance(obj, dict):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode("utf-8")}}
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, np.ndarray):
        return {"class_name": "__numpy__", "config": {"value": obj.tolist(), "dtype": obj.dtype.name}}
    if isinstance(obj, torch.Tensor):
        value = obj.detach().cpu()
        return {
            "class_name": "__tensor__",
            "config": {"value": value.tolist(), "dtype": dtypes.standardize_dtype(value.dtype)},
        }
    if isinstance(obj, torch.dtype):
        return dtypes.standardize_dtype(obj)
    if isinstance(obj, slice):
        parts = [obj.start, obj.stop, obj.step]
        return {
            "class_name": "__slice__",
            "module": "builtins",
            "config": dict(zip(("start", "stop", "step"), map(serialize_keras_object, parts), strict=True)),
            "registered_name": "slice",
        }
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(obj, (types.FunctionType, types.BuiltinFunctionType)):
        return _serialize_function(obj)
    if hasattr(obj, "get_config") and not inspect.isclass(obj):
        return _serialize_object(obj)
    raise ValueError(
        f"Cannot serialize {obj!r} (of type {type(obj).__name__}): it has no `get_config()` method. "
        "Give its class a `get_config()` that returns the arguments of its constructor."
    )


def _serialize_function(function: Any) -> dict[str, Any]:
    if getattr(function, "__name__", "") == "<lambda>":
        raise ValueError(
            "Cannot serialize a lambda: to load it would be arbitrary code execution out of a file. "
            "Write `def my_function(x): ...`, decorate it with `@keras.saving.register_keras_serializable()`, pass it."
        )
    if function in PUBLIC_NAMES:
        return {
            "module": "builtins",
            "class_name": "function",
            "config": PUBLIC_NAMES[function][1],
            "registered_name": "function",
        }
    registered = custom.get_registered_name(function)
    return {"module": "builtins", "class_name": "function", "config": registered, "registered_name": "function"}


def _serialize_object(obj: Any) -> dict[str, Any]:
    cls = getattr(type(obj), "_written_as", None) or type(obj)
    config = {key: serialize_keras_object(value) for key, value in obj.get_config().items()}
    if cls in PUBLIC_NAMES:
        module, name = PUBLIC_NAMES[cls]
        result: dict[str, Any] = {"module": module, "class_name": name, "config": config, "registered_name": None}
    else:
        result = {
            "module": None if cls.__module__ in ("builtins", "__main__") else cls.__module__,
            "class_name": cls.__name__,
            "config": config,
            "registered_name": custom.get_registered_name(cls),
        }
    shared = None if cls.__name__ in _VALUES else sharing.number(obj)
    if shared is not None:
        result[sharing.KEY] = shared
    build_config = obj.get_build_config() if hasattr(obj, "get_build_config") else None
    if build_config is not None:
        result["build_config"] = serialize_keras_object(build_config)
    compile_config = obj.get_compile_config() if hasattr(obj, "get_compile_config") else None
    if compile_config is not None:
        result["compile_config"] = serialize_keras_object(compile_config)
    return result


def deserialize_keras_object(
    config: Any,
    custom_objects: dict[str, Any] | None = None,
    safe_mode: bool = True,
    default_module: str | None = None,
    module_objects: dict[str, Any] | None = None,
    printable_module_name: str = "object",
) -> Any:
    """Rebuilds what `serialize_keras_object` described.

    Args:
        config: The config.
        custom_objects: The user's own classes and functions by name.
        safe_mode: Must be `True`: code inside configs is never executed.
        default_module: The table that a class without a module is looked up in first.
        module_objects: A package's own classes and functions by name. With it the config may be one of these names;
            another name is returned as it is.
        printable_module_name: What messages call one of these objects.

    Raises:
        ValueError: If a class or function is not known; nothing is imported to find it.

    Example:
        >>> deserialize_keras_object({"class_name": "__tuple__", "config": {"value": [1, 2]}})
        (1, 2)
    """
    if not safe_mode:
        raise ValueError("`safe_mode=False` is not supported: code inside a config is never executed here.")
    with custom.CustomObjectScope(custom_objects or {}):
        if module_objects is not None and isinstance(config, (str, dict)):
            return _deserialize_own(config, module_objects, printable_module_name)
        return _deserialize(config, default_module)


def _deserialize_own(config: str | dict[str, Any], known: dict[str, Any], what: str) -> Any:
    """Rebuilds an object of a package's own table, unless the user has one of its name."""
    inner: dict[str, Any] = {}
    if isinstance(config, str):
        name, registered = config, None
    elif "class_name" in config:
        name, inner, registered = config["class_name"], config.get("config") or {}, config.get("registered_name")
    else:
        raise ValueError(f"Unknown `config` as a `dict`, config={_short(config)}. The {what} needs a `class_name`.")
    for candidate in (registered, name):
        found = custom.find(candidate) if isinstance(candidate, str) else None
        if found is not None:
            return found if isinstance(config, str) else _deserialize(config)
    if name not in known:
        return name
    return known[name].from_config(inner) if isinstance(known[name], type) else known[name]


def _deserialize(config: Any, default_module: str | None = None) -> Any:
    if isinstance(config, list):
        return [_deserialize(item) for item in config]
    if not isinstance(config, dict):
        return config
    if "class_name" not in config or "config" not in config:
        return {key: _deserialize(value) for key, value in config.items()}
    class_name, inner = config["class_name"], config["config"]
    if not isinstance(class_name, str):
        raise ValueError(f"Expected the name of a class in the config. Received: {_short(class_name)}")
    if class_name in _SPECIAL:
        try:
            return _SPECIAL[class_name](inner or {})
        except ConfigError:
            raise
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"The config of a {class_name} is not one. Received: {_short(inner)}") from error
    if class_name == "function":
        return _find(inner, config.get("registered_name"), None, "function", default_module)
    shared = sharing.known(config)
    if shared is not None:
        return shared
    cls = _find(class_name, config.get("registered_name"), config.get("module"), "class", default_module)
    if not hasattr(cls, "from_config"):
        raise ConfigError(
            f"Unable to reconstruct an instance of '{class_name}' because the class is missing a `from_config()` "
            "method, a classmethod that takes what `get_config()` returns. Full object config: " + _short(config)
        )
    _check_parts(config, class_name)
    instance = _made(cls, inner or {})
    if config.get("build_config") and hasattr(instance, "build_from_config"):
        instance.build_from_config(config["build_config"])
    if config.get("compile_config") and hasattr(instance, "compile_from_config"):
        instance.compile_from_config(config["compile_config"])
    sharing.remember(config, instance)
    return instance


def _made(cls: Any, inner: Any) -> Any:
    """Returns an instance of a class that is made from its config."""
    try:
        return cls.from_config(inner)
    except ConfigError:
        raise
    except TypeError as error:
        raise ConfigError(
            f"{cls} could not be deserialized properly: {error}. Please ensure that components that are Python object "
            "instances (layers, models, etc.) returned by `get_config()` are explicitly deserialized in the model's "
            '`from_config()` method: `config["layer"] = keras.saving.deserialize_keras_object(config["layer"])`. '
            f"Received: config={_short(inner)}"
        ) from error


def _check_parts(config: dict[str, Any], class_name: str) -> None:
    """Makes sure that what an object is made from is a dict."""
    for key in ("config", "build_config", "compile_config"):
        value = config.get(key)
        if value and not isinstance(value, dict):
            raise ConfigError(
                f"Expected '{key}' to be a dict for {class_name}, instead got {type(value).__name__}. "
                f"Received: {_short(value)}"
            )


def _numpy(inner: dict[str, Any]) -> Any:
    dtype = np.dtype(inner["dtype"])
    if dtype.kind not in "biufc":  # a text type can declare any size
        raise ValueError(f"Expected an array of numbers in the config. Received: dtype={inner['dtype']!r}")
    return np.array(inner["value"], dtype=dtype)


def _tensor(inner: dict[str, Any]) -> Any:
    return torch.tensor(inner["value"], dtype=dtypes.to_torch_dtype(inner["dtype"]))


def _refused_lambda(inner: Any) -> Any:
    raise ValueError(
        "Requested the deserialization of a Python lambda. This carries a potential risk of arbitrary code execution, "
        "and is not supported: code out of a file (`__lambda__`) is never executed here. Write the function with "
        "`def`, decorate it with `@keras.saving.register_keras_serializable()`, and save it by its name."
    )


def _refused_typespec(inner: Any) -> Any:
    if not isinstance(inner, (list, tuple)):
        raise ConfigError(
            "Expected 'config' to be a list or a tuple for a __typespec__ class name, instead got "
            f"{type(inner).__name__}. Received: {_short(inner)}"
        )
    raise ConfigError(f"Type specifications of TensorFlow are not supported in configs. Received: {_short(inner)}")


_SPECIAL: dict[str, Any] = {
    "__tuple__": lambda inner: tuple(_deserialize(item) for item in inner["value"]),
    "__bytes__": lambda inner: inner["value"].encode("utf-8"),
    "__numpy__": _numpy,
    "__tensor__": _tensor,
    "__slice__": lambda inner: slice(*(_deserialize(inner[key]) for key in ("start", "stop", "step"))),
    "__ellipsis__": lambda inner: Ellipsis,
    "__lambda__": _refused_lambda,
    "__typespec__": _refused_typespec,
}


def _find(name: Any, registered_name: Any, module: Any, what: str, default_module: str | None) -> Any:
    """Looks a name up: the user's objects, then the table of its module, then every table."""
    if not isinstance(name, str):
        raise ConfigError(
            f"Expected 'config' to be a non-null str for a {what} classname, instead got {type(name).__name__}. "
            f"Received: {_short(name)}"
        )
    for candidate in (registered_name, name):
        if isinstance(candidate, str):
            found = custom.find(candidate)
            if found is not None:
                return found
    is_users = isinstance(registered_name, str)
    known: list[str] = []
    if what == "function" or not is_users or _is_ours(module):
        for attempt in range(2):
            tables = _tables_for(module, default_module, is_users)
            found = _first([table.lookup(name) for table in tables], what)
            if found is not None:
                _check_registered_name(registered_name, name, what)
                return found
            if attempt == 0:
                for load in load_all:
                    load()
        known = [key for table in tables for key in table.names()]
    found = custom.find_short(name) if what == "function" else None
    if found is not None:
        return found
    raise ConfigError(
        f"Could not locate {what} '{name}'.{did_you_mean(name, known)} If it is your own, decorate it with "
        "`@keras.saving.register_keras_serializable()` or pass `custom_objects={" + f"{name!r}: ..." + "}`."
    )


def _is_ours(module: Any) -> bool:
    """Whether a class of this module is Keras's, and none of a user's that has its name."""
    return isinstance(module, str) and module.partition(".")[0] in _OURS


def _check_registered_name(registered_name: Any, name: str, what: str) -> None:
    """Refuses a name of a user's object with a class or function of Keras: one of the two is wrong."""
    if registered_name and registered_name not in (name, "function" if what == "function" else name):
        raise ConfigError(
            f"`registered_name={_short(registered_name)}` was provided in the config, but '{name}' resolved to a Keras "
            "built-in, and does not use registered names. If the object is your own, register it under that name, or "
            "pass it in `custom_objects`; otherwise remove `registered_name` from the config."
        )


def _first(candidates: list[Any], what: str) -> Any:
    """Returns the first of what the tables have for a name; a function rather than the class of its metric."""
    found = [one for one in candidates if one is not None]
    functions = [one for one in found if not inspect.isclass(one)] if what == "function" else []
    return next(iter((*functions, *found)), None)


def _tables_for(module: Any, default_module: str | None, is_users: bool) -> list[Any]:
    """Orders the tables: the one of the config's module (`keras.src.layers.core.dense` too), the default, the rest."""
    preferred = []
    if isinstance(module, str):
        exact = TABLES.get(module)
        families = [TABLES.get(f"keras.{part}") for part in module.split(".")]
        preferred = [table for table in (exact, *families) if table is not None]
    if default_module in TABLES:
        preferred.append(TABLES[default_module])
    # Layers that Keras keeps to itself have names, such as LayerScale, that classes of users have too. Only those of
    # users have a registered name.
    rest = [table for key, table in TABLES.items() if not (is_users and key.startswith("keras.src."))]
    return preferred + [table for table in rest if table not in preferred]
