"""Which of torch's own functions and modules compute what one of ours computes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from torchkeras_shim.activations.functions import (
    celu,
    elu,
    exponential,
    gelu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    tanh,
    tanh_shrink,
)

#: torch functions that compute, called with a tensor alone, what one of ours computes.
_COUNTERPARTS: dict[Any, Callable[..., Any]] = {
    torch.relu: relu,
    F.relu: relu,
    F.relu6: relu6,
    torch.sigmoid: sigmoid,
    F.sigmoid: sigmoid,
    torch.special.expit: sigmoid,
    torch.tanh: tanh,
    F.tanh: tanh,
    torch.exp: exponential,
    torch.softmax: softmax,
    F.softmax: softmax,
    torch.log_softmax: log_softmax,
    F.log_softmax: log_softmax,
    torch.celu: celu,
    F.celu: celu,
    F.elu: elu,
    torch.selu: selu,
    F.selu: selu,
    F.silu: silu,
    F.gelu: gelu,
    F.glu: glu,
    F.mish: mish,
    F.softplus: softplus,
    F.softsign: softsign,
    F.logsigmoid: log_sigmoid,
    F.hardsigmoid: hard_sigmoid,
    F.hardswish: hard_silu,
    F.hardtanh: hard_tanh,
    F.hardshrink: hard_shrink,
    F.softshrink: soft_shrink,
    F.tanhshrink: tanh_shrink,
}
#: Of these, ours are used in place: torch's need a `dim`, or do not leave the logits for the loss.
REPLACED = (sigmoid, softmax, log_softmax)
_MODULE_COUNTERPARTS: dict[type[nn.Module], Callable[..., Any]] = {
    nn.Identity: linear,
    nn.ReLU: relu,
    nn.ReLU6: relu6,
    nn.Sigmoid: sigmoid,
    nn.Tanh: tanh,
    nn.CELU: celu,
    nn.ELU: elu,
    nn.SELU: selu,
    nn.SiLU: silu,
    nn.GELU: gelu,
    nn.GLU: glu,
    nn.Mish: mish,
    nn.Softplus: softplus,
    nn.Softsign: softsign,
    nn.LogSigmoid: log_sigmoid,
    nn.Hardsigmoid: hard_sigmoid,
    nn.Hardswish: hard_silu,
    nn.Hardtanh: hard_tanh,
    nn.Hardshrink: hard_shrink,
    nn.Softshrink: soft_shrink,
    nn.Tanhshrink: tanh_shrink,
    nn.Softmax: softmax,
    nn.LogSoftmax: log_softmax,
}


def module_counterpart(module: nn.Module) -> Callable[..., Any] | None:
    """Returns our function for a torch module whose settings are the ones our function has by default."""
    ours = _MODULE_COUNTERPARTS.get(type(module))
    if ours in (softmax, log_softmax):
        return ours if module.dim == -1 else None
    if ours is None or ours is linear:
        return ours
    default = type(module)().__dict__
    settings = {name: value for name, value in module.__dict__.items() if not name.startswith("_")}
    same = all(default.get(name) == value for name, value in settings.items() if name not in ("training", "inplace"))
    return ours if same else None


def counterpart(target: Any) -> Callable[..., Any] | None:
    """Returns our function for one of torch's, or `None`."""
    if isinstance(target, nn.Module):
        return None
    try:
        return _COUNTERPARTS.get(target)
    except TypeError:  # a config dict, or a callable that cannot be hashed
        return None


def is_torchs(target: Any) -> bool:
    """Returns whether something is a function or module of torch itself."""
    owner = type(target) if isinstance(target, nn.Module) else target
    module = getattr(owner, "__module__", None) or ""
    return module == "torch" or module.startswith("torch.") or (inspect.isbuiltin(target) and not module)
