"""The modules that scripts get for `keras` and `tensorflow`: views of this library under the names they import."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

import torchkeras_shim
from torchkeras_shim.compat.legacy import inside, modules, refusals
from torchkeras_shim.core.errors import did_you_mean

PACKAGE = torchkeras_shim.__name__

#: What `uninstall()` calls: the ends of what stand-ins have changed outside of themselves.
UNDO: list[Callable[[], None]] = []
_active = False


def begin() -> None:
    """Lets stand-ins change what is outside of themselves, until `end()`."""
    global _active
    _active = True


def end() -> None:
    """Undoes what stand-ins have changed; those that a program still holds change nothing any more."""
    global _active
    _active = False
    while UNDO:
        UNDO.pop()()


def change(install: Callable[[], None], undo: Callable[[], None]) -> None:
    """Makes a change outside of the stand-ins, once, unless they have been uninstalled."""
    if _active and undo not in UNDO:
        install()
        UNDO.append(undo)


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
            return [*public_names(target), *_legacy().of_module(target.__name__.removeprefix(PACKAGE).lstrip("."))]
        path = f"{below_keras(self.__name__) or ''}.{name}".lstrip(".")
        if submodule(target, name) is not None or self._is_module(path, name):
            return self.child(name)
        value = getattr(target, name, _MISSING)
        if name.startswith("__"):
            return value if value is not _MISSING else self._refuse(name)
        place = target.__name__.removeprefix(PACKAGE).lstrip(".")
        if value is _MISSING or isinstance(value, ModuleType):  # a module that is not the target's: its `import torch`
            value = _legacy().find(place, name, _MISSING)
            if value is _MISSING:
                self._refuse(name)
            return value
        return _legacy().replaced(place, name, value)

    def child(self, name: str) -> ModuleType:
        """Returns a module below this one, also after `uninstall()`, when an import would find the real package's."""
        if _active:
            return importlib.import_module(f"{self.__name__}.{name}")
        found = build(f"{self.__name__}.{name}")
        if found is None:
            self._refuse(name)
        self.__dict__[name] = found
        return found

    def _is_module(self, path: str, name: str) -> bool:
        """Returns whether a name leads to a module of an older Keras, or of the inside of today's."""
        known = name in self.__all__ if path.startswith("src.") else modules.today(path) is None
        return not known and _target(path) is not None

    def advice(self, name: str) -> str:
        """Returns what to write instead of a name that is not there, where that is known."""
        return refusals.advice(f"{below_keras(self.__name__) or ''}.{name}".lstrip("."))

    def _refuse(self, name: str) -> NoReturn:
        raise AttributeError(missing(self, name))

    def __dir__(self) -> list[str]:
        own = (key for key in self.__dict__ if not key.startswith("_") or key == "__version__")
        return sorted({*own, *public_names(self.__dict__["_target"])})

    def __repr__(self) -> str:
        return f"<module {self.__name__!r} {provider()}>"


class CallableStandIn(StandIn):
    """`keras.layers.merge`, which was a function in Keras 1 and a module in Keras 2."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _legacy().find("layers", "merge", _MISSING)(*args, **kwargs)


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


def public_advice(name: str) -> str:
    """Returns what to import instead of a module of the inside of Keras.

    Example:
        >>> public_advice("keras.src.layers.core.denser")
        'Import the public name, as in `from keras.layers import Dense`.'
    """
    room, names = inside.nearest((below_keras(name) or "").removeprefix("src."))
    root = name.partition(".src")[0] if ".src" in name else "keras"
    if names:
        return f"Import the public name, as in `from {f'{root}.{room}'.strip('.')} import {names[0]}`."
    return f"Import the public name, as in `from {root} import {room or 'layers'}`."


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


def below_keras(name: str) -> str | None:
    """Returns the part of a module's name below `keras`, or `None` for those of TensorFlow itself.

    Example:
        >>> below_keras("tensorflow.compat.v1.keras.layers"), below_keras("keras"), below_keras("tensorflow.nn")
        ('layers', '', None)
    """
    for root in _KERAS:
        if f"{name}.".startswith(f"{root}."):
            return name[len(root) + 1 :]
    return name.partition(".")[2] if f"{name}.".startswith(_ALIASES) else None


#: TensorFlow's own names of modules of Keras.
_ALIASES = ("tensorflow.losses.", "tensorflow.metrics.", "tensorflow.optimizers.", "tensorflow.initializers.")
#: The names of Keras; the first one that a module's name begins with counts.
_KERAS = (
    *("keras.api", "keras._tf_keras.keras", "keras", "tensorflow.keras", "tensorflow.python.keras"),
    *(f"tensorflow.compat.v{n}.keras" for n in (1, 2)),
)
#: Modules that are only there for what is below them.
_EMPTY = ("tensorflow.python", "keras._tf_keras")


def _legacy() -> ModuleType:
    """Returns the room of the old names; the first call has the classes accept their old habits."""
    grafts = importlib.import_module(f"{PACKAGE}.compat.legacy.grafts")
    change(grafts.install, grafts.remove)
    return importlib.import_module(f"{PACKAGE}.compat.legacy.names")


def build(name: str) -> StandIn | None:
    """Returns a new stand-in for a module name, or `None` where this library has no such module."""
    path = below_keras(name)
    if name in _EMPTY:
        return StandIn(name, modules.NOTHING)
    if path is None:
        rest = name.partition(".")[2]
        return importlib.import_module(f"{PACKAGE}.compat.tf.module").build(rest)  # type: ignore[no-any-return]
    target = _target(path)
    if target is None:
        return None
    own = {"__version__": KERAS_VERSION, "version": _version} if target is torchkeras_shim else {}
    if path.startswith("src."):
        own |= importlib.import_module(f"{PACKAGE}.compat.legacy.inside_names").of(path.removeprefix("src."))
    return (CallableStandIn if path == "layers.merge" else StandIn)(name, target, own)


def _target(path: str) -> ModuleType | None:
    """Returns the module of this library that answers for a path below `keras`."""
    if path == "src":
        return torchkeras_shim
    today = inside.room(path.removeprefix("src.")) if path.startswith("src.") else modules.today(path)
    if today is not None and today.startswith("compat."):
        return importlib.import_module(f"{PACKAGE}.{today}")
    if today is not None and today != path:
        return _target(today)
    target: ModuleType = torchkeras_shim
    for part in path.split(".") if path else ():
        child = submodule(target, part)
        if child is None:
            return None
        target = child
    return target


def _version() -> str:
    return KERAS_VERSION
