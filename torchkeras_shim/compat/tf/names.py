"""The names of TensorFlow by module: what is there, and why the rest is not."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import Any

from torchkeras_shim.compat import tf
from torchkeras_shim.compat.tf.api import NAMES, REFUSED
from torchkeras_shim.core.errors import did_you_mean

#: The parts that need nothing of Keras and are there at once: they take 50 ms. The others are imported when a name is
#: asked for that these do not have.
_FIRST = (
    "tensors",
    "math",
    "reductions",
    "ranking",
    "creation",
    "arrays",
    "picking",
    "linalg",
    "random",
    "variable",
    "trackable",
    "tape",
    "function",
    "control_flow",
    "printing",
    "debugging",
    "errors",
    "versions",
    "ragged",
    "ragged_functions",
)


@functools.cache
def load_first() -> dict[str, Any]:
    """Imports the parts that nearly every program uses, and returns their names by path."""
    for part in _FIRST:
        importlib.import_module(f"{tf.__name__}.{part}")
    return NAMES


@functools.cache
def load() -> dict[str, Any]:
    """Imports every part, and returns all names by path."""
    for part in pkgutil.iter_modules(tf.__path__):
        importlib.import_module(f"{tf.__name__}.{part.name}")
    refused = tuple(f"{path}." for path in REFUSED)
    for version in ("compat.v1", "compat.v2"):
        for path, value in list(NAMES.items()):
            old = f"{version}.{path}"
            if not path.startswith("compat.") and old not in NAMES and not f"{old}.".startswith(refused):
                NAMES[old] = value
    return NAMES


def inside(path: str, names: dict[str, Any] | None = None) -> dict[str, Any]:
    """Returns what a module of TensorFlow has, by name; `MODULE` for a module inside it.

    Args:
        path: The module's path below `tensorflow`; empty for `tensorflow` itself.
        names: The names to look among, all by default.

    Example:
        >>> "add" in inside("math"), "math" in inside("")
        (True, True)
    """
    prefix = f"{path}." if path else ""
    found: dict[str, Any] = {}
    for name, value in (load() if names is None else names).items():
        if name.startswith(prefix):
            head, _, rest = name[len(prefix) :].partition(".")
            if not rest:
                found[head] = value
            else:
                found.setdefault(head, MODULE)
    return found


#: Stands for a module in the answers of `inside` and `find`.
MODULE = object()


def find(path: str) -> Any:
    """Returns what a path leads to, `MODULE` for a module, or `None`."""
    parent, _, name = path.rpartition(".")
    found = inside(parent, load_first()).get(name)
    return inside(parent).get(name) if found is None else found


def advice(path: str) -> str:
    """Returns what to write instead of a name that is not there.

    Example:
        >>> advice("math.ad")
        "Did you mean 'tf.math.add' or 'tf.math.add_n' ...?"
    """
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        reason = REFUSED.get(".".join(parts[:end]))
        if reason:
            return reason
    ops = importlib.import_module("torchkeras_shim.ops")
    if parts[-1] in ops.__all__:
        return f"Write `keras.ops.{parts[-1]}(...)`."
    near = did_you_mean(path, load())
    return (
        near.strip().replace("'", "'tf.", 1).replace("or '", "or 'tf.")
        if near
        else "Use the function of torch or of `keras.ops` for it."
    )
