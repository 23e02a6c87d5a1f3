"""What a reader who knows torch may stumble over: a comment for a module whose arguments are Keras's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import nn


def of(module: nn.Module) -> str | None:
    """Returns the comment for a module, or `None`."""
    for kinds, says in _NOTES:
        if isinstance(module, kinds):
            return says(module)
    return None


def of_call(function: Any, layer: Any) -> str | None:
    """Returns the comment for the call of a function that a layer is written with, or `None`."""
    if function is not F.pad or getattr(layer, "padding", None) not in ("same", "causal"):
        return None
    if layer.padding == "causal":
        return 'padding="causal": a step sees itself and what was before it.'
    return 'padding="same" in Keras: of an odd number, the greater part goes to the end.'


def _batch_norm(module: Any) -> str | None:
    return (
        "Keras's momentum is 1 - torch's, and its epsilon 1e-3 where torch has 1e-5."
        if module.eps == 1e-3
        else "Keras's momentum is 1 - torch's."
    )


def _epsilon(module: Any) -> str | None:
    return f"Keras's epsilon; torch's default is {nn.LayerNorm(1).eps!r}." if module.eps == 1e-3 else None


def _pooling(module: Any) -> str | None:
    if not module.ceil_mode:
        return None
    return 'padding="same" in Keras: windows may reach over the end, and what lies outside\ndoes not count.'


def _lstm(module: Any) -> str | None:
    return "Keras has one bias where torch has two: the second one stays 0." if module.bias else None


def _gru(module: Any) -> str | None:
    return "Keras's `reset_after=True`. The weights are in torch's order of gates: r, z, n." if module.bias else None


_NOTES: tuple[tuple[Any, Callable[[Any], str | None]], ...] = (
    ((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d), _batch_norm),
    ((nn.LayerNorm, nn.GroupNorm), _epsilon),
    ((nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), _pooling),
    (nn.GRU, _gru),
    ((nn.LSTM, nn.RNN), _lstm),
)
