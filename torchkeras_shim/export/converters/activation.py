"""Activations as torch modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from torchkeras_shim import activations
from torchkeras_shim.export.emitter import Emitter
from torchkeras_shim.export.tracing import is_plain_function, traced_call

#: The module for one of our functions with its default arguments.
_MODULES: dict[Any, Callable[[], nn.Module]] = {
    activations.relu: nn.ReLU,
    activations.relu6: nn.ReLU6,
    activations.leaky_relu: lambda: nn.LeakyReLU(0.2),
    activations.sigmoid: nn.Sigmoid,
    activations.tanh: nn.Tanh,
    activations.softmax: lambda: nn.Softmax(dim=-1),
    activations.log_softmax: lambda: nn.LogSoftmax(dim=-1),
    activations.elu: nn.ELU,
    activations.celu: nn.CELU,
    activations.selu: nn.SELU,
    activations.silu: nn.SiLU,
    activations.gelu: nn.GELU,
    activations.glu: nn.GLU,
    activations.mish: nn.Mish,
    activations.softplus: nn.Softplus,
    activations.softsign: nn.Softsign,
    activations.log_sigmoid: nn.LogSigmoid,
    activations.hard_sigmoid: nn.Hardsigmoid,
    activations.hard_silu: nn.Hardswish,
    activations.hard_tanh: nn.Hardtanh,
    activations.hard_shrink: nn.Hardshrink,
    activations.soft_shrink: nn.Softshrink,
    activations.tanh_shrink: nn.Tanhshrink,
}


def activate(e: Emitter, layer: Any, x: Any, activation: Any, part: str = "_activation") -> Any:
    """Adds an activation function to the graph.

    Args:
        e: Where to.
        layer: The layer that it belongs to.
        x: The node that it is applied to.
        activation: The function, or a torch module.
        part: What its module is called.
    """
    if activation is None or activation is activations.linear:
        return x
    if isinstance(activation, nn.Module):
        return e.module(layer, part, lambda: e.weights.module(activation), x)
    make = _MODULES.get(activation)
    if make is not None:
        return e.module(layer, part, make, x)
    if activation is activations.exponential:
        return e.call(torch.exp, x)
    if is_plain_function(activation):
        return e.call(activation, x)
    spec = e.specs.get(x)
    rank = None if spec is None else len(spec.shape)
    return traced_call(e, layer, activation, x, rank=rank, part=part)
