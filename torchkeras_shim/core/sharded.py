"""Weights that are cut over processes: torch's `DTensor`, with Keras's names.

Whoever reads or writes a weight as a whole, or the part of it that is here, goes through here. A plain tensor is whole
and here: it comes back as it is, so that one process pays a look at a type.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core.torch_private import without_subclasses
from torchkeras_shim.core.variable import Variable, tell_observers

#: What gathers a tensor instead of all processes at once, while one of them alone asks for whole weights.
gatherers: list[Callable[[torch.Tensor], torch.Tensor]] = []


def is_sharded(tensor: Any) -> bool:
    """Returns whether a tensor is cut over processes."""
    module = sys.modules.get("torch.distributed.tensor")  # a second to import, and nobody else makes one
    return module is not None and isinstance(tensor, module.DTensor)


def is_gathered(tensor: Any) -> bool:
    """Returns whether layers get a tensor that is cut over processes as a whole, rather than compute with its part."""
    return is_sharded(tensor) and not getattr(tensor, "is_cut", False)


def is_waiting(tensor: Any) -> bool:
    """Returns whether a tensor is a weight that is kept in parts until its model is cut as a whole."""
    return getattr(tensor, "is_waiting", False)


def is_made_in_parts(tensor: Any) -> bool:
    """Returns whether a weight was cut when it was made, before its layer had it."""
    return getattr(tensor, "is_cut", False) or getattr(tensor, "is_waiting", False)


def any_sharded(tensors: Iterable[Any]) -> bool:
    """Returns whether one of several tensors is cut over processes."""
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and any(isinstance(tensor, module.DTensor) for tensor in tensors)


def local(tensor: Any) -> torch.Tensor:
    """Returns the part of a tensor that is here, on the same memory and without history."""
    if not is_sharded(tensor):
        return tensor  # type: ignore[no-any-return]
    with torch.no_grad():
        return tensor.to_local()  # type: ignore[no-any-return]


def whole(tensor: Any) -> torch.Tensor:
    """Returns a tensor as a whole, without history. All processes that have a part must ask together."""
    if not is_sharded(tensor):
        return tensor  # type: ignore[no-any-return]
    if gatherers:
        return gatherers[-1](tensor)
    with torch.no_grad(), without_subclasses():
        return tensor.full_tensor()  # type: ignore[no-any-return]


def gathered(value: Any) -> Any:
    """Returns a tensor as a whole, with its history; anything else as it is. All processes must ask together."""
    return value.full_tensor() if is_sharded(value) else value


def part(value: torch.Tensor, like: Any) -> torch.Tensor:
    """Returns of a whole tensor, which all processes have, what of it belongs here, cut as another tensor is."""
    if not is_sharded(like):
        return value
    from torch.distributed.tensor import distribute_tensor

    if is_sharded(value):
        return local(value.redistribute(placements=like.placements))  # type: ignore[attr-defined]
    moved = value.detach().to(like.device)
    return local(distribute_tensor(moved, like.device_mesh, like.placements, src_data_rank=None))


def write(tensor: Any, value: torch.Tensor) -> None:
    """Overwrites a tensor, in place, with a whole one that all processes have."""
    with torch.no_grad():
        if is_sharded(tensor):
            local(tensor).copy_(part(value, tensor))
        else:
            tensor.copy_(value)


def cut(here: torch.Tensor, like: Any) -> Any:
    """Returns a tensor that is cut as another one is, of which `here` is the part in this process."""
    if not is_sharded(like):
        return here
    from torch.distributed.tensor import DTensor

    return DTensor.from_local(
        here, like.device_mesh, like.placements, run_check=False, shape=like.shape, stride=like.stride()
    )


def sharded_variable(tensor: Any, like: Variable) -> Variable:
    """Gives a `DTensor` the names and settings of a variable, in place.

    Args:
        tensor: The tensor, nobody else's.
        like: The variable.
    """
    tensor.__class__ = sharded_class()
    tensor._is_param = True  # as torch marks parameters of other classes
    tensor.take_names(like)
    return tensor  # type: ignore[no-any-return]


def whole_variable(tensor: Any, like: Variable) -> None:
    """Gives a plain parameter the names and settings of a variable, in place."""
    tensor.__class__ = Variable
    tensor.take_names(like)


@functools.cache
def sharded_class() -> Any:
    """Returns the class of variables that are cut over processes."""
    from torch.distributed.tensor import DTensor

    class ShardedVariable(Variable, DTensor):
        """A weight of which each process has a part. Reading and writing it as a whole takes all of them."""

        __torch_function__ = DTensor.__torch_function__  # not that of `Parameter`

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            raise TypeError("Weights are cut over processes by `keras.distribution.FullySharded()`.")

        def numpy(self, *, force: bool = True) -> np.ndarray[Any, Any]:
            tensor = whole(self)
            return np.array((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy(force=True))

        def assign(self, value: Any) -> Any:
            tell_observers([self])
            write(self, self._fitting(value))
            return self

        def assign_add(self, value: Any) -> Any:
            tell_observers([self])
            local(self).add_(part(self._fitting(value), self))
            return self

        def assign_sub(self, value: Any) -> Any:
            tell_observers([self])
            local(self).sub_(part(self._fitting(value), self))
            return self

        def __deepcopy__(self, memo: dict[int, Any]) -> Any:
            if id(self) not in memo:
                memo[id(self)] = sharded_variable(cut(local(self).clone(), self), like=self)
            return memo[id(self)].requires_grad_(self.requires_grad)

        def __reduce_ex__(self, protocol: Any) -> Any:
            plain: Any = self.detach()  # torch's own tensor, which any program can read
            return plain.__reduce_ex__(protocol)

        def __repr__(self, **_: Any) -> str:  # type: ignore[override]  # the values would take all processes
            name = str(self.dtype).removeprefix("torch.")
            count, placements = self.device_mesh.size(), tuple(self.placements)
            return (
                f"<Variable path={self._path}, shape={tuple(self.shape)}, dtype={name}, "
                f"cut over {count} processes by {placements}>"
            )

    return ShardedVariable
