"""Which layers are written otherwise than `to_torch` makes them: as a class of the file's own, or shorter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchkeras_shim.export.table import find_in

#: As `CONVERTERS`, and asked first when a source file is written.
WRITERS: dict[type, Callable[..., Any]] = {}


def writes(*classes: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enters a function as the writer of some classes of layers: `write(emitter, layer, *args, **kwargs)`."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        WRITERS.update(dict.fromkeys(classes, function))
        return function

    return enter


def find_writer(layer: Any) -> tuple[type, Callable[..., Any]] | None:
    """Returns the class that a layer is written as, and the writer."""
    return find_in(WRITERS, layer)
