"""The names of TensorFlow by module: what is there, and why the rest is not."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import Any

from torchkeras_shim import ops
from torchkeras_shim.compat import tf
from torchkeras_shim.compat.tf.api import NAMES, REFUSED
from torchkeras_shim.core.errors import did_you_mean

#: What to write for names that many programs use.
_INSTEAD = {
    "Session": "TensorFlow 1's graphs are not supported: functions run at once. Call the function itself.",
    "placeholder": "TensorFlow 1's graphs are not supported. Write `keras.Input(...)`, or pass the array itself.",
    "global_variables_initializer": "TensorFlow 1's graphs are not supported: variables have their values at once.",
    "contrib": "tf.contrib ended with TensorFlow 1.",
    "estimator": "Estimators ended with TensorFlow 2.15. Write a Keras model and `fit`.",
    "feature_column": "Write `keras.utils.FeatureSpace`, or preprocessing layers.",
    "lite": "Write `model.export(path)`; torch models become files for devices by ExecuTorch.",
    "tpu": "TPUs are not supported.",
    "raw_ops": "Write the public function, such as tf.math.add, or the one of torch.",
    "logging": "Write Python's `logging`.",
    "gfile": "Write `tf.io.gfile`, or Python's `open`.",
    "layers": "Write `tf.keras.layers`.",
    "gradients": "Write `with tf.GradientTape() as tape:`.",
    "enable_eager_execution": "It is not needed: everything runs eagerly.",
}


@functools.cache
def load() -> dict[str, Any]:
    """Imports every part, and returns all names by path."""
    for part in pkgutil.iter_modules(tf.__path__):
        importlib.import_module(f"{tf.__name__}.{part.name}")
    return NAMES


def inside(path: str) -> dict[str, Any]:
    """Returns what a module of TensorFlow has, by name; `MODULE` for a module inside it.

    Args:
        path: The module's path below `tensorflow`; empty for `tensorflow` itself.

    Example:
        >>> "add" in inside("math"), "math" in inside("")
        (True, True)
    """
    prefix = f"{path}." if path else ""
    found: dict[str, Any] = {}
    for name, value in load().items():
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
    return inside(parent).get(name)


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
    if parts[-1] in _INSTEAD:
        return _INSTEAD[parts[-1]]
    if parts[-1] in getattr(ops, "__all__", ()):
        return f"Write `keras.ops.{parts[-1]}(...)`."
    near = did_you_mean(path, load())
    return (
        near.strip().replace("'", "'tf.", 1).replace("or '", "or 'tf.")
        if near
        else "Use the function of torch or of `keras.ops` for it."
    )
