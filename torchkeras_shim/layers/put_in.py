"""A function that is put in the place of one layer's `call`, by `layer.call = function`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from torchkeras_shim.layers import casting, remat
from torchkeras_shim.layers.call_spec import CallSpec, as_forward


def put_in(layer: Any, call: Callable[..., Any]) -> None:
    """Makes a function what a layer computes by, instead of the `call` of its class."""

    def of_class(self: Any, *args: Any, **kwargs: Any) -> Any:
        return call(*args, **kwargs)

    of_class.__signature__ = _with_self(call)  # type: ignore[attr-defined]
    state = layer.__dict__
    state["_call_spec"] = CallSpec(of_class)
    state["_put_in"] = functools.partial(as_forward(of_class), layer)
    if not casting.armed(layer):  # else `casting` calls it
        state["forward"] = state["_put_in"]
        remat.arm(layer)


def take_out(layer: Any) -> None:
    """Lets a layer compute by the `call` of its class again."""
    state = layer.__dict__
    for name in ("call", "_call_spec", "_put_in"):
        state.pop(name, None)
    if not casting.armed(layer):
        state.pop("forward", None)
        remat.arm(layer)


def _with_self(call: Callable[..., Any]) -> inspect.Signature:
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    try:
        parameters = list(inspect.signature(call).parameters.values())
    except ValueError:  # functions of C have none
        return inspect.signature(lambda self, *args, **kwargs: None)
    if any(p.name == "self" for p in parameters):
        itself = itself.replace(name="_self")
    return inspect.Signature([itself, *parameters])
