"""What a step is made of: whether all of it is known code, and whether any of its settings has changed."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from torchkeras_shim.core.modules import modules_in
from torchkeras_shim.core.torch_private import HOOKS

_KNOWN = ("torchkeras_shim.", "torch.", "torchvision.models", "torchvision.ops")
_PLAIN = (bool, int, float, str, type(None), torch.dtype)
_PLAIN_TYPES = frozenset(_PLAIN)
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, functools.partial)
_NOT_IN_THE_STEP = ("_initializer", "_constraint")


class Survey:
    """A look at a model, its losses and its metrics.

    Args:
        model: The model.
        losses: Its resolved losses.
        metrics: All metrics that its steps write to.

    Attributes:
        foreign: What part is the user's own code, for a message; `None` if there is none. Kernels of such code may
            depend on what only Python knows, so that nobody but the user can say whether they can be replayed.
        fingerprint: Equal for two looks between which no setting, no module and no weight's memory has changed.
        things: All parts that it looked at.
    """

    def __init__(self, model: Any, losses: Sequence[Any], metrics: Sequence[Any]) -> None:
        self.foreign: str | None = None
        self.things: list[Any] = []
        marks: list[Any] = []
        for thing in _things(model, (*losses, *metrics)):
            for helper in self._look_at(thing, marks):
                self._look_at(helper, marks)
        marks += [(id(weight), weight.data_ptr()) for weight in model.parameters()]
        marks += [(id(buffer), buffer.data_ptr()) for buffer in model.buffers()]
        marks += [id(variable) for metric in metrics for variable in metric.variables]
        self.fingerprint = tuple(marks)

    def _look_at(self, thing: Any, marks: list[Any]) -> list[Any]:
        """Notes the settings of one part. Returns what it calls that has settings of its own."""
        marks.append(id(thing))
        self.things.append(thing)
        others: list[tuple[str, Any]] = []  # few of some seventy attributes, all of which each epoch looks at
        for name, value in vars(thing).items():
            if type(value) in _PLAIN_TYPES:
                if name != "training":  # every loop sets it for the whole model
                    marks += (name, value)
            elif name not in HOOKS or value:
                others.append((name, value))
        marks += [mark for name, value in others for mark in _marks(name, value)]
        if self.foreign is None:
            self.foreign = _foreign(thing, others)
        return [value for name, value in others if has_settings(value) and not name.endswith(_NOT_IN_THE_STEP)]


def _things(model: Any, measuring: Sequence[Any]) -> Iterator[Any]:
    for module in modules_in(model):
        yield module
        graph = module.__dict__.get("_graph")
        for operation in getattr(graph, "operations", ()):
            if not isinstance(operation, torch.nn.Module):
                yield operation
    yield from measuring
    for weight in model.parameters():
        regularizer = getattr(weight, "_regularizer", None)
        if regularizer is not None and weight.requires_grad:
            yield regularizer


def is_plain(value: Any) -> bool:
    """Returns whether an attribute is a plain value, or a function, which is compared like one."""
    return isinstance(value, (*_PLAIN, *_FUNCTIONS))


def has_settings(value: Any) -> bool:
    """Returns whether an attribute is called and has settings of its own: an activity regularizer, a loss of torch."""
    return not isinstance(value, (*_FUNCTIONS, type)) and callable(value) and hasattr(value, "__dict__")


def _marks(name: str, value: Any) -> tuple[Any, ...]:
    """Returns what is noted of an attribute that is more than one plain value."""
    if isinstance(value, (tuple, list)):
        return (name, tuple(value)) if all(isinstance(item, _PLAIN) for item in value) else ()
    if isinstance(value, _FUNCTIONS):
        return (name, id(value))
    if name in HOOKS:
        return (name, len(value))
    return (name, value) if isinstance(value, _PLAIN) else ()


def _foreign(thing: Any, attributes: list[tuple[str, Any]]) -> str | None:
    """Returns what is the user's own code in one part; hooks count as such."""
    kind = type(thing)
    label = f"'{getattr(thing, 'name', kind.__name__)}'"
    if not _is_known(kind.__module__):
        return f"{label} is of a class of your own, {kind.__name__}"
    if kind.__name__ == "Lambda" and not _is_known_function(thing.function):
        return f"{label} calls a function of your own"
    for name, value in attributes:
        if name in HOOKS:
            return f"{label} has hooks"
        if name in ("forward", "call"):
            return f"{label} has a `{name}` of its own"
        if name.endswith(_NOT_IN_THE_STEP):
            continue
        if isinstance(value, _FUNCTIONS) and not _is_known_function(value):
            return f"`{name}` of {label} is a function of your own"
        if isinstance(value, torch.nn.Module) and not _is_known(type(value).__module__):
            return f"`{name}` of {label} is of a class of your own"
    return None


def _is_known(module: str | None) -> bool:
    return (module or "builtins").startswith(_KNOWN) or module in (None, "builtins", "torchkeras_shim", "torch")


def _is_known_function(function: Any) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, types.MethodType):
        return _is_known(type(function.__self__).__module__)
    return _is_known(getattr(function, "__module__", None))
