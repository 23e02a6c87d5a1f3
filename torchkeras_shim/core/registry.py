"""One table per kind of object that Keras lets a user give as a string, a config, a class or an instance.

A definition enters its table by a decorator::

    LOSSES = Registry("loss", "keras.losses")

    @LOSSES.register("mse", "MSE")
    class MeanSquaredError(Loss): ...

    LOSSES.get("mse")   # -> MeanSquaredError()

All tables together are the closed list of names that a saved config may refer to (see `serialization`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from torchkeras_shim.core import custom_objects, serialization
from torchkeras_shim.core.errors import did_you_mean
from torchkeras_shim.core.tables import PUBLIC_NAMES, TABLES

T = TypeVar("T")


class Registry:
    """Names of one kind of object.

    Args:
        kind: What the objects are called in messages, such as `"loss"`.
        module: The public module of the names, such as `"keras.losses"`.
        ignore_case: Whether a name also matches in any other case, as Keras's optimizers do.
    """

    def __init__(self, kind: str, module: str, ignore_case: bool = False) -> None:
        self.kind = kind
        self.module = module
        self._ignore_case = ignore_case
        self._objects: dict[str, Any] = {}
        if module in TABLES:
            raise RuntimeError(f"There is already a registry for {module}")
        TABLES[module] = self

    def register(self, *aliases: str) -> Callable[[T], T]:
        """Returns a decorator that enters a class or function under its own name and the aliases.

        Raises:
            RuntimeError: If a name is already taken by something else.
        """

        def decorate(target: T) -> T:
            name = target.__name__  # type: ignore[attr-defined]
            PUBLIC_NAMES.setdefault(target, (self.module, name))
            for key in (name, *aliases):
                taken = self._objects.setdefault(key, target)
                if taken is not target:
                    raise RuntimeError(f"{self.module}: the name {key!r} already belongs to {taken}")
            return target

        return decorate

    def names(self) -> list[str]:
        """Returns every known name and alias."""
        return list(self._objects)

    def lookup(self, name: str) -> Any:
        """Returns the class or function of a name, the user's custom objects first, or `None`."""
        custom = custom_objects.find(name)
        if custom is not None:
            return custom
        if name in self._objects:
            return self._objects[name]
        if self._ignore_case:
            lowered = name.lower()
            return next((value for key, value in self._objects.items() if key.lower() == lowered), None)
        return None

    def get(self, identifier: Any) -> Any:
        """Resolves what a user may hand over: `None`, a name, a config, a class, a function or an instance.

        Raises:
            ValueError: If the identifier cannot be understood; the message shows the nearest names.
        """
        if identifier is None:
            return None
        if isinstance(identifier, dict) and identifier:
            return self.deserialize(identifier)
        if isinstance(identifier, str):
            found = self.lookup(identifier)
            if found is None:
                raise ValueError(
                    f"Could not interpret {self.kind} identifier: {identifier!r}."
                    f"{did_you_mean(identifier, self._objects)} "
                    f"Use one of the names in `{self.module}`, an instance, or a function of your own."
                )
            return found() if inspect.isclass(found) else found
        if inspect.isclass(identifier):
            return identifier()
        if callable(identifier):
            return identifier
        raise ValueError(
            f"Could not interpret {self.kind} identifier: {identifier!r} (of type {type(identifier).__name__}). "
            "Expected a name, a config dict, a class, an instance or a function."
        )

    def deserialize(self, config: dict[str, Any] | str, objects: dict[str, Any] | None = None) -> Any:
        """Rebuilds an object from what `serialize` returned.

        Args:
            config: A config dict, or a bare name.
            objects: The user's own classes and functions by name.

        Example:
            >>> from torchkeras_shim import layers
            >>> config = layers.serialize(layers.Dense(3, name="scores"))
            >>> layers.deserialize(config).name
            'scores'
        """
        if isinstance(config, str):
            with custom_objects.CustomObjectScope(objects or {}):
                return self.get(config)
        return serialization.deserialize_keras_object(config, custom_objects=objects, default_module=self.module)

    def serialize(self, target: Any) -> Any:
        """Returns the config of an object: a dict for instances, the name for functions of this table.

        Example:
            >>> from torchkeras_shim import layers
            >>> layers.serialize(layers.Dense(3))["class_name"]
            'Dense'
        """
        if inspect.isfunction(target) and PUBLIC_NAMES.get(target, ("", ""))[0] == self.module:
            return target.__name__
        return serialization.serialize_keras_object(target)
