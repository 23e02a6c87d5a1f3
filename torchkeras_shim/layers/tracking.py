"""Lists, dicts, sets and tuples of layers as attributes: torch tracks none of them, so assignment wraps them."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch

from torchkeras_shim.core.variable import Variable


class Container(torch.nn.Module):
    """Holds the layers and weights of a tracked list or the like, so that torch walks them under the attribute's name.

    Metrics among the members become attributes, where metrics are looked for in every module.
    """

    def sync(self, collection: Any, around: tuple[Any, ...] = ()) -> bool:
        """Takes over the present members. Returns whether there are any.

        Args:
            collection: The collection that has them.
            around: The collections that it is in: one of them may be in it again.
        """
        around = (*around, collection)
        self._modules.clear()
        self._parameters.clear()
        self._buffers.clear()
        for key in self.__dict__.pop("_metric_keys", ()):
            self.__dict__.pop(key, None)
        metrics = self.__dict__["_metric_keys"] = []
        for key, value in members(collection).items():
            if isinstance(value, torch.nn.Module):
                self._modules[key] = value
            elif isinstance(value, (Tracked, *COLLECTIONS)):
                inner = Container()
                if not any(value is one for one in around) and inner.sync(value, around):
                    self._modules[key] = inner
            elif isinstance(value, Variable) and not value._trainable:
                self.register_buffer(key, value)
            elif isinstance(value, torch.nn.Parameter):
                self._parameters[key] = value
            elif hasattr(value, "update_state"):
                metrics.append(f"_metric_{key}")
                self.__dict__[metrics[-1]] = value
        return bool(self._modules or self._parameters or self._buffers or metrics)


def members(value: Any) -> dict[str, Any]:
    """Returns the members of a collection under the keys that torch shows in `state_dict`."""
    if isinstance(value, dict):
        return {str(key).replace(".", "_"): item for key, item in value.items()}
    if isinstance(value, (set, frozenset)):  # in no order of their own; a file of weights needs one
        value = sorted(value, key=_creation)
    return {str(index): item for index, item in enumerate(value)}


def _creation(item: Any) -> tuple[str, int, str]:
    """Sorts layers by their names, the counter at the end as a number."""
    name = str(getattr(item, "name", item if isinstance(item, (str, int, float)) else type(item).__name__))
    stem = name.rstrip("0123456789")
    return stem, int(name[len(stem) :] or 0), name


class Tracked:
    """The part that all tracked collections share: every change is reported to the owner."""

    _on_change: Callable[[], None] | None = None

    def _changed(self) -> None:
        if self._on_change is not None:
            self._wrap_members()
            self._on_change()

    def _wrap_members(self) -> None:
        """Has collections that came in report to the owner too."""


class _TrackedMapping(Tracked):
    """What the tracked kinds of dict share."""

    def _wrap_members(self) -> None:
        table: Any = self
        for key, item in table.items():
            wrapped = track(item, self._on_change)
            if wrapped is not item:
                dict.__setitem__(table, key, wrapped)


class TrackedList(Tracked, list):  # type: ignore[type-arg]
    """A list whose layers and weights belong to the layer that it is an attribute of."""

    def _wrap_members(self) -> None:
        for index, item in enumerate(self):
            wrapped = track(item, self._on_change)
            if wrapped is not item:
                list.__setitem__(self, index, wrapped)

    def __reduce__(self) -> Any:
        return list, (list(self),)


class TrackedDict(_TrackedMapping, dict):  # type: ignore[type-arg]
    """A dict whose layers and weights belong to the layer that it is an attribute of."""

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


class TrackedOrderedDict(_TrackedMapping, collections.OrderedDict):  # type: ignore[type-arg]
    """An `OrderedDict` whose layers and weights belong to the layer that it is an attribute of."""

    def __reduce__(self) -> Any:
        return collections.OrderedDict, (dict(self),)


class TrackedDefaultDict(_TrackedMapping, collections.defaultdict):  # type: ignore[type-arg]
    """A `defaultdict` whose layers and weights belong to the layer that it is an attribute of."""

    def __missing__(self, key: Any) -> Any:
        super().__missing__(key)
        return self[key]  # the wrapped default, which reports what is put into it

    def __reduce__(self) -> Any:
        return collections.defaultdict, (self.default_factory, dict(self))


class TrackedSet(Tracked, set):  # type: ignore[type-arg]
    """A set whose layers and weights belong to the layer that it is an attribute of."""

    def __reduce__(self) -> Any:
        return set, (list(self),)


def _matters(item: Any) -> bool:
    return isinstance(item, (torch.nn.Module, torch.Tensor, *COLLECTIONS)) or hasattr(item, "update_state")


def _reporting(base: type, names: Iterable[str]) -> dict[str, Any]:
    """Returns the named methods of `base`, each followed by a report to the owner."""

    def wrap(name: str) -> Callable[..., Any]:
        original = getattr(base, name)
        adds = name in ("append", "add")

        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(self, *args, **kwargs)
            if not adds or _matters(args[0]):  # a list of plain numbers may grow long
                self._changed()
            return result

        method.__name__ = name
        method.__doc__ = original.__doc__
        return method

    return {name: wrap(name) for name in names}


_DICT_CHANGES = ("__setitem__", "__delitem__", "pop", "popitem", "clear", "update", "setdefault", "__ior__")
_LIST_CHANGES = ("append", "extend", "insert", "pop", "remove", "clear", "reverse", "sort")
_SET_CHANGES = ("add", "discard", "remove", "pop", "clear", "update", "difference_update", "intersection_update")
_IN_PLACE = ("__ior__", "__iand__", "__isub__", "__ixor__", "symmetric_difference_update")
_KINDS: tuple[tuple[type, type, tuple[str, ...]], ...] = (
    (list, TrackedList, (*_LIST_CHANGES, "__setitem__", "__delitem__", "__iadd__", "__imul__")),
    (dict, TrackedDict, _DICT_CHANGES),
    (collections.OrderedDict, TrackedOrderedDict, (*_DICT_CHANGES, "move_to_end")),
    (collections.defaultdict, TrackedDefaultDict, _DICT_CHANGES),
    (set, TrackedSet, (*_SET_CHANGES, *_IN_PLACE)),
)
for _base, _class, _names in _KINDS:
    for _name, _method in _reporting(_base, _names).items():
        setattr(_class, _name, _method)
#: What can hold layers without being one, and what each kind of it is wrapped in.
COLLECTIONS = (list, tuple, dict, set, frozenset, collections.deque)
_WRAPPERS: dict[type, type] = {kind: wrapper for base, wrapper, _ in _KINDS for kind in (base, wrapper)}


def track(value: Any, on_change: Callable[[], None] | None, known: dict[int, Any] | None = None) -> Any:
    """Wraps plain collections, and those in them, so that `on_change` hears of their changes.

    Anything else is returned as it is: a tuple too, unless there is a list or the like in it.

    Args:
        value: The value.
        on_change: What is to hear of changes.
        known: The wrappers by the `id` of what they wrap, while a collection that may hold itself is wrapped.
    """
    kind = type(value)
    known = {} if known is None else known
    if id(value) in known:
        return known[id(value)]
    if isinstance(value, tuple):
        wrapped = [track(item, on_change, known) for item in value]
        if all(new is old for new, old in zip(wrapped, value, strict=True)):
            return value
        return kind._make(wrapped) if hasattr(kind, "_make") else kind(wrapped)
    wrapper: Any = _WRAPPERS.get(kind)
    if wrapper is None or (kind is wrapper and value._on_change is on_change):
        return value
    new: Any = wrapper(value.default_factory) if wrapper is TrackedDefaultDict else wrapper()
    known[id(value)] = new
    if issubclass(wrapper, dict):
        new.update({key: track(item, on_change, known) for key, item in value.items()})
    elif wrapper is TrackedList:
        new.extend([track(item, on_change, known) for item in value])
    else:
        new.update(value)
    new._on_change = on_change
    return new


def attributes_of(module: torch.nn.Module) -> Iterator[Any]:
    """Returns a module's attributes that are not modules, and those in its lists and dicts."""
    for value in module.__dict__.values():
        if isinstance(value, dict):
            yield from value.values()
        elif isinstance(value, (list, tuple)):
            yield from value
        else:
            yield value
