"""`tf.compat`, `tf.autograph`, `tf.get_logger` and `tf.version`: what scripts say to TensorFlow itself."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

from torchkeras_shim.compat.stand_ins import TENSORFLOW_VERSION
from torchkeras_shim.compat.tf.api import NAMES, public

NAMES["version.VERSION"] = TENSORFLOW_VERSION
NAMES["version.GIT_VERSION"] = TENSORFLOW_VERSION


@public("compat.as_bytes")
def as_bytes(bytes_or_text: Any, encoding: str = "utf-8") -> bytes:
    """Returns text as bytes."""
    return bytes_or_text.encode(encoding) if isinstance(bytes_or_text, str) else bytes(bytes_or_text)


@public("compat.as_text", "compat.as_str")
def as_text(bytes_or_text: Any, encoding: str = "utf-8") -> str:
    """Returns bytes as text."""
    return bytes_or_text if isinstance(bytes_or_text, str) else bytes(bytes_or_text).decode(encoding)


@public("compat.as_str_any")
def as_str_any(value: Any, encoding: str = "utf-8") -> str:
    """Returns anything as text."""
    return as_text(value, encoding) if isinstance(value, (str, bytes)) else str(value)


@public("compat.path_to_str")
def path_to_str(path: Any) -> Any:
    """Returns a path as text."""
    return os.fspath(path) if hasattr(path, "__fspath__") else path


@public("get_logger")
def get_logger() -> logging.Logger:
    """Returns the logger named "tensorflow"."""
    return logging.getLogger("tensorflow")


for _level in ("DEBUG", "INFO", "WARN", "ERROR", "FATAL"):
    NAMES[f"compat.v1.logging.{_level}"] = getattr(logging, _level)


@public("compat.v1.logging.set_verbosity")
def set_verbosity(v: Any) -> None:
    """Sets the level of the logger named "tensorflow"."""
    get_logger().setLevel(v)


@public("compat.v1.logging.get_verbosity")
def get_verbosity() -> int:
    """Returns the level of the logger named "tensorflow"."""
    return get_logger().getEffectiveLevel()


for _name in ("debug", "info", "warning", "warn", "error", "fatal"):
    NAMES[f"compat.v1.logging.{_name}"] = getattr(get_logger(), "warning" if _name == "warn" else _name)


@public("autograph.set_verbosity")
def _quiet(level: int = 0, alsologtostdout: bool = False) -> None:
    """Accepted: functions are not rewritten, so that there is nothing to tell."""


@public("autograph.experimental.do_not_convert")
def do_not_convert(func: Callable[..., Any] | None = None) -> Any:
    """Returns the function: none is rewritten."""
    return func if func is not None else (lambda function: function)


@public("autograph.experimental.set_loop_options")
def set_loop_options(**_: Any) -> None:
    """Accepted: loops are Python's."""


@public("compat.v1.enable_eager_execution", "compat.v1.enable_v2_behavior", "enable_eager_execution")
def enable_eager_execution(*_: Any, **__: Any) -> None:
    """Does nothing: everything runs eagerly."""
