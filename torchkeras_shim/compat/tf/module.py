"""The modules that scripts get for `tensorflow` and what is below it."""

from __future__ import annotations

from typing import Any

import torchkeras_shim
from torchkeras_shim.compat.stand_ins import TENSORFLOW_VERSION, StandIn, change
from torchkeras_shim.compat.tf import grafts, names

#: The modules that have Keras inside them.
_WITH_KERAS = ("", "compat.v1", "compat.v2")


class TensorFlow(StandIn):
    """The stand-in of `tensorflow` or of a module below it.

    Args:
        path: The module's path below `tensorflow`; empty for `tensorflow` itself.
    """

    def __init__(self, path: str = "") -> None:
        own = {} if path else {"__version__": TENSORFLOW_VERSION}
        super().__init__(f"tensorflow.{path}" if path else "tensorflow", torchkeras_shim, own)
        self.__doc__ = "A stand-in: TensorFlow's functions on torch tensors."
        self.__dict__["_path"] = path
        found = names.inside(path, names.load_first())
        self.__dict__.update({name: value for name, value in found.items() if value is not names.MODULE})

    def __getattr__(self, name: str) -> Any:
        path = self.__dict__["_path"]
        if name == "__all__":
            return dir(self)
        if name.startswith("__"):  # what Python's import system asks for
            raise AttributeError(name)
        if name == "keras" and path in _WITH_KERAS:
            return self.child("keras")
        value = names.find(f"{path}.{name}" if path else name)
        if value is names.MODULE:
            return self.child(name)
        if value is None and name not in names.inside(path):
            self._refuse(name)
        self.__dict__[name] = value
        return value

    def __dir__(self) -> list[str]:
        path = self.__dict__["_path"]
        return sorted(
            [*names.inside(path), *(("keras",) if path in _WITH_KERAS else ()), *(() if path else ("__version__",))]
        )

    def advice(self, name: str) -> str:
        """Returns what to write instead of a name that is not there."""
        path = self.__dict__["_path"]
        return names.advice(f"{path}.{name}" if path else name)


def build(path: str) -> TensorFlow | None:
    """Returns a new stand-in, or `None` if TensorFlow's module is not there; the first one changes torch's tensors."""
    if path and names.MODULE is not names.find(path):
        return None
    change_tensors()
    return TensorFlow(path)


def change_tensors() -> None:
    """Has torch's tensors do what TensorFlow's did, `x *= y` without a change of `x`, until `uninstall()`."""
    change(grafts.install, grafts.remove)
