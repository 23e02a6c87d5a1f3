"""What packages ask of the inside of layers: the layers in them."""

from __future__ import annotations

from collections import deque
from typing import Any

from torchkeras_shim.layers import Layer
from torchkeras_shim.layers.tracking import Container


def direct(layer: Any) -> list[Layer]:
    """Returns the layers that are attributes of one, or in lists and the like that are.

    Args:
        layer: A layer or model.
    """
    found: dict[int, Layer] = {}
    waiting = deque(layer._modules.values())
    while waiting:
        module = waiting.popleft()
        if isinstance(module, Layer):
            found.setdefault(id(module), module)
        elif isinstance(module, Container):
            waiting.extend(module._modules.values())
    return list(found.values())


def flatten(self: Layer, include_self: bool = True, recursive: bool = True) -> list[Layer]:
    """Returns a layer and the layers in it, those nearest to it first.

    Args:
        self: The layer.
        include_self: Whether it is among them.
        recursive: Whether those in the layers in it are, too.
    """
    found: dict[int, Layer] = {id(self): self}
    waiting = deque([self])
    while waiting:
        for layer in direct(waiting.popleft()):
            if id(layer) not in found:
                found[id(layer)] = layer
                if recursive:
                    waiting.append(layer)
    return list(found.values())[0 if include_self else 1 :]


class DirectLayers:
    """The attribute `_layers`; unlike a property, it leaves the name to a class that sets one of its own."""

    def __get__(self, layer: Layer | None, owner: type) -> Any:
        return self if layer is None else direct(layer)


#: What layers have.
LAYER: dict[str, Any] = {"_flatten_layers": flatten, "_layers": DirectLayers()}
