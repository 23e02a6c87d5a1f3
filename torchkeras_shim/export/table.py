"""Which function converts which layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: How the layers of a class are written as plain torch: `convert(emitter, layer, *args, **kwargs)`.
CONVERTERS: dict[type, Callable[..., Any]] = {}
#: Classes whose converters read the masks of their inputs; elsewhere a mask is passed on as it is.
READS_MASKS: set[type] = set()


def converts(*classes: type, masks: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enters a function as the converter of some classes of layers.

    Args:
        *classes: The classes.
        masks: Whether the function reads the masks of its inputs, and sets that of its outputs.
    """

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        for cls in classes:
            CONVERTERS[cls] = function
            if masks:
                READS_MASKS.add(cls)
        return function

    return enter


def find(layer: Any) -> tuple[type, Callable[..., Any]] | None:
    """Returns the class that a layer is converted as, and the converter.

    A subclass of the user's is converted as its base, unless it computes something else.
    """
    return find_in(CONVERTERS, layer)


def find_in(table: dict[type, Callable[..., Any]], layer: Any) -> tuple[type, Callable[..., Any]] | None:
    """Returns the class under which a table has a layer, and what it has there."""
    cls: Any = type(layer)
    for base in cls.__mro__:
        if base in table:
            same = all(getattr(cls, name) is getattr(base, name) for name in base._computes_by)
            return (base, table[base]) if same else None
    return None
