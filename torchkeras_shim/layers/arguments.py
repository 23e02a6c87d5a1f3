"""Checks of numbers that layers are constructed with."""

from __future__ import annotations

import numbers
from typing import Any


def is_integer(value: Any) -> bool:
    """Returns whether a value is an integer, numpy's included: not a bool, and not a float that happens to be whole.

    Example:
        >>> is_integer(3), is_integer(True), is_integer(3.0), is_integer("3")
        (True, False, False, False)
    """
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Returns whether a value is a real number, numpy's included, and not a bool."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def positive_integer(value: Any, name: str) -> int:
    """Returns an argument that must be a positive integer.

    Raises:
        TypeError: If it is not an integer.
        ValueError: If it is not positive.
    """
    if not is_integer(value):
        raise TypeError(f"Expected an integer value for `{name}`, got {type(value)}. Received: {name}={value!r}")
    if value <= 0:
        raise ValueError(f"Argument `{name}` should be a positive integer. Received: {name}={value}")
    return int(value)
