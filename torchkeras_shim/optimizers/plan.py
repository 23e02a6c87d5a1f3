"""What an optimizer prepares once for a list of variables, so that a step only hands lists to kernels."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import sharded
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.optimizers.norms import norms_of

# Unbound methods called through `map` check a whole list without a Python frame per tensor.
_pointer = torch.Tensor.data_ptr
_stride = torch.Tensor.stride
_kind = operator.attrgetter("shape", "dtype", "requires_grad")


class Group:
    """Variables of one device, type and weight-decay setting, updated by one call of the rule.

    Args:
        indices: The places of the variables in the plan's list.
        params: The variables as plain tensors that share their memory.
        states: The rule's lists of state tensors, in the same order.
        decays: Whether weight decay applies.
    """

    __slots__ = ("decays", "indices", "params", "states")

    def __init__(self, indices: list[int], params: list[torch.Tensor], states: tuple[Any, ...], decays: bool) -> None:
        self.indices = indices
        self.params = params
        self.states = states
        self.decays = decays


class Plan:
    """The groups of one list of variables, and how to recognise that list and fitting gradients again.

    Args:
        variables: The variables.
        groups: Their groups.
    """

    __slots__ = (
        "averages",
        "changes",
        "constrained",
        "groups",
        "ids",
        "kinds",
        "norms",
        "pointers",
        "sharded",
        "strides",
        "variables",
    )

    def __init__(self, variables: list[torch.Tensor], groups: list[Group]) -> None:
        self.variables = variables
        self.groups = groups
        self.ids = list(map(id, variables))
        self.changes = Variable.overwriting_changes
        #: Whether some variable is cut over processes: kernels then work on what of it is here.
        self.sharded = sharded.any_sharded(variables)
        self.pointers = self._pointers()
        self.strides = list(map(_stride, variables))
        self.kinds = [(variable.shape, variable.dtype, False) for variable in variables]
        #: The moving averages and the variables, as plain tensors, where all variables are averaged.
        self.averages: tuple[list[torch.Tensor], list[torch.Tensor]] = ([], [])
        self.norms = norms_of(variables)
        self.constrained = [v for v in variables if getattr(v, "constraint", None) is not None]

    def is_current(self) -> bool:
        """Returns whether the variables live where they lived (`module.to(...)` moves them), with their settings."""
        return self.changes == Variable.overwriting_changes and self._pointers() == self.pointers

    def _pointers(self) -> list[int]:
        return list(map(_pointer, map(sharded.local, self.variables) if self.sharded else self.variables))

    def is_steady(self, grads: Any, variables: Any) -> bool:
        """Returns whether this step is like the one before: same variables, and gradients that fit without conversion.

        The fused kernels walk memory in its own order without a look at shapes, so shapes and strides must agree.
        """
        try:
            return (
                not self.sharded
                and (variables is None or list(map(id, variables)) == self.ids)
                and list(map(_stride, grads)) == self.strides
                and list(map(_kind, grads)) == self.kinds
                and list(map(_pointer, self.variables)) == self.pointers
            )
        except (TypeError, RuntimeError):  # None, arrays or sparse tensors among the gradients
            return False

    def conform(self, grads: Sequence[Any]) -> list[torch.Tensor]:
        """Returns the gradients as detached dense tensors of the variables' types, devices, shapes and strides.

        Of variables that are cut over processes, these are the parts that are here.
        """
        return [_fit(grad, variable) for grad, variable in zip(grads, self.variables, strict=True)]


def _fit(value: Any, variable: torch.Tensor) -> torch.Tensor:
    grad: torch.Tensor = value if isinstance(value, torch.Tensor) else torch.as_tensor(np.asarray(value))
    grad = grad.detach()
    if grad.layout is not torch.strided:
        grad = grad.to_dense()
    if grad.shape != variable.shape:
        path = getattr(variable, "path", None)
        raise ValueError(
            f"A gradient must have the shape of its variable. Received: gradient of shape {tuple(grad.shape)} "
            f"for variable {path or ''} of shape {tuple(variable.shape)}."
        )
    if sharded.is_sharded(variable):
        return sharded.part(grad, variable).to(variable.dtype)
    if grad.dtype != variable.dtype or grad.device != variable.device:
        grad = grad.to(variable.device, variable.dtype)
    if grad.stride() != variable.stride():
        grad = torch.empty_like(variable, memory_format=torch.preserve_format).detach().copy_(grad)
    return grad
