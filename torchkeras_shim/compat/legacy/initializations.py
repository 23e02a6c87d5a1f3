"""`keras.initializations` of Keras 1: functions of a shape that returned variables."""

from __future__ import annotations

from typing import Any

from torchkeras_shim import initializers
from torchkeras_shim.compat.legacy import backend, once

__all__ = ["get", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "identity", "lecun_uniform", "normal",
           "one", "orthogonal", "uniform", "zero"]  # fmt: skip


class Initialization:
    """An initializer that makes a variable if it is called with a name, as in Keras 1.

    Args:
        name: Its name there.
        initializer: The initializer of today.

    Example:
        >>> get("one").__name__, get("one")((2,))
        ('one', tensor([1., 1.]))
    """

    def __init__(self, name: str, initializer: Any) -> None:
        self.__name__ = name
        self._initializer = initializer

    def __call__(self, shape: Any, dtype: Any = None, name: str | None = None, **kwargs: Any) -> Any:
        initializer = self._initializer
        if kwargs:  # `scale` was the only setting
            once.say(f"initializations.{self.__name__}(shape, scale)", f"initializers.get({self.__name__!r})")
            config = initializer.get_config()
            setting = "stddev" if "stddev" in config else "gain" if "gain" in config else "maxval"
            config[setting] = kwargs.pop("scale")
            if setting == "maxval":
                config["minval"] = -config["maxval"]
            initializer = type(initializer).from_config(config)
        value = initializer(tuple(shape), dtype=dtype)
        if name is None:
            return value
        once.say("init(shape, name=)", "self.add_weight(shape, init, name=...)")
        return backend.variable(value, name=name)


def get(identifier: Any, **kwargs: Any) -> Any:
    """Returns the function of a name; `kwargs` are those of Keras 1 and have no effect."""
    if not isinstance(identifier, str):
        return identifier
    return Initialization(identifier, initializers.get(identifier))


glorot_normal = get("glorot_normal")
glorot_uniform = get("glorot_uniform")
he_normal = get("he_normal")
he_uniform = get("he_uniform")
identity = get("identity")
lecun_uniform = get("lecun_uniform")
normal = get("normal")
one = get("one")
orthogonal = get("orthogonal")
uniform = get("uniform")
zero = get("zero")
