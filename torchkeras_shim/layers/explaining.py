"""What is added to an error that torch raises inside a layer: which layer, its weights, and what it was given."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.core import tree
from torchkeras_shim.core.errors import AxisError, TensorError
from torchkeras_shim.layers.input_spec import assert_input_compatibility


def explain(layer: Any, args: tuple[Any, ...], error: Exception, name: str | None = None) -> None:
    """Adds the layer, its weights and the input's shape to an error of torch's, or raises Keras's error instead.

    Raises:
        ValueError: If the input does not fit the layer's `input_spec`.
    """
    if getattr(error, "_explained", False) or type(error) not in (RuntimeError, IndexError, TensorError, AxisError):
        return
    name = name or getattr(layer, "name", type(layer).__name__)
    if hasattr(layer, "failing_member"):
        name, layer, args = layer.failing_member(args)
    if args:
        try:
            assert_input_compatibility(getattr(layer, "input_spec", None), args[0], layer)
        except ValueError as incompatible:
            raise incompatible from error
    weights = {name: tuple(parameter.shape) for name, parameter in layer.named_parameters()}
    shapes = tree.map_structure(lambda leaf: tuple(leaf.shape) if hasattr(leaf, "shape") else leaf, list(args))
    error.args = (
        f"{error}\n\nThis came up in layer '{name}' ({type(layer).__name__}) for inputs of shape "
        f"{shapes[0] if len(shapes) == 1 else shapes}. Its weights: {weights or 'none'}."
        f"{_convention_hint(layer, args)}",
    )
    error._explained = True  # type: ignore[attr-defined]


def _convention_hint(layer: Any, args: tuple[Any, ...]) -> str:
    """Recognises images that a Keras layer made channels-last and a torch convolution reads channels-first."""
    wanted = getattr(layer, "in_channels", None)
    shape = tuple(getattr(args[0], "shape", ())) if args else ()
    if wanted is None or len(shape) < 3 or shape[-1] != wanted or shape[1] == wanted:
        return ""
    rank = len(shape) - 2
    order = ", ".join(map(str, (rank + 1, *range(1, rank + 1))))
    return (
        f" The data are channels-last, as Keras layers make them; {type(layer).__name__} reads channels-first. "
        f"Put `keras.layers.Permute(({order}))` before it, or give the Keras layers data_format='channels_first'."
    )
