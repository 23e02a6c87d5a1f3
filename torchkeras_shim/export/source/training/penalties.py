"""What training adds to the loss, and what it does to weights: regularizers, and what the loop does not do."""

from __future__ import annotations

from typing import Any

from torch import nn

from torchkeras_shim.export.source.text import number, reference
from torchkeras_shim.export.source.weights import Recording
from torchkeras_shim.layers import ActivityRegularization, Layer
from torchkeras_shim.regularizers import L1, L1L2, L2


def penalties(module: nn.Module, weights: Recording, problems: list[str]) -> list[str]:
    """Returns the regularizers as terms of `model`'s parameters, or notes those that are Python code."""
    terms = []
    for path, parameter in module.named_parameters():
        weight: Any = weights.source(parameter)
        regularizer = getattr(weight, "regularizer", None)
        if regularizer is None or not parameter.requires_grad:
            continue
        if type(regularizer) not in (L1, L2, L1L2):
            problems.append(
                f"Regularizer '{type(regularizer).__name__}' of '{weight.path}' has no plain form. Use `L1`, `L2` or "
                "`L1L2`, or pass `training_loop=False`."
            )
            continue
        first, second = getattr(regularizer, "l1", 0.0), getattr(regularizer, "l2", 0.0)
        terms += [f"{number(first)} * model.{reference(path)}.abs().sum()"] if first else []
        terms += [f"{number(second)} * model.{reference(path)}.square().sum()"] if second else []
    return terms


def unwritten(model: Any, masked_outputs: bool) -> list[str]:
    """Returns what training does besides, and the loop does not."""
    found = []
    if masked_outputs:
        found.append(
            "A mask reaches an output of the model, where Keras lets it weigh the loss. Pass `training_loop=False`, "
            "and weigh the loss by hand."
        )
    for weight in model.trainable_weights:
        if getattr(weight, "constraint", None) is not None:
            found.append(
                f"Constraint '{type(weight.constraint).__name__}' of '{weight.path}' is not applied by the loop. Pass "
                "`training_loop=False`, and apply it after `optimizer.step()` by hand."
            )
    for layer in model.modules():
        own = getattr(layer, "activity_regularizer", None) if isinstance(layer, Layer) else None
        if own is not None or isinstance(layer, ActivityRegularization):
            found.append(
                f"Layer '{layer.name}' adds a penalty on its outputs to the loss, which the loop does not. Pass "
                "`training_loop=False`, and add it by hand."
            )
    return found
