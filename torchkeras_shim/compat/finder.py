"""Hooks the stand-ins into Python's import system."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from torchkeras_shim.compat import stand_ins

ROOTS = ("keras", "tensorflow")
#: What TensorBoard looks for before it takes `tensorflow` for the real one: with it, it uses what it has of its own.
NO_TENSORFLOW = "tensorboard.compat.notf"


class StandInFinder(MetaPathFinder, Loader):
    """Answers every import of `keras`, `tensorflow` and what is below them."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Returns the spec of a stand-in; `None` for the names of others.

        Raises:
            ModuleNotFoundError: If a part of Keras or TensorFlow this library does not have.
        """
        if fullname == NO_TENSORFLOW:
            return ModuleSpec(fullname, self, origin=stand_ins.provider())
        if fullname.partition(".")[0] not in ROOTS:
            return None
        if stand_ins.build(fullname) is None:
            # No `name=`: the import system would replace the text of `from keras import x` by one of its own.
            raise ModuleNotFoundError(_explanation(fullname))
        return ModuleSpec(fullname, self, origin=stand_ins.provider(), is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Returns the stand-in."""
        return ModuleType(spec.name) if spec.name == NO_TENSORFLOW else stand_ins.build(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Does nothing: a stand-in has no code of its own."""


_FINDER = StandInFinder()


def _explanation(fullname: str) -> str:
    parent, _, name = fullname.rpartition(".")
    root, *inside = fullname.split(".")
    if "src" in inside or inside[:1] == ["python"]:
        return (
            f"No module named {fullname!r}: it belongs to the inside of {root}, which is not there, because "
            f"{root} is {stand_ins.provider()}. {stand_ins.public_advice(fullname)}"
        )
    module = sys.modules.get(parent)
    if module is None:
        return f"No module named {fullname!r}: {parent} is {stand_ins.provider()}."
    return f"cannot import {name!r} from {parent!r}: {stand_ins.missing(module, name)}"


def install() -> None:
    """Makes `import keras` and `import tensorflow` mean this library, for the rest of the program.

    Call it before anything imports either of them. Calling it twice changes nothing.

    Raises:
        RuntimeError: If the real Keras or TensorFlow is already imported.

    Example:
        >>> install()  # doctest: +SKIP
        >>> import keras  # doctest: +SKIP
        >>> keras.layers.Dense.__module__  # doctest: +SKIP
        'torchkeras_shim.layers.core.dense'
    """
    for root in ROOTS:
        module = sys.modules.get(root)
        if module is not None and not isinstance(module, stand_ins.StandIn):
            raise RuntimeError(
                f"{root!r} is already imported, from {getattr(module, '__file__', module)}: half a program would use "
                "it and half torchkeras_shim. Call `torchkeras_shim.compat.install()` before the first import of "
                f"{root!r}, or run the script with `python -m torchkeras_shim script.py`."
            )
    if not is_installed():
        sys.meta_path.insert(0, _FINDER)
    stand_ins.begin()


def uninstall() -> None:
    """Undoes `install()`: later imports find the real packages. What a program has imported stays with it.

    Example:
        >>> install()  # doctest: +SKIP
        >>> uninstall()  # doctest: +SKIP
        >>> is_installed()
        False
    """
    if is_installed():
        sys.meta_path.remove(_FINDER)
    for name, module in list(sys.modules.items()):
        if isinstance(module, stand_ins.StandIn) or name == NO_TENSORFLOW:
            del sys.modules[name]
    stand_ins.end()


def is_installed() -> bool:
    """Returns whether imports of `keras` and `tensorflow` come here.

    Example:
        >>> is_installed()
        False
    """
    return _FINDER in sys.meta_path
