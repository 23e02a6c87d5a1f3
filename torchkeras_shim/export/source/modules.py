"""A module of `torch.nn` as the call that makes it."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn

from torchkeras_shim.core.torch_private import is_hooked
from torchkeras_shim.export.source.catalog import is_part
from torchkeras_shim.export.source.text import Call, literal

_RECURRENT = {
    "input_size": inspect.Parameter.empty,
    "hidden_size": inspect.Parameter.empty,
    "num_layers": 1,
    "nonlinearity": "tanh",
    "bias": True,
    "batch_first": False,
    "dropout": 0.0,
    "bidirectional": False,
    "proj_size": 0,
}
#: Arguments that take one number for all dimensions.
_SIZES = {"kernel_size", "stride", "padding", "dilation", "output_padding", "output_size", "scale_factor", "size"}
#: Attributes that say nothing of what a module computes from its arguments.
_STATE = {"training"}
#: Arguments that say where or how memory is made; the file leaves that to torch.
_LEFT_OUT = {"self", "device", "dtype", "_weight", "_freeze"}


def constructor(module: nn.Module) -> Call | None:
    """Returns the call that makes a module like this one, or `None` if its attributes do not tell.

    Example:
        >>> print(constructor(nn.Conv2d(1, 8, 3, padding=1)), constructor(nn.ReLU()), constructor(nn.ModuleList()))
        nn.Conv2d(1, 8, 3, padding=1) nn.ReLU() None
    """
    if is_changed(module):
        return None
    if is_part(type(module)) and "written_as" in vars(module):
        by_hand: Call = vars(module)["written_as"]
        return by_hand
    if type(module) is nn.Sequential:
        return _sequential(module)
    cls = type(module)
    name = cls.__name__ if is_part(cls) else f"nn.{cls.__name__}" if getattr(nn, cls.__name__, None) is cls else None
    if name is None or (list(module.children()) and not is_part(cls)):
        return None
    required, named = _arguments(module)
    try:
        with torch.device("meta"):
            drawn = {"_weight": torch.empty(module.weight.shape)} if isinstance(module, nn.Embedding) else {}
            twin = cls(*required, **named, **drawn)  # normal numbers on "meta" would import `torch._dynamo`
        written = [literal(value) for value in required]
        written += [_keyword(key, literal(value)) for key, value in named.items()]
    except Exception:  # whatever the module's own check of its arguments raises: they do not suffice
        return None
    return Call(name, written) if _alike(twin, module) else None


def _keyword(key: str, value: str | Call) -> str | Call:
    return Call(f"{key}={value.head}", value.arguments, value.brackets) if isinstance(value, Call) else f"{key}={value}"


def is_changed(module: nn.Module) -> bool:
    """Returns whether hooks or methods of the object's own do something that its class does not."""
    return is_hooked(module) or "forward" in vars(module)


def _sequential(module: nn.Sequential) -> Call | None:
    parts = [constructor(child) for child in module]
    if any(part is None for part in parts) or list(module._modules) != [str(index) for index in range(len(parts))]:
        return None
    return Call("nn.Sequential", [part for part in parts if part is not None])


def _arguments(module: nn.Module) -> tuple[list[Any], dict[str, Any]]:
    """Returns the arguments of a module's constructor that have no default, and those that differ from it."""
    parameters = inspect.signature(type(module).__init__).parameters
    defaults = {name: p.default for name, p in parameters.items() if name not in _LEFT_OUT}
    if isinstance(module, nn.RNNBase):
        defaults = {name: d for name, d in _RECURRENT.items() if name != "nonlinearity" or type(module) is nn.RNN}
    required: list[Any] = []
    named: dict[str, Any] = {}
    for name, default in defaults.items():
        if not hasattr(module, name):
            continue
        value = getattr(module, name)
        if isinstance(default, bool):
            value = bool(value) if isinstance(value, (bool, int)) else value is not None
        value = _short(name, value)
        if default is inspect.Parameter.empty or (
            not required and not named and name == next(iter(defaults)) and value != default
        ):
            required.append(value)
        elif value != default and not (name == "stride" and default is None and value == required[0]):
            named[name] = value
    return required, named


def _short(name: str, value: Any) -> Any:
    """Returns one number for sizes that are equal: `3` for `(3, 3)`."""
    if isinstance(value, (tuple, list)) and value and len({*map(str, value)}) == 1:
        return value[0] if name in _SIZES or len(value) == 1 else tuple(value)
    return tuple(value) if isinstance(value, list) else value


def _alike(one: nn.Module, other: nn.Module) -> bool:
    """Returns whether two modules differ in nothing but the values of their weights."""
    if _weights(one) != _weights(other):
        return False
    first, second = (
        {name: _short(name, value) for name, value in vars(m).items() if not name.startswith("_")} for m in (one, other)
    )
    return all(first.get(name) == value for name, value in second.items() if name not in _STATE)


def _weights(module: nn.Module) -> dict[str, Any]:
    return {key: (value.shape, value.is_floating_point()) for key, value in module.state_dict().items()}
