"""Which object of a model is kept under which path of a weights file.

Keras addresses objects by attribute name, and the members of a list or dict by a counter per class: never by the names
of the layers, which differ from one run to the next.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import torch

from torchkeras_shim.core import naming
from torchkeras_shim.layers.base import Layer
from torchkeras_shim.optimizers.base import Optimizer


class Entry(NamedTuple):
    """An object with weights of its own.

    Attributes:
        path: Its group in the file; empty for the model itself.
        target: A layer, a raw torch module or an optimizer.
        others: Its other groups: those of other attributes that lead to it. Older writers met one of these first.
    """

    path: str
    target: Any
    others: tuple[str, ...] = ()


def walk(model: Layer, objects_to_skip: Iterable[Any] | None = None) -> list[Entry]:
    """Returns the objects whose weights a file keeps, each once, under the path at which Keras meets it first.

    Args:
        model: The model.
        objects_to_skip: Objects that are left out, with everything in them that is not elsewhere, too.
    """
    walker = _Walker({id(target) for target in objects_to_skip or ()})
    walker.visit(model, "")
    return [Entry(path, target, tuple(walker.others(path))) for path, target in walker.entries]


class _Walker:
    def __init__(self, visited: set[int]) -> None:
        self.entries: list[tuple[str, Any]] = []
        self._visited = visited
        self._paths: dict[int, str] = {}
        self._aliases: dict[str, list[str]] = {}
        self._open: set[int] = set()

    def visit(self, value: Any, path: str) -> None:
        if isinstance(value, (torch.nn.Module, Optimizer)):
            self._visit_object(value, path)
        elif isinstance(value, (list, tuple, dict)) and id(value) not in self._open:
            self._open.add(id(value))  # a list may hold itself
            self._visit_members(value.values() if isinstance(value, dict) else value, path)
            self._open.remove(id(value))

    def _visit_object(self, target: Any, path: str) -> None:
        if id(target) in self._visited:
            if id(target) in self._paths:
                self._aliases.setdefault(self._paths[id(target)], []).append(path)
            return
        self._visited.add(id(target))
        self._paths[id(target)] = path
        self.entries.append((path, target))
        if isinstance(target, Layer):
            for name, child in _attributes(target):
                self.visit(child, f"{path}/{name}" if path else name)
        elif isinstance(target, torch.nn.Module):
            self._visited.update(map(id, target.modules()))  # its state_dict holds all that is inside

    def others(self, path: str) -> Iterator[str]:
        """Yields the other paths of an object: it, or what it is in, is reached by another attribute."""
        head, tail = path, ""
        while head:
            yield from (f"{alias}{tail}" for alias in self._aliases.get(head, ()))
            head, _, last = head.rpartition("/")
            tail = f"/{last}{tail}"

    def _visit_members(self, members: Iterable[Any], path: str) -> None:
        used: dict[str, int] = {}
        for member in members:
            if isinstance(member, (torch.nn.Module, Optimizer)):
                name = naming.to_snake_case(type(member).__name__)
            elif isinstance(member, (list, tuple, dict)):
                name = "container"
            else:
                continue
            count = used.get(name, 0)
            used[name] = count + 1
            self.visit(member, f"{path}/{name}_{count}" if count else f"{path}/{name}")


def _attributes(layer: Layer) -> Iterator[tuple[str, Any]]:
    """Yields a layer's attributes in Keras's order: by name, private ones last; the layers of a graph first."""
    if isinstance(layer, torch.nn.Sequential) or getattr(layer, "_graph", None) is not None:
        yield "layers", layer.layers
    names = [name for name in dir(layer) if not name.startswith("__") and name not in _common_attributes()]
    names = [name for name in names if not getattr(getattr(type(layer), name, None), "is_alias", False)]
    for name in sorted(names, key=lambda name: f"~{name}" if name.startswith("_") else name):
        try:
            value = getattr(layer, name)
        except Exception:  # a property that is not ready yet holds no weights
            continue
        yield name, value


@functools.cache
def _common_attributes() -> frozenset[str]:
    """What every layer has: none of it is a sublayer."""
    return frozenset(dir(Layer(name="layout")))
