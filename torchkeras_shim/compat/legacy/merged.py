"""`Merge` of Keras 1 in front of a `Sequential`: such a stack is a functional model."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from torchkeras_shim.core.tables import PUBLIC_NAMES
from torchkeras_shim.models import Functional, Model, Sequential


def branches(models: Iterable[Model], layer: Any) -> Model:
    """Returns the model that runs several models on inputs of their own and merges their outputs.

    Args:
        models: The models.
        layer: The layer that merges.
    """
    models = list(models)
    inputs = {
        id(tensor): tensor for model in models for tensor in _flat(model.input)
    }  # each once, however often it is used
    merged = Model(list(inputs.values()), layer([model.output for model in models]))
    merged.__dict__["_is_merge"] = True
    return merged


def _flat(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]


class Stack(Functional):
    """A `Sequential` that began with a `Merge`."""

    def add(self, layer: Any) -> None:
        """Appends a layer."""
        Functional.__init__(self, self.inputs, layer(self.output), name=self.name)


PUBLIC_NAMES[Stack] = PUBLIC_NAMES[Functional]  # what files call it


def adding(add: Callable[..., None]) -> Callable[..., None]:
    """Returns the `add` of a `Sequential` that may begin with a `Merge`."""

    @functools.wraps(add)
    def added(self: Sequential, layer: Any, *args: Any, **kwargs: Any) -> None:
        if isinstance(layer, Model) and layer.__dict__.get("_is_merge") and not self._modules:
            name = self.name
            self.__class__ = Stack  # type: ignore[assignment]
            Functional.__init__(self, layer.inputs, layer.output, name=name)
        else:
            add(self, layer, *args, **kwargs)

    return added


def initialized(init: Callable[..., None]) -> Callable[..., None]:
    """Returns the `__init__` of a `Sequential` that may begin with a `Merge`."""

    @functools.wraps(init)
    def made(self: Sequential, layers: Any = None, *args: Any, **kwargs: Any) -> None:
        first = layers[0] if isinstance(layers, (list, tuple)) and layers else None
        if not (isinstance(first, Model) and first.__dict__.get("_is_merge")):
            init(self, layers, *args, **kwargs)
            return
        init(self, None, *args, **kwargs)
        for layer in layers:
            self.add(layer)

    return made
