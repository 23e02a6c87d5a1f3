"""`WaitingVariable`: a weight of which a process keeps its part alone, from its making until a layer gathers it.

So no process ever holds a whole model. Whatever is computed with such a weight is computed with the whole of it, which
is gathered for that; all processes must do so together. Weights in lists, which no layer gathers, stay what they are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard

from torchkeras_shim.core.sharded import sharded_class, sharded_variable
from torchkeras_shim.core.torch_private import tree_map, without_subclasses
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.distribution.portion import Work

#: What looks at a tensor, not at its values.
_AS_THEY_ARE = {torch.Tensor.requires_grad_, torch.Tensor.register_hook, torch.Tensor.detach}
_ATTRIBUTES = {"__get__", "__set__", "__delete__"}


class WaitingVariable(sharded_class()):  # type: ignore[misc]
    """A weight in parts that no layer has been told of; see the module's description."""

    #: Whether the weight has yet to be handed to what gathers it for its layer.
    is_waiting = True

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if function in _AS_THEY_ARE or getattr(function, "__name__", "") in _ATTRIBUTES:
            with without_subclasses():
                return function(*args, **kwargs)
        return function(*tree_map(_whole, args), **tree_map(_whole, kwargs))


def _whole(value: Any) -> Any:
    """Returns a waiting weight as a whole, with its history: the gradients of all processes are added up."""
    if not isinstance(value, WaitingVariable):
        return value
    with without_subclasses():
        found = value.redistribute(placements=[Replicate()]).to_local(grad_placements=[Partial()])
    if found.requires_grad and Work.processes is not None and Work.sharing is None and Work.handed is not None:
        share = Work.handed.share  # a step of the model's own, whose losses are means over the rows here
        found.register_hook(lambda gradient: gradient * share)
    return found


def kept_in_part(variable: Variable, mesh: Any, axis: int) -> WaitingVariable:
    """Returns the variable that has this process's part of a whole one, which is let go of.

    Args:
        variable: The variable, the same in all processes.
        mesh: Torch's mesh of them.
        axis: The axis that it is cut along.
    """
    rank, count = mesh.get_local_rank(), mesh.size()
    with torch.no_grad():
        parts = torch.chunk(variable.detach(), count, axis)
        here = parts[rank] if rank < len(parts) else variable.detach().narrow(axis, 0, 0)
        here = here.clone(memory_format=torch.contiguous_format)  # a part of the whole's memory would keep it all
        whole = torch.empty(variable.shape, device="meta")
        made: Any = DTensor.from_local(
            here, mesh, [Shard(axis)], run_check=False, shape=whole.shape, stride=whole.stride()
        )
    made = sharded_variable(made, like=variable)
    made.__class__ = WaitingVariable
    return made.requires_grad_(variable.requires_grad)  # type: ignore[no-any-return]


def whole_again(weight: Any) -> Variable:
    """Returns a variable that has the whole of a weight. All processes ask together."""
    with torch.no_grad(), without_subclasses():
        values = weight.full_tensor()
    return Variable.wrap(values, like=weight)
