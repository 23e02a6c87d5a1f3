"""Which layers of a model have their weights gathered together, where weights are cut over processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from torchkeras_shim.core.tables import PUBLIC_NAMES
from torchkeras_shim.layers.tracking import Container

#: What only holds modules, each of which is called by itself.
_HOLDERS = (Container, torch.nn.ModuleList, torch.nn.ModuleDict, torch.nn.Sequential)


def units_of(model: torch.nn.Module, chosen: Callable[[torch.nn.Module], bool] | None = None) -> list[torch.nn.Module]:
    """Returns the modules whose weights are gathered together, inner ones first; the model itself takes the rest.

    A weight that is reached from two of them (a shared layer) gets a unit of its own, or belongs to what holds both.

    Args:
        model: The model.
        chosen: Says of a module whether it is one. By default these are the layers of models, and members of lists
            and dicts of layers in classes of the user's own.
    """
    found: list[torch.nn.Module] = []
    if chosen is None:
        _visit(model, found, set())
    else:
        found = [
            module for module in model.modules() if module is not model and chosen(module) and _has_weights(module)
        ]
    while (better := _without_conflict(model, found)) is not None:
        found = better
    return sorted(found, key=lambda module: sum(1 for _ in module.modules()))


def _visit(module: torch.nn.Module, found: list[torch.nn.Module], seen: set[int]) -> None:
    for child in module.children():
        if id(child) in seen:
            continue
        seen.add(id(child))
        if _holds(child):
            _visit(child, found, seen)
            if any(parameter is not None for parameter in child._parameters.values()) and not _is_list(child):
                found.append(child)  # a model with weights of its own
        elif _has_weights(child):
            if type(child) not in PUBLIC_NAMES:  # the library's own layers may compute with the weights of inner ones
                for inner in child.children():
                    if _holds(inner) and id(inner) not in seen:
                        seen.add(id(inner))
                        _visit(inner, found, seen)
            found.append(child)


def _holds(module: torch.nn.Module) -> bool:
    return isinstance(module, _HOLDERS) or getattr(module, "_calls_members", False)


def _is_list(module: torch.nn.Module) -> bool:
    return isinstance(module, (Container, torch.nn.ModuleList, torch.nn.ModuleDict))


def _has_weights(module: torch.nn.Module) -> bool:
    return any(True for _ in module.parameters())


def _without_conflict(model: torch.nn.Module, units: list[torch.nn.Module]) -> list[torch.nn.Module] | None:
    """Returns better units if two of them reach the same weight; `None` if none does."""
    own = set(map(id, units))
    reached: dict[int, torch.nn.Module] = {}
    for unit in (*units, model):
        for module in members_of(unit, own):
            if reached.setdefault(id(module), unit) is not unit and not _is_list(module) and _has_weights(module):
                return [*units, module]  # a shared layer
            for parameter in module._parameters.values():
                other = reached.setdefault(id(parameter), unit)
                if parameter is not None and other is not unit:  # a weight that several layers have
                    return [one for one in units if one is not other and one is not unit]
    return None


def members_of(unit: torch.nn.Module, units: set[int]) -> Iterator[torch.nn.Module]:
    """Yields a unit's modules, without those of other units, which are given by `id`."""
    seen: set[int] = set()

    def visit(module: torch.nn.Module) -> Iterator[torch.nn.Module]:
        seen.add(id(module))
        yield module
        for child in module.children():
            if id(child) not in seen and id(child) not in units:
                yield from visit(child)

    yield from visit(unit)
