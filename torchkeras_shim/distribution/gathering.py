"""One process reads the weights of all: the first one asks for a weight, and the others send it their parts.

So what writes a file, or looks at weights, runs in the first process as if it were alone, one whole weight at a time,
and the others need not know what it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from torchkeras_shim.core import sharded
from torchkeras_shim.core.torch_private import without_subclasses
from torchkeras_shim.distribution import processes

T = TypeVar("T")

_DONE, _FAILED = -1, -2


def by_first(model: torch.nn.Module, function: Callable[[], T]) -> T | None:
    """Calls a function in the first process, which may read all weights in it; the others hand it their parts.

    All processes call this together. Where the weights of the model are whole, each process calls the function.

    Args:
        model: The model whose weights, and whose optimizer's state, are read.
        function: What to call.

    Raises:
        RuntimeError: In the other processes, if the function fails in the first one.
    """
    tensors = cut_tensors(model)
    if not tensors or sharded.gatherers:
        return function()
    known = processes.known()
    assert known is not None
    if known.rank:
        _serve(tensors)
        return None
    with _asking(tensors):
        return function()


def cut_tensors(model: torch.nn.Module) -> list[Any]:
    """Returns the weights of a model, and what its optimizers keep of them, that are cut over processes."""
    found: list[Any] = [*model.parameters(), *model.buffers()]
    for module in model.modules():
        optimizer = getattr(module, "optimizer", None)
        found += getattr(optimizer, "variables", ())
        state = getattr(getattr(optimizer, "optimizer", None), "state", {})  # of an optimizer of torch
        found += [value for entries in state.values() for _, value in sorted(entries.items())]
    return list(dict.fromkeys(tensor for tensor in found if sharded.is_sharded(tensor)))


@contextmanager
def _asking(tensors: list[Any]) -> Iterator[None]:
    """Lets whole weights be asked for in this process alone."""
    places = {_memory(tensor): place for place, tensor in enumerate(tensors)}

    def gather(tensor: torch.Tensor) -> torch.Tensor:
        place = places.get(_memory(tensor))
        if place is None:
            raise RuntimeError(
                "A tensor that is cut over processes can be read by one process alone only if it is a weight of the "
                f"model, or of its optimizer. Received: one of shape {tuple(tensor.shape)}. Read it in all processes."
            )
        _tell(place)
        found = _to_first(tensors[place])
        assert found is not None
        return found

    sharded.gatherers.append(gather)
    end = _FAILED
    try:
        yield
        end = _DONE
    finally:
        sharded.gatherers.remove(gather)
        _tell(end)


def _serve(tensors: list[Any]) -> None:
    """Sends this process's parts of the weights that the first one asks for."""
    while (place := _tell(_DONE)) >= 0:
        _to_first(tensors[place])
    if place == _FAILED:
        raise RuntimeError("The first of the processes failed while the others sent it their parts of the weights.")


def _memory(tensor: Any) -> tuple[Any, ...]:
    return sharded.local(tensor).data_ptr(), tensor.dtype, tuple(tensor.shape)


def _tell(number: int) -> int:
    """Returns the first process's number."""
    told = torch.tensor(number, device="cpu")
    dist.broadcast(told, 0)
    return int(told)


def _to_first(tensor: Any) -> torch.Tensor | None:
    """Returns a tensor as a whole in the first process, `None` in the others."""
    from torch.distributed.tensor import Shard

    rank, count = dist.get_rank(), dist.get_world_size()
    place = tensor.placements[0]
    if tensor.device_mesh.ndim > 1 or tensor.device_mesh.size() < count or type(place) is not Shard:
        with torch.no_grad(), without_subclasses():
            found: torch.Tensor = tensor.full_tensor()
        return None if rank else found
    size = tensor.shape[place.dim]
    here = sharded.local(tensor).movedim(place.dim, 0)
    padded = here.new_zeros((-(-size // count), *here.shape[1:]))
    padded[: len(here)] = here
    if rank:
        dist.gather(padded, dst=0)
        return None
    parts = [torch.empty_like(padded) for _ in range(count)]
    dist.gather(padded, parts, dst=0)
    return torch.cat(parts)[:size].movedim(0, place.dim).contiguous()
