"""The shapes that a model was built for: noted at its first call, kept in files, built for again without data."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.core import tree
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.text import STRING, StringTensor
from torchkeras_shim.layers import calling


def note(model: Any, args: tuple[Any, ...]) -> None:
    """Has a model remember the shapes of its first call, and which of its inputs are text."""
    if model.__dict__["_build_shape"] is None and args:
        leaves = tree.flatten(args[0])
        if leaves and all(hasattr(leaf, "shape") for leaf in leaves):
            model.__dict__["_build_shape"] = tree.map_structure(lambda leaf: tuple(leaf.shape), args[0])
            if any(isinstance(leaf, StringTensor) for leaf in leaves):
                types = [STRING if isinstance(leaf, StringTensor) else None for leaf in leaves]
                model.__dict__["_build_types"] = types


def build_again(model: Any, config: dict[str, Any]) -> None:
    """Builds a model that is built by being called, by a call without data.

    Args:
        model: The model.
        config: What its `get_build_config()` returned, here or in Keras.
    """
    shapes = config.get("input_shape")
    if shapes is None or all(module.__dict__.get("built", True) for module in model.modules()):
        return
    with calling.scope_of(model):
        _call_symbolically(model, model._as_spec(_as_tuples(shapes)), config.get("input_types"))
    model.__dict__["_build_shape"] = _as_tuples(shapes)
    model.__dict__["built"] = True


def _call_symbolically(model: Any, inputs: Any, types: Any) -> None:
    leaves = tree.flatten(inputs)
    if isinstance(types, list) and len(types) == len(leaves):
        mixed = [_as_text(one) if kind == STRING else one for one, kind in zip(leaves, types, strict=True)]
        model.compute_output_spec(tree.pack_sequence_as(inputs, mixed))
        return
    try:
        model.compute_output_spec(inputs)
    except ValueError:  # files of Keras do not say that inputs are text
        if not any(getattr(module, "_takes_text", False) for module in model.modules()):
            raise
        model.compute_output_spec(tree.map_structure(_as_text, inputs))


def _as_text(spec: KerasTensor) -> KerasTensor:
    return KerasTensor(spec.shape, STRING)


def _as_tuples(shapes: Any) -> Any:
    """Turns the lists of a file into shapes, in any structure."""
    if isinstance(shapes, dict):
        return {key: _as_tuples(value) for key, value in shapes.items()}
    if any(isinstance(item, (list, tuple, dict)) for item in shapes):
        return [_as_tuples(item) for item in shapes]
    return tuple(shapes)
