"""Finds the parts that a file needs, and their text."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from typing import Any

from torchkeras_shim.export.source import parts
from torchkeras_shim.export.source.parts import attention, noise, normalization, optimizers, sequences, training

#: All names that a part may have in a file.
PART_NAMES = {
    name
    for module in (attention, noise, normalization, optimizers, sequences, training)
    for name, value in vars(module).items()
    if getattr(value, "__module__", "") == module.__name__
}


def is_part(thing: Any) -> bool:
    """Returns whether a class or function is one of the parts."""
    return str(getattr(thing, "__module__", "")).startswith(f"{parts.__name__}.")


def needed(wanted: Iterable[Callable[..., Any]]) -> list[Callable[..., Any]]:
    """Returns parts with those that they use, the used ones first, each once, in an order that is always the same."""
    found: list[Callable[..., Any]] = []

    def add(part: Callable[..., Any]) -> None:
        module = sys.modules[part.__module__]
        for other in getattr(module, "NEEDS", {}).get(part.__name__, ()):
            add(getattr(module, other))
        if part not in found:
            found.append(part)

    for part in sorted(set(wanted), key=_place):
        add(part)
    return found


@functools.cache
def _place(part: Callable[..., Any]) -> tuple[str, int]:
    return part.__module__, inspect.getsourcelines(part)[1]


@functools.cache
def source(part: Callable[..., Any]) -> list[str]:
    """Returns the lines of a part."""
    return inspect.getsource(part).rstrip().splitlines()
