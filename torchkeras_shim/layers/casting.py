"""Mixed precision: how a layer's `call` sees its weights in the compute type while they stay in the variable type.

A layer whose policy is mixed gets tables of parameters and buffers that hand their entries out cast, but only to the
layer's own running call; everybody else (optimizers, `state_dict`, users) sees the weights themselves. torch looks
weights up in these tables anyway, so a layer of any other policy pays nothing for this.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.core import dtypes, tree
from torchkeras_shim.core.dtype_policies import DTypePolicy
from torchkeras_shim.core.text import STRING
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
        parameters, buffers, seen = calls[-1]
        if parameters is not self and buffers is not self:
            return weight
        cast = seen.get(name)
        if cast is None:
            if weight is None or weight.dtype is self.dtype or not weight.is_floating_point():
                return weight
            if not getattr(weight, "_autocast", True):
                return weight
            cast = seen[name] = weight.to(self.dtype)
            if isinstance(weight, Variable):  # `self.total.assign(...)` in a call means the weight itself
                cast.assign, cast.assign_add, cast.assign_sub = weight.assign, weight.assign_add, weight.assign_sub
        return cast


#: One running call: its layer's two tables, and the cast weights that it has asked for.
_Call = tuple[Any, Any, dict[str, torch.Tensor]]


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
        if "_put_in" in state:
            state["forward"] = state["_put_in"]


def changed_dtype(policy: DTypePolicy, fn: Callable[[torch.Tensor], torch.Tensor]) -> str | None:
    """Returns the type that a change of all weights, such as `.half()`, makes of a policy's; `None` for the same.

    The change is tried on a tensor, so that layers without weights, and those that are not built yet, follow too.
    Under a mixed policy each call casts the weights, of whatever type they are.
    """
    own = policy.variable_dtype
    if own != policy.compute_dtype or own == STRING or not dtypes.is_float(own):
        return None
    before = dtypes.to_torch_dtype(own)
    with torch.no_grad():
        after = fn(torch.empty((), dtype=before, device="cpu")).dtype
    return dtypes.standardize_dtype(after) if after is not before and after.is_floating_point else None


def armed(layer: Any) -> bool:
    """Returns whether a layer's `forward` casts weights and inputs."""
    return isinstance(layer.__dict__["_parameters"], CastingTable)


def casts_inputs(layer: Any) -> bool:
    """Returns whether a layer's `forward` casts what it is given."""
    return layer.autocast and layer._input_cast is None and armed(layer)


def _run(layer: Any, *args: Any, **kwargs: Any) -> Any:
    """A layer's `forward` under a mixed policy."""
    itself: tuple[Any, ...] = (layer,)
    if "_put_in" in layer.__dict__:  # a function in the place of its class's `call`
        forward, itself = layer.__dict__["_put_in"], ()
    else:
        forward = type(layer).forward
    if not layer.autocast:  # it looks after its types itself
        return forward(*itself, *args, **kwargs)
    if layer._input_cast is None:  # what reaches `forward` directly has not been cast yet
        dtype = layer._compute_dtype
        if len(args) != 1 or type(args[0]) is not _Tensor:
            args = tuple(tree.map_structure(lambda leaf: _input(leaf, dtype), x) for x in args)
        elif args[0].dtype is not dtype:
            args = (_input(args[0], dtype),)
    calls, buffers = _thread.calls, layer._buffers
    seen: dict[str, torch.Tensor] = {}
    calls.append((layer._parameters, buffers, seen))
    try:
        outputs = forward(*itself, *args, **kwargs)
    finally:
        calls.pop()
    if buffers and seen:
        _check(layer, seen)
    return outputs


def _check(layer: Any, seen: dict[str, torch.Tensor]) -> None:
    """Refuses a change in place of something that is thrown away after the call."""
    for name in layer._buffers:
        if name in seen and seen[name]._version:
            raise RuntimeError(
                f"Layer '{layer.name}' changed its weight '{name}' in place. Under the dtype policy "
                f"'{layer.dtype_policy.name}' a call sees weights cast to {layer.compute_dtype}: the change would be "
                f"lost. Write `self.{name}.assign(...)`, or create the weight with "
                "`self.add_weight(..., autocast=False)`."
            )


def _input(leaf: Any, dtype: torch.dtype) -> Any:
    if isinstance(leaf, _Tensor) and leaf.dtype is not dtype and leaf.is_floating_point():
        mask = getattr(leaf, "_keras_mask", None)
        leaf = leaf.to(dtype)
        if mask is not None:
            leaf._keras_mask = mask
    return leaf
