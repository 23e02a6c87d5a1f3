"""Mixed precision: how a layer's `call` sees its weights in the compute type while they stay in the variable type.

A layer whose policy is mixed gets tables of parameters and buffers that hand their entries out cast, but only to the
layer's own running call; everybody else (optimizers, `state_dict`, users) sees the weights themselves. torch looks
weights up in these tables anyway, so a layer of any other policy pays nothing for this.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import torch

from torchkeras_shim.core import tree
from torchkeras_shim.core.variable import Variable

_Tensor = torch.Tensor


class CastingTable(dict[str, Any]):
    """torch's table of a layer's parameters or buffers, which casts for the layer's own call.

    Args:
        entries: The parameters or buffers by name.
        dtype: The type to cast to.
    """

    def __init__(self, entries: dict[str, Any], dtype: torch.dtype) -> None:
        super().__init__(entries)
        self.dtype = dtype

    def __getitem__(self, name: str) -> Any:
        weight = super().__getitem__(name)
        calls = _thread.calls
        if not calls:
            return weight
        call = calls[-1]
        if call.parameters is not self and call.buffers is not self:
            return weight
        if weight is None or weight.dtype is self.dtype or not weight.is_floating_point():
            return weight
        cast = call.seen.get(name)
        if cast is None:
            if not getattr(weight, "_autocast", True):
                return weight
            cast = call.seen[name] = _cast(weight, self.dtype)
        return cast


class _Call:
    """One running call of a layer, and the cast weights that it has asked for."""

    __slots__ = ("buffers", "parameters", "seen")

    def __init__(self, layer: torch.nn.Module) -> None:
        self.parameters = layer._parameters
        self.buffers = layer._buffers
        self.seen: dict[str, torch.Tensor] = {}

    def check(self, layer: Any) -> None:
        """Refuses a change in place of something that is thrown away after the call."""
        for name in self.buffers:
            cast = self.seen.get(name)
            if cast is not None and cast._version:
                raise RuntimeError(
                    f"Layer '{layer.name}' changed its weight '{name}' in place. Under the dtype policy "
                    f"'{layer.dtype_policy.name}' a call sees weights cast to {layer.compute_dtype}: the change would "
                    f"be lost. Write `self.{name}.assign(...)`, or create the weight with "
                    "`self.add_weight(..., autocast=False)`."
                )


class _Thread(threading.local):
    """The running calls of one thread, the innermost last."""

    def __init__(self) -> None:
        self.calls: list[_Call] = []


_thread = _Thread()


def arm(layer: Any) -> None:
    """Makes a layer's calls see its weights as the layer's policy wants them."""
    state = layer.__dict__
    policy = layer.dtype_policy
    dtype = layer._compute_dtype
    if policy.compute_dtype != policy.variable_dtype and dtype.is_floating_point:
        state["_parameters"] = CastingTable(state["_parameters"], dtype)
        state["_buffers"] = CastingTable(state["_buffers"], dtype)
        state["forward"] = functools.partial(_run, layer)
    elif isinstance(state["_parameters"], CastingTable):
        state["_parameters"], state["_buffers"] = dict(state["_parameters"]), dict(state["_buffers"])
        state.pop("forward", None)


def _run(layer: Any, *args: Any, **kwargs: Any) -> Any:
    """A layer's `forward` under a mixed policy."""
    if not layer.autocast:  # it looks after its types itself
        return type(layer).forward(layer, *args, **kwargs)
    if layer._input_cast is None:
        dtype = layer._compute_dtype  # what reaches a model's `forward` directly has not been cast yet
        args = tuple(
            _input(x, dtype) if type(x) is _Tensor else tree.map_structure(lambda leaf: _input(leaf, dtype), x)
            for x in args
        )
    calls, call = _thread.calls, _Call(layer)
    calls.append(call)
    try:
        outputs = type(layer).forward(layer, *args, **kwargs)
    finally:
        calls.pop()
    if call.seen and call.buffers:
        call.check(layer)
    return outputs


def _input(leaf: Any, dtype: torch.dtype) -> Any:
    if isinstance(leaf, _Tensor) and leaf.dtype is not dtype and leaf.is_floating_point():
        mask = getattr(leaf, "_keras_mask", None)
        leaf = leaf.to(dtype)
        if mask is not None:
            leaf._keras_mask = mask
    return leaf


def _cast(weight: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    cast = weight.to(dtype)
    if isinstance(weight, Variable):  # `self.total.assign(...)` in a call means the weight itself
        cast.assign, cast.assign_add = weight.assign, weight.assign_add  # type: ignore[attr-defined]
        cast.assign_sub = weight.assign_sub  # type: ignore[attr-defined]
    return cast
