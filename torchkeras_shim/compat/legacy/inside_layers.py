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


class Equation:
    """An equation for `einsum` that `MultiHeadAttention` of Keras computes by; ours multiplies matrices.

    Args:
        combines: Whether it is that of scores and values, instead of that of keys and queries.
    """

    is_alias = True

    def __init__(self, combines: bool) -> None:
        self._combines = combines

    def __get__(self, layer: Any, owner: type) -> Any:
        if layer is None:
            return self
        attended = layer._attention_axes
        if attended is None or not layer.built:
            raise AttributeError("MultiHeadAttention has no equations before it is built.")
        places = "abcdefghijk"[: len(layer._build_shape) - 1]
        sources = "".join(letter.upper() if axis in attended else letter for axis, letter in enumerate(places))
        others = "".join(letter for axis, letter in enumerate(places) if axis not in attended)
        scores = others + "x" + "".join(places[axis] for axis in attended) + "".join(sources[axis] for axis in attended)
        if self._combines:
            return f"{scores},{sources}xy->{places}xy"
        return f"{sources}xy,{places}xy->{scores}"


#: What `MultiHeadAttention` has.
ATTENTION: dict[str, Any] = {
    "_combine_equation": Equation(True),
    "_dot_product_equation": Equation(False),
    "_inverse_sqrt_key_dim": property(lambda layer: 1.0 / layer.key_dim**0.5),
    "_key_dim": property(lambda layer: layer.key_dim),
    "_num_heads": property(lambda layer: layer.num_heads),
    "_value_dim": property(lambda layer: layer.value_dim),
}
#: What functional models have: their inputs and outputs in the structure that they were given in.
FUNCTIONAL: dict[str, Any] = {
    "_inputs_struct": property(lambda model: model.input),
    "_outputs_struct": property(lambda model: model.output),
}
#: What layers have.
LAYER: dict[str, Any] = {"_flatten_layers": flatten, "_layers": DirectLayers()}
