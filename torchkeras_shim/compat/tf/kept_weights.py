"""Weights as they were in the forward pass, for gradients that are asked for after an update."""

from __future__ import annotations

import weakref
from functools import cache
from typing import Any

import torch

from torchkeras_shim.core.torch_private import base_of
from torchkeras_shim.core.variable import observers_of_writes


class _Kept:
    """A weight as it was when the forward pass used it: the weight itself until somebody is about to change it."""

    __slots__ = ("__weakref__", "copy", "source", "version")

    def __init__(self, source: torch.Tensor) -> None:
        self.source, self.version = source, source._version
        self.copy: torch.Tensor | None = None

    def value(self) -> torch.Tensor:
        """The value at the time of the forward pass.

        Raises:
            RuntimeError: If it was changed without notice.
        """
        if self.copy is not None:
            return self.copy
        if self.source._version != self.version:
            raise RuntimeError(
                "A variable was changed in place between the forward pass and the gradient, by something else than "
                "`assign` or an optimizer, and its value then is not kept. Write variable.assign(value)."
            )
        return self.source


#: The tapes that keep values of weights for their gradients.
_keeping: weakref.WeakSet[Any] = weakref.WeakSet()
#: The last value of each weight that an open gradient needs, by the number of the weight.
_kept: dict[int, weakref.ref[_Kept]] = {}


def begin(tape: Any) -> torch.autograd.graph.saved_tensors_hooks:
    """Returns the hooks that keep weights for a tape, until `end(tape)`."""
    _keeping.add(tape)
    if _before_write not in observers_of_writes:
        observers_of_writes.append(_before_write)
    return torch.autograd.graph.saved_tensors_hooks(_pack, _unpack)


def end(tape: Any) -> None:
    """Forgets the values once no tape can ask for a gradient that needs them."""
    if tape in _keeping:
        _keeping.discard(tape)
        if not _keeping:
            _kept.clear()
            observers_of_writes.remove(_before_write)


def _before_write(variable: torch.Tensor) -> None:
    """Copies the value of a variable that is about to change, if a gradient still needs it."""
    last = _kept.pop(id(variable), None)
    record = None if last is None else last()
    if record is not None and record.source is variable and record.version == variable._version:
        record.copy = variable.detach().clone()


def _record(weight: torch.Tensor) -> _Kept:
    """Returns the one record of a weight's present value."""
    last = _kept.get(id(weight))
    record = None if last is None else last()
    if record is None or record.source is not weight or record.version != weight._version:
        record = _Kept(weight)
        _kept[id(weight)] = weakref.ref(record)
    return record


@cache
def _holds_weights(kind: type) -> bool:
    return issubclass(kind, torch.nn.Parameter)


def _pack(tensor: torch.Tensor) -> Any:
    if _holds_weights(type(tensor)):
        return _record(tensor)
    base = base_of(tensor)
    if base is tensor or not _holds_weights(type(base)):
        return tensor
    return _record(base), tensor.shape, tensor.stride(), tensor.storage_offset()


def _unpack(packed: Any) -> Any:
    if isinstance(packed, torch.Tensor):
        return packed
    if isinstance(packed, tuple):
        record, shape, stride, offset = packed
        value = record.value()
        return torch.as_strided(value, shape, stride, offset - record.source.storage_offset() + value.storage_offset())
    return packed.value()
