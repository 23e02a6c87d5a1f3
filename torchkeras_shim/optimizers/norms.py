"""Norms of gradients, weights and steps, also of those that are cut over processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim.core.sharded import any_sharded, is_sharded
from torchkeras_shim.core.torch_private import foreach

#: From tensors to the norm of each.
Norms = Callable[[Any], Any]


def norms_of(variables: Sequence[torch.Tensor]) -> Norms:
    """Returns a function from tensors of the shapes of variables to the norm of each.

    Args:
        variables: The variables. Where they are cut over processes, the function is given the parts that are here, and
            returns the norms of the wholes.
    """
    return _WholeNorms(variables) if any_sharded(variables) else foreach.norm


class _WholeNorms:
    """Adds up the squares of the parts: one small exchange for all tensors that are cut alike."""

    def __init__(self, variables: Sequence[torch.Tensor]) -> None:
        self._groups: dict[Any, list[int]] = {}
        for index, variable in enumerate(variables):
            for group in groups_of(variable):
                self._groups.setdefault(group, []).append(index)

    def __call__(self, tensors: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        squares = torch.stack([norm.double() for norm in foreach.norm(tensors)]).square_()
        for group, indices in self._groups.items():
            everything = len(indices) == len(squares)
            some = squares if everything else squares[indices]
            torch.distributed.all_reduce(some, group=group)
            if not everything:
                squares[indices] = some
        norms = squares.sqrt_().unbind()
        return tuple(norm.to(tensor.dtype) for norm, tensor in zip(norms, tensors, strict=True))


def groups_of(variable: Any) -> list[Any]:
    """Returns the groups of processes that each have other parts of a variable: one for each axis it is cut along."""
    if not is_sharded(variable):
        return []
    mesh = variable.device_mesh
    return [mesh.get_group(axis) for axis, place in enumerate(variable.placements) if not place.is_replicate()]
