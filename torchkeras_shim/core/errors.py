"""Shared parts of error messages: near names, and errors that have no class in Python."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable
from typing import Any


class ConfigError(ValueError, TypeError):
    """A config that nothing can be made of. Keras raises a `TypeError`; what is wrong is the value, from a file."""


class OpError(Exception):
    """What an operation on data raises in TensorFlow: `tf.errors.OpError`."""

    @property
    def message(self) -> str:
        """What it says."""
        return str(self)


class InvalidArgumentError(OpError, ValueError):
    """Data has a form that an operation cannot take: TensorFlow's error of that name, as a `ValueError`."""


class TensorError(InvalidArgumentError, RuntimeError):
    """What torch says of arguments that do not fit: a ValueError, as with Keras, and a RuntimeError, as with torch."""


class AxisError(InvalidArgumentError, IndexError):
    """A tensor does not have an axis: a ValueError, as with Keras, and an IndexError, as with torch."""


class FailedPreconditionError(OpError):
    """Something is not as it must be for an operation: TensorFlow's error of that name."""


class OutOfRangeError(RuntimeError):
    """An iterator has no further element: TensorFlow's error of that name."""


class DataLossError(ValueError):
    """Data is damaged or would be cut: TensorFlow's error of that name, as a `ValueError`."""


def did_you_mean(name: object, known: Iterable[str], limit: int = 3) -> str:
    """Returns `" Did you mean 'x' or 'y'?"`, or an empty string where nothing is near.

    Example:
        >>> did_you_mean("adm", ["adam", "sgd"])
        " Did you mean 'adam'?"
    """
    candidates = sorted(set(known))
    lowered: dict[str, str] = {}
    for candidate in candidates:
        lowered.setdefault(candidate.lower(), candidate)
    matches = difflib.get_close_matches(str(name).lower(), list(lowered), n=limit, cutoff=0.6)
    if not matches:
        return ""
    return " Did you mean " + " or ".join(repr(lowered[match]) for match in matches) + "?"


def check_keywords(where: str, function: Callable[..., Any], kwargs: Iterable[str]) -> None:
    """Raises a TypeError that names the nearest argument for keywords that `function` does not take.

    Args:
        where: How the caller is called in messages, such as `"Model.fit()"`.
        function: The callable whose signature counts.
        kwargs: The keywords that the user gave.

    Raises:
        TypeError: at the first unknown keyword.
    """
    given = list(kwargs)
    if not given:  # 30 µs for the signature of `fit`
        return
    parameters = [name for name in inspect.signature(function).parameters if name not in ("self", "kwargs", "args")]
    for name in given:
        if name not in parameters:
            raise TypeError(
                f"{where} got an unexpected keyword argument '{name}'.{did_you_mean(name, parameters)} "
                f"It accepts: {', '.join(parameters)}."
            )
