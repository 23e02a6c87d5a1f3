"""The modules that scripts get for `keras` and `tensorflow`: views of this library under the names they import."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

import torchkeras_shim
from torchkeras_shim.core.errors import did_you_mean

PACKAGE = torchkeras_shim.__name__

#: What `uninstall()` calls: the ends of what stand-ins have changed outside of themselves.
UNDO: list[Callable[[], None]] = []

#: The Keras version whose public API the stand-ins follow; `keras.__version__` of a script.
KERAS_VERSION = "3.15.1"
#: The TensorFlow version that shipped with it; `tf.__version__` of a script.
TENSORFLOW_VERSION = "2.21.0"


class StandIn(ModuleType):
    """A module of this library under another name.

    Args:
        name: The name that the script imports, such as `"tensorflow.keras.layers"`.
        target: The module that answers.
        own: Attributes that differ from the target's.
    """

    def __init__(self, name: str, target: ModuleType, own: dict[str, Any] | None = None) -> None:
        super().__init__(name, target.__doc__)
        self.__dict__.update(own or {})
        self.__dict__["_target"] = target

    def __getattr__(self, name: str) -> Any:
        target = self.__dict__["_target"]
        if name == "__all__":
            return public_names(target)
        child = submodule(target, name)
        if child is not None:
            return importlib.import_module(f"{self.__name__}.{name}")
        value = getattr(target, name, _MISSING)
        if value is _MISSING or isinstance(value, ModuleType):  # a module that is not the target's: its `import torch`
            self._refuse(name)
        return value

    def advice(self, name: str) -> str:
        """Returns what to write instead of a name that is not there, where that is known."""
        return ""

    def _refuse(self, name: str) -> NoReturn:
        raise AttributeError(missing(self, name))

    def __dir__(self) -> list[str]:
        own = (key for key in self.__dict__ if not key.startswith("_") or key == "__version__")
        return sorted({*own, *public_names(self.__dict__["_target"])})

    def __repr__(self) -> str:
        return f"<module {self.__name__!r} {provider()}>"


_MISSING = object()


def provider() -> str:
    """Returns the words that tell a stand-in from the real module.

    Example:
        >>> provider()
        'provided by torchkeras_shim ... on PyTorch'
    """
    return f"provided by {PACKAGE} {torchkeras_shim.__version__} on PyTorch"


def missing(module: ModuleType, name: str) -> str:
    """Returns the message for a name that a stand-in does not have."""
    text = f"module {module.__name__!r} ({provider()}) has no attribute {name!r}."
    if isinstance(module, StandIn) and module.advice(name):
        return f"{text} {module.advice(name)}"
    if module.__dict__.get("_target") is torchkeras_shim and name in torchkeras_shim.NOT_YET:
        return f"{text} Keras has it, this version of torchkeras_shim does not yet."
    return text + did_you_mean(name, dir(module))


def public_names(target: ModuleType) -> list[str]:
    """Returns what `from target import *` would take."""
    listed = getattr(target, "__all__", None)
    if listed is not None:
        return list(listed)
    return [name for name in dir(target) if not name.startswith("_")]


def submodule(target: ModuleType, name: str) -> ModuleType | None:
    """Returns a public module inside a module of this library, or `None`: files that hold the code are not public."""
    value = getattr(target, name, None)
    inside = isinstance(value, ModuleType) and value.__name__.startswith(f"{PACKAGE}.")
    return value if inside and name in public_names(target) else None


# tf.keras.losses and tf.keras.metrics kept these names, which Keras 3 dropped from its own.
_OF_TF_KERAS = {
    "KLD": "kl_divergence",
    "MAE": "mean_absolute_error",
    "MAPE": "mean_absolute_percentage_error",
    "MSE": "mean_squared_error",
    "MSLE": "mean_squared_logarithmic_error",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}


def _own_names(root: str, target: ModuleType) -> dict[str, Any] | None:
    if target is torchkeras_shim:
        return {"__version__": KERAS_VERSION, "version": _version}
    if root == "tensorflow" and target.__name__ in (f"{PACKAGE}.losses", f"{PACKAGE}.metrics"):
        losses = torchkeras_shim.losses
        return {alias: getattr(losses, name) for alias, name in _OF_TF_KERAS.items()}
    return None


def build(name: str) -> StandIn | None:
    """Returns a new stand-in for a module name, or `None` where this library has no such module."""
    root, _, rest = name.partition(".")
    if root == "tensorflow":
        head, _, below = rest.partition(".")
        if head != "keras":
            return importlib.import_module(f"{PACKAGE}.compat.tf.module").build(rest)  # type: ignore[no-any-return]
        rest = below
    target = torchkeras_shim
    for part in rest.split(".") if rest else ():
        child = submodule(target, part)
        if child is None:
            return None
        target = child
    return StandIn(name, target, _own_names(root, target))


def _version() -> str:
    return KERAS_VERSION
