"""Lists and dicts of layers as attributes: torch tracks neither, so they are wrapped when assigned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.core.variable import Variable


class Container(torch.nn.Module):
    """Holds the layers and weights of a tracked list or dict, so that torch walks them under the attribute's name."""

    def sync(self, items: dict[str, Any]) -> bool:
        """Takes over the present members. Returns whether there are any."""
        self._modules.clear()
        self._parameters.clear()
        self._buffers.clear()
        for key, value in items.items():
            if isinstance(value, torch.nn.Module):
                self._modules[key] = value
            elif isinstance(value, (Tracked, list, tuple, dict)):
                inner = Container()
                if inner.sync(members(value)):
                    self._modules[key] = inner
            elif isinstance(value, Variable) and not value.trainable:
                self.register_buffer(key, value)
            elif isinstance(value, torch.nn.Parameter):
                self._parameters[key] = value
        return bool(self._modules or self._parameters or self._buffers)


def members(value: Any) -> dict[str, Any]:
    """Returns the members of a list, tuple or dict under the keys that torch shows in `state_dict`."""
    if isinstance(value, dict):
        return {str(key).replace(".", "_"): item for key, item in value.items()}
    return {str(index): item for index, item in enumerate(value)}


class Tracked:
    """The part that tracked lists and dicts share: every change is reported to the owner."""

    _on_change: Callable[[], None] | None = None

    def _changed(self) -> None:
        if self._on_change is not None:
            self._on_change()


def _reporting(base: type, names: tuple[str, ...]) -> dict[str, Any]:
    """Returns the named methods of `base`, each followed by a report to the owner."""

    def wrap(name: str) -> Callable[..., Any]:
        original = getattr(base, name)

        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(self, *args, **kwargs)
            self._changed()
            return result

        method.__name__ = name
        method.__doc__ = original.__doc__
        return method

    return {name: wrap(name) for name in names}


class TrackedList(Tracked, list):  # type: ignore[type-arg]
    """A list whose layers and weights belong to the layer that it is an attribute of."""

    def __reduce__(self) -> Any:
        return list, (list(self),)


class TrackedDict(Tracked, dict):  # type: ignore[type-arg]
    """A dict whose layers and weights belong to the layer that it is an attribute of."""

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


_LIST_CHANGES = ("append", "extend", "insert", "pop", "remove", "clear", "__setitem__", "__delitem__", "__iadd__")
_DICT_CHANGES = ("__setitem__", "__delitem__", "pop", "popitem", "clear", "update", "setdefault")
for _class, _base, _names in ((TrackedList, list, _LIST_CHANGES), (TrackedDict, dict, _DICT_CHANGES)):
    for _name, _method in _reporting(_base, _names).items():
        setattr(_class, _name, _method)


def track(value: Any, on_change: Callable[[], None]) -> Any:
    """Wraps a plain list or dict so that `on_change` hears of its changes; anything else is returned as it is."""
    wrapped: TrackedList | TrackedDict
    if type(value) in (list, TrackedList):
        wrapped = TrackedList(value)
    elif type(value) in (dict, TrackedDict):
        wrapped = TrackedDict(value)
    else:
        return value
    wrapped._on_change = on_change
    return wrapped
