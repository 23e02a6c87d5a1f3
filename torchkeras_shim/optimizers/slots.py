"""The optimizer's own variables: one for each variable of the model, laid out in memory like it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core import device as devices
from torchkeras_shim.core import dtypes, sharded
from torchkeras_shim.core.tables import TABLES
from torchkeras_shim.core.variable import Variable


def make_variable(initializer: Any, shape: Sequence[int], dtype: Any, name: str | None, path: str) -> Variable:
    """Returns a new variable that is not trained.

    Args:
        initializer: A name of `keras.initializers`, a config, or a callable `initializer(shape, dtype=...)`.
        shape: The shape.
        dtype: The type, `floatx()` for `None`.
        name: The variable's own name.
        path: The optimizer's name, first part of the path.
    """
    variable = Variable(
        _resolve(initializer), shape=tuple(shape), dtype=dtypes.standardize_dtype(dtype), trainable=False, name=name
    )
    variable._path = f"{path}/{variable.name}"
    return variable


def make_part(reference: torch.Tensor, shape: Sequence[int], name: str, path: str) -> Variable:
    """Returns a new variable of zeros with the type and device of another one, but a shape of its own."""
    with devices.device(reference.device):
        part = Variable(torch.zeros(tuple(shape), dtype=reference.dtype), trainable=False, name=name)
    part._path = f"{path}/{name}"
    return part


def make_slot(reference: torch.Tensor, initializer: Any, name: str, path: str) -> Variable:
    """Returns a new variable with the shape, type, device and strides of another one, and cut as that one is."""
    if sharded.is_sharded(reference):
        return _make_sharded_slot(reference, initializer, name, path)
    data = torch.zeros_like(reference, memory_format=torch.preserve_format, requires_grad=False).detach()
    if initializer != "zeros":
        with devices.device(reference.device):
            data.copy_(_resolve(initializer)(tuple(reference.shape), dtype=dtypes.standardize_dtype(reference.dtype)))
    with devices.device(reference.device):
        slot = Variable(data, trainable=False, name=name)
    slot._path = f"{path}/{name}"
    return slot


def _make_sharded_slot(reference: torch.Tensor, initializer: Any, name: str, path: str) -> Variable:
    here = torch.zeros_like(sharded.local(reference))
    with devices.device(reference.device):
        if initializer != "zeros":
            value = _resolve(initializer)(tuple(reference.shape), dtype=dtypes.standardize_dtype(reference.dtype))
            here.copy_(sharded.part(value, reference))
        names = Variable(0.0, trainable=False, name=name)
    slot = sharded.sharded_variable(sharded.cut(here, reference), like=names)
    slot._path = f"{path}/{name}"
    return slot


def exchanged(slot: Variable, reference: torch.Tensor) -> Variable:
    """Returns a slot, with its values, for a variable that is cut over processes now."""
    if slot.shape != reference.shape or sharded.is_sharded(slot):
        return slot
    here = sharded.part(slot.detach(), reference).clone()
    return sharded.sharded_variable(sharded.cut(here, reference), like=slot)


def slot_name(reference: torch.Tensor, index: int, name: str) -> str:
    """Returns Keras's name of a slot, such as `"dense_kernel_momentum"`."""
    own = getattr(reference, "path", None) or getattr(reference, "name", None) or f"variable_{index}"
    return f"{str(own).replace('/', '_').replace(':', '_')}_{name}"


def follow(slot: Variable, reference: torch.Tensor) -> None:
    """Moves a slot to where its variable is now, after `module.to(...)` or `module.half()`."""
    if slot.shape != reference.shape:  # a part, such as a sum over one dimension
        slot.data = slot.detach().to(reference.device, reference.dtype)
        return
    if sharded.is_sharded(slot):
        return
    if (slot.device, slot.dtype, slot.stride()) == (reference.device, reference.dtype, reference.stride()):
        return
    data = torch.empty_like(reference, memory_format=torch.preserve_format, requires_grad=False).detach()
    slot.data = data.copy_(slot.detach())


def _resolve(initializer: Any) -> Any:
    if callable(initializer) and not isinstance(initializer, type):
        return initializer
    if initializer in ("zeros", "ones"):
        value = float(initializer == "ones")
        return lambda shape, dtype: torch.full(shape, value, dtype=dtypes.to_torch_dtype(dtype))
    table = TABLES.get("keras.initializers")
    if table is None:
        raise ValueError(f"Could not interpret initializer identifier: {initializer!r}. Expected 'zeros' or 'ones'.")
    return table.get(initializer)
