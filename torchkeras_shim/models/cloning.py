"""Models again, with new weights."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.core import tree
from torchkeras_shim.core.custom_objects import CustomObjectScope
from torchkeras_shim.core.symbolic import KerasTensor, RecordedFunction
from torchkeras_shim.layers import Input, Lambda
from torchkeras_shim.layers.base import Layer
from torchkeras_shim.models.functional import Functional
from torchkeras_shim.models.graph import takes_graph
from torchkeras_shim.models.model import Model
from torchkeras_shim.models.sequential import Sequential


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
    **kwargs: Any,
) -> Any:
    """Returns a model of the same architecture with newly initialised weights.

    The clone of a compiled `Sequential` or functional model is compiled alike, with its own optimizer and metrics.

    Args:
        model: A `Sequential`, functional or subclassed model.
        input_tensors: Symbolic tensors to build the new model on, in the structure of the model's inputs.
        clone_function: Returns the new layer for a layer; by default one from the layer's config, and for a torch
            module a copy with reset weights.
        call_function: Called as `call_function(new_layer, *args, **kwargs)` in place of the new layer; for functional
            models only.
        recursive: Whether to apply `clone_function` to the layers of nested models too.
        **kwargs: `cache` of Keras 2 is accepted; nothing else is.

    Raises:
        ValueError: If a subclassed model is given with `input_tensors` or `clone_function`.

    Example:
        >>> from torchkeras_shim import layers
        >>> model = Sequential([Input((4,)), layers.Dense(2)])
        >>> clone_model(model).count_params()
        10
    """
    kwargs.pop("cache", None)
    if kwargs:
        raise ValueError(f"Unexpected keyword argument(s): {tuple(kwargs)}")
    make = _once_each(clone_function or _fresh)
    if recursive:
        make = _recursive(make, call_function)
    if isinstance(model, Sequential):
        if call_function is not None:
            raise ValueError(
                f"`call_function` argument is not supported with Sequential models. Received: {call_function}"
            )
        clone: Any = _clone_sequential(model, input_tensors, make)
        clone._compile_like(model)
        return clone
    if getattr(model, "_graph", None) is not None:
        clone = _clone_functional(model, input_tensors, make, call_function)
        clone._compile_like(model)
        return clone
    if input_tensors is not None or clone_function is not None or call_function is not None:
        raise ValueError(
            "Arguments `clone_function`, `call_function` and `input_tensors` are only supported for Sequential models "
            f"or Functional models. Received model of type '{type(model).__name__}'."
        )
    return type(model).from_config(model.get_config())


def _fresh(layer: Any) -> Any:
    if isinstance(layer, Layer):
        known = layer.named_functions() if isinstance(layer, Lambda) else {}  # configs only have their names
        with CustomObjectScope(known):
            return type(layer).from_config(layer.get_config())
    clone = copy.deepcopy(layer)
    for module in clone.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    return clone


def _once_each(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Returns a function that makes one new layer of a layer, however often, and in however many models, it is met."""
    made: dict[int, Any] = {}

    def clone(layer: Any) -> Any:
        if id(layer) not in made:
            made[id(layer)] = make(layer)
        return made[id(layer)]

    return clone


def _recursive(make: Callable[[Any], Any], call_function: Callable[..., Any] | None) -> Callable[[Any], Any]:
    def clone(layer: Any) -> Any:
        if isinstance(layer, (Sequential, Functional)):
            nested_call = None if isinstance(layer, Sequential) else call_function
            return clone_model(layer, clone_function=once, call_function=nested_call)
        return make(layer)

    once = _once_each(clone)
    return once


def _clone_sequential(model: Sequential, input_tensors: Any, make: Callable[[Any], Any]) -> Sequential:
    members: list[Any] = [make(layer) for layer in model.layers]
    if input_tensors is not None:
        given = tree.flatten(input_tensors)
        if len(given) != 1 or not isinstance(given[0], KerasTensor):
            raise ValueError(
                f"Argument `input_tensors` must contain a single tensor, a KerasTensor. Received: {input_tensors}"
            )
        members.insert(0, given[0])
    elif model._explicit_input is not None:
        spec = model._explicit_input
        members.insert(0, Input(batch_shape=spec.shape, dtype=spec.dtype, name=spec.name))
    return type(model)(members, name=model.name)


def _clone_functional(
    model: Model, input_tensors: Any, make: Callable[[Any], Any], call_function: Callable[..., Any] | None
) -> Any:
    graph = model._graph
    assert graph is not None
    if input_tensors is not None:
        starts = tree.flatten(input_tensors)
        fits = len(starts) == len(graph.inputs) and all(isinstance(start, KerasTensor) for start in starts)
        if not fits or isinstance(input_tensors, dict) != isinstance(model.input, dict):
            raise ValueError(
                "`input_tensors` must have the same structure as model.input, with KerasTensors in it. "
                f"Reference structure: {model.input}. Received structure: {input_tensors}"
            )
    else:
        starts = [
            Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=layer.name)
            for tensor, layer in zip(graph.inputs, graph.input_layers, strict=True)
        ]
    new = {id(old): start for old, start in zip(graph.inputs, starts, strict=True)}

    def renew(value: Any) -> Any:
        return new[id(value)] if isinstance(value, KerasTensor) else value

    for node in graph.nodes:
        args = [tree.map_structure(renew, argument) for argument in node.args]
        kwargs = {key: tree.map_structure(renew, value) for key, value in node.kwargs.items()}
        if isinstance(node.operation, RecordedFunction):
            outputs = node.operation.record(args, kwargs)
        else:
            # What has no weights is used again.
            own = make(node.operation) if isinstance(node.operation, torch.nn.Module) else node.operation
            outputs = own(*args, **kwargs) if call_function is None else call_function(own, *args, **kwargs)
        leaves = [leaf for leaf in tree.flatten(outputs) if isinstance(leaf, KerasTensor)]
        new.update({id(old): leaf for old, leaf in zip(node.outputs, leaves, strict=True)})
    inputs = tree.pack_sequence_as(graph.input_structure, starts)
    model_class = type(model) if takes_graph(type(model)) else Functional
    return model_class(inputs, tree.map_structure(renew, graph.output_structure), name=model.name)
