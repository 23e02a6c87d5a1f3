"""The layers directly inside a model, by name and by place."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from torchkeras_shim.core.errors import did_you_mean
from torchkeras_shim.layers.tracking import Container


def named(model: torch.nn.Module) -> list[tuple[str, torch.nn.Module]]:
    """Returns the layers and modules with their names, those in lists and dicts too; each once."""
    found: dict[int, tuple[str, torch.nn.Module]] = {}

    def visit(prefix: str, module: torch.nn.Module) -> None:
        for key, child in module.named_children():
            if isinstance(child, (Container, torch.nn.ModuleList, torch.nn.ModuleDict)):
                visit(f"{prefix}{key}_", child)
            else:
                found[id(child)] = (getattr(child, "name", None) or f"{prefix}{key}", child)

    visit("", model)
    return list(found.values())


def found(layers: list[tuple[str, torch.nn.Module]], name: str | None, index: int | None) -> torch.nn.Module:
    """Returns one of several named layers.

    Args:
        layers: The layers with their names.
        name: The name of the one that is wanted.
        index: Its place, instead of the name.

    Raises:
        ValueError: If there is no such layer, or neither or both of name and index are given.
    """
    if index is not None and name is not None:
        raise ValueError(f"Provide only a layer name or a layer index. Received: index={index}, name={name}.")
    if index is not None:
        if index >= len(layers):
            raise ValueError(f"Was asked to retrieve layer at index {index} but model only has {len(layers)} layers.")
        return layers[index][1]
    if name is None:
        raise ValueError("Provide either a layer name or layer index at `get_layer`.")
    for key, layer in layers:
        if key == name:
            return layer
    names = [key for key, _ in layers]
    raise ValueError(f"No such layer: {name}.{did_you_mean(name, names)} Existing layers are: {names}.")


def check_takes_one(layer: Any) -> None:
    """Refuses a layer whose `call` does not take one input, and nothing else that has to be given.

    Raises:
        ValueError: If a stack cannot call the layer.
    """
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(layer.call).parameters.values()
    positional = [parameter for parameter in parameters if parameter.kind in kinds]
    required = [parameter for parameter in positional if parameter.default is inspect.Parameter.empty]
    name = type(layer).__name__
    if not positional and not any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in parameters):
        raise ValueError(
            "Layers added to a Sequential model should have a single positional argument, the input tensor. "
            f"Layer {name} has no positional arguments. Write `def call(self, inputs):`."
        )
    if len(required) > 1:
        raise ValueError(
            "Layers added to a Sequential model can only have a single required positional argument, the input tensor. "
            f"Layer {name} has multiple required positional arguments: {required}. Give all but the first one a "
            "default, or write the model as `Model(inputs, outputs)`."
        )
