"""Names of layers, models, losses and metrics: snake case, counted per class within one namespace."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_counts: defaultdict[str, int] = defaultdict(int)


def to_snake_case(name: str) -> str:
    """Turns a class name into Keras's default object name.

    Example:
        >>> to_snake_case("GlobalAveragePooling2D")
        'global_average_pooling2d'
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def name_of(function: Any) -> str:
    """Returns Keras's name of a function or a callable object, such as a loss or a metric.

    Example:
        >>> name_of(len)
        'len'
    """
    if hasattr(function, "name"):
        return str(function.name)
    return to_snake_case(getattr(function, "__name__", type(function).__name__))


def uniquify(name: str) -> str:
    """Returns `name`, then `name_1`, `name_2`, ... on later calls with the same name."""
    count = _counts[name]
    _counts[name] += 1
    return name if count == 0 else f"{name}_{count}"


def auto_name(class_name: str) -> str:
    """Returns the next free default name of a class: `dense`, `dense_1`, ..."""
    return uniquify(to_snake_case(class_name))


def get_uid(prefix: str = "") -> int:
    """Returns the next number for a prefix, counted from 1.

    Example:
        >>> get_uid("some_prefix_of_mine")
        1
    """
    _counts[prefix] += 1
    return _counts[prefix]


def reset_uids() -> None:
    """Starts every count over, as `clear_session()` does."""
    _counts.clear()


_scopes = threading.local()


class name_scope:
    """Prefixes the paths of variables that are created inside the `with` block.

    Args:
        name: The prefix.

    Raises:
        ValueError: If the name is not a string, or has a `/` in it.

    Example:
        >>> with name_scope("encoder"):
        ...     scoped("kernel")
        'encoder/kernel'
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or "/" in name:
            raise ValueError(
                f"Argument `name` must be a string and cannot contain character `/`. Received: name={name}. Write one "
                "`with name_scope(...)` for each part."
            )
        self.name = name

    def __enter__(self) -> name_scope:
        _scope_stack().append(self.name)
        return self

    def __exit__(self, *error: object) -> None:
        _scope_stack().pop()


@contextmanager
def layer_scope(name: str) -> Iterator[None]:
    """Prefixes the paths of variables by the name of a layer, in which those of old files have a `/`."""
    stack = _scope_stack()
    stack.append(name)
    try:
        yield
    finally:
        stack.pop()


def scoped(name: str) -> str:
    """Returns the path of a new variable: the open name scopes and its own name.

    Example:
        >>> with name_scope("dense"):
        ...     scoped("kernel")
        'dense/kernel'
    """
    return "/".join([*_scope_stack(), name])


def _scope_stack() -> list[str]:
    if not hasattr(_scopes, "stack"):
        _scopes.stack = []
    stack: list[str] = _scopes.stack
    return stack
