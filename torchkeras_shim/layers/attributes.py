"""What happens when an attribute of a layer is set: layers and weights in it become the layer's own."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.sharded import is_made_in_parts
from torchkeras_shim.core.turns import settle
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.layers import calling, put_in, tracking
from torchkeras_shim.layers.weights import HasWeights, StructureVersion

_MODULE_METHODS = frozenset(
    name for name in dir(torch.nn.Module) if not name.startswith("_") and callable(getattr(torch.nn.Module, name))
)


class HasAttributes(HasWeights):
    """Tracks what is assigned: modules, weights, and collections of them however deep. One part of `Layer`."""

    _tracked_names: set[str]

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, tracking.COLLECTIONS) and not isinstance(getattr(type(self), name, None), property):
            self._track(name, value)
            return
        if name in self.__dict__.get("_tracked_names", ()):
            self._untrack(name)
        if isinstance(value, (torch.nn.Module, torch.nn.Parameter, Variable)):
            _refuse_in_call(self, name, [value])
        if isinstance(value, Variable) and (type(value) is Variable or is_made_in_parts(value)):
            self._register_variable(name, value)
            return
        if isinstance(value, torch.nn.Module):
            if "_modules" not in self.__dict__:
                raise RuntimeError(
                    f"In layer '{type(self).__name__}', you forgot to call `super().__init__()` as the first statement "
                    "in the `__init__()` method. Go add it!"
                )
            _refuse_reserved(self, name, value)
            if value.training is not self.training:
                settle(value, self.training or None)  # torch modules are born in training mode; the container decides
            StructureVersion.bump()
        super().__setattr__(name, value)
        if name == "call":
            put_in.put_in(self, value)
            StructureVersion.bump()

    def __delattr__(self, name: str) -> None:
        if name == "call" and "call" in self.__dict__:
            put_in.take_out(self)
            StructureVersion.bump()
        elif name in self.__dict__.get("_tracked_names", ()):
            self._untrack(name)
        else:
            super().__delattr__(name)

    def _track(self, name: str, value: Any) -> None:
        """Sets a collection as an attribute whose layers and weights torch is to know, later changes included."""

        def on_change() -> None:
            container = tracking.Container()
            present = container.sync(self.__dict__[name])
            if not present and not isinstance(self._modules.get(name), tracking.Container):
                return  # plain values, as before
            if present:
                _refuse_reserved(self, name, container)
                _refuse_in_call(self, name, [*container.modules(), *container.parameters()])
                settle(container, self.training or None)
                self._modules[name] = container
            else:
                del self._modules[name]
            StructureVersion.bump()

        value = tracking.track(value, on_change)
        if "_modules" not in self.__dict__:
            self.__dict__[name] = value
            return
        for table in (self._parameters, self._buffers):
            table.pop(name, None)
        if name in self._modules and name not in self._tracked_names:
            del self._modules[name]
        self.__dict__[name] = value
        self._tracked_names.add(name)
        on_change()

    def _untrack(self, name: str) -> None:
        """Takes a collection that was an attribute away, with the layers in it."""
        self._tracked_names.discard(name)
        self.__dict__.pop(name, None)
        if self._modules.pop(name, None) is not None:
            StructureVersion.bump()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restores a copy or a pickled layer; its lists and dicts report to it, not to the original."""
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        for name in list(self._tracked_names):
            if name in self.__dict__:
                self._track(name, self.__dict__[name])


def _refuse_reserved(layer: HasAttributes, name: str, value: Any) -> None:
    if name in _MODULE_METHODS and not isinstance(getattr(type(layer), name, None), property):
        raise ValueError(
            f"Layer '{layer.name}': the attribute name '{name}' belongs to a method of torch.nn.Module, which "
            f"`self.{name} = {type(value).__name__}(...)` would hide. Use another name, such as `self.{name}_`."
        )


def _refuse_in_call(layer: HasAttributes, name: str, values: list[Any]) -> None:
    """Refuses state that a call creates: every call would make it again, and no optimizer would know of it."""
    if not calling.is_running(layer):
        return
    known = {id(module) for module in layer.modules()} | {id(weight) for weight in layer.weights}
    for value in values:
        if id(value) in known or isinstance(value, tracking.Container):
            continue
        kind = "layers" if isinstance(value, torch.nn.Module) else "weights"
        what = getattr(value, "name", None) or type(value).__name__
        create = "layers.Dense(...)" if kind == "layers" else "self.add_weight(...)"
        raise ValueError(
            "You cannot add new elements of state (variables or sub-layers) to a layer that is already built: the "
            f"`call()` of layer '{layer.name}' ({type(layer).__name__}) set the attribute `{name}` to new {kind} "
            f"({what}). They would be made again by every call, and never trained. Create them in `__init__()` or "
            "`build()`, and only use them in `call()`:\n"
            f"    def __init__(self):\n        super().__init__()\n        self.{name} = {create}"
        )
