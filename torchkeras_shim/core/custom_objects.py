"""The user's own classes and functions: registered for good, or known within a scope."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_registered: dict[str, Any] = {}
_registered_names: dict[Any, str] = {}
_scopes = threading.local()


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """Returns a decorator that lets saved files refer to a class or function of the user's.

    Args:
        package: The name's first half, which keeps names of several projects apart.
        name: The second half; the class's own name by default.

    Raises:
        ValueError: If the class has no `get_config`.

    Example:
        >>> @register_keras_serializable(package="docs")
        ... def double(x):
        ...     return x * 2
        >>> get_registered_name(double)
        'docs>double'
    """

    def decorate(target: T) -> T:
        if inspect.isclass(target) and not hasattr(target, "get_config"):
            raise ValueError("Cannot register a class that does not have a get_config() method.")
        registered_name = f"{package}>{name if name is not None else target.__name__}"  # type: ignore[attr-defined]
        _registered[registered_name] = target
        _registered_names[target] = registered_name
        return target

    return decorate


def get_custom_objects() -> dict[str, Any]:
    """Returns the global dict of the user's objects by name; it may be changed in place.

    Example:
        >>> get_custom_objects()["Twice"] = lambda x: 2 * x
        >>> "Twice" in get_custom_objects()
        True
        >>> del get_custom_objects()["Twice"]
    """
    return _registered


def get_registered_name(obj: Any) -> str:
    """Returns the name that `obj` was registered under, or its own name.

    Example:
        >>> get_registered_name(dict)
        'dict'
    """
    return _registered_names.get(obj, getattr(obj, "__name__", str(obj)))


def get_registered_object(
    name: str, custom_objects: dict[str, Any] | None = None, module_objects: dict[str, Any] | None = None
) -> Any:
    """Returns the object of a registered name, or `None`.

    Example:
        >>> get_registered_object("Twice", custom_objects={"Twice": dict})
        <class 'dict'>
    """
    found = find(name)
    if found is not None:
        return found
    if custom_objects and name in custom_objects:
        return custom_objects[name]
    return (module_objects or {}).get(name)


def find(name: str) -> Any:
    """Returns the user's object of that name, innermost scope first, or `None`."""
    for scope in reversed(getattr(_scopes, "stack", [])):
        if name in scope:
            return scope[name]
    return _registered.get(name)


def find_short(name: str) -> Any:
    """Returns the user's object that is registered as `package>name`, as Keras 3.6 and before wrote functions.

    Returns `None` if there is none, or if two packages have one.
    """
    if ">" in name:
        return None
    known = {**_registered, **{key: obj for scope in getattr(_scopes, "stack", []) for key, obj in scope.items()}}
    found = [obj for key, obj in known.items() if key.endswith(f">{name}")]
    return found[0] if len(found) == 1 else None


def raised_by_user(error: BaseException) -> bool:
    """Whether an error came out of the user's own classes or functions, those that are known now."""
    known = [*_registered.values(), *(obj for scope in getattr(_scopes, "stack", []) for obj in scope.values())]
    modules = {getattr(obj, "__module__", None) for obj in known}
    current: BaseException | None = error
    while current is not None:
        trace = current.__traceback__
        while trace is not None:
            name = trace.tb_frame.f_globals.get("__name__")
            if name in modules and not str(name).startswith(f"{__package__.partition('.')[0]}."):
                return True
            trace = trace.tb_next
        current = current.__cause__
    return False


class CustomObjectScope:
    """Makes the user's classes and functions known by name inside a `with` block.

    Args:
        custom_objects: The objects by name.

    Example:
        >>> with CustomObjectScope({"double": len}):
        ...     find("double")
        <built-in function len>
    """

    def __init__(self, custom_objects: dict[str, Any]) -> None:
        self.custom_objects = custom_objects or {}

    def __enter__(self) -> CustomObjectScope:
        if not hasattr(_scopes, "stack"):
            _scopes.stack = []
        _scopes.stack.append(self.custom_objects)
        return self

    def __exit__(self, *_: object) -> None:
        _scopes.stack.pop()


custom_object_scope = CustomObjectScope
