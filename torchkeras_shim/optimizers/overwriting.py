"""Variables whose new value is their gradient: no rule, no clipping, no decay and no average touches them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core import sharded
from torchkeras_shim.core.variable import Variable

Pairs = tuple[list[Any], list[torch.Tensor]]


def is_overwritten(variable: torch.Tensor) -> bool:
    """Returns whether a variable is overwritten with its gradient."""
    return bool(getattr(variable, "overwrite_with_gradient", False))


def any_overwritten(variables: Sequence[torch.Tensor]) -> bool:
    """Returns whether one of several variables is overwritten with its gradient."""
    return Variable.overwriting_changes > 0 and any(map(is_overwritten, variables))


def split(grads: Sequence[Any], variables: Sequence[torch.Tensor]) -> tuple[Pairs, Pairs]:
    """Returns the gradients and variables that are overwritten, and the others."""
    overwritten: Pairs = ([], [])
    others: Pairs = ([], [])
    for grad, variable in zip(grads, variables, strict=True):
        own = overwritten if is_overwritten(variable) else others
        own[0].append(grad)
        own[1].append(variable)
    return overwritten, others


def overwrite(grads: Sequence[Any], variables: Sequence[torch.Tensor]) -> None:
    """Puts gradients in the places of values."""
    for grad, variable in zip(grads, variables, strict=True):
        sharded.write(variable, torch.as_tensor(grad).detach())


def overwrite_with_largest(pairs: Pairs, kept: Sequence[torch.Tensor], is_last: bool) -> None:
    """Keeps the largest of the gradients of several steps, and puts it in the place of the value at the last one.

    Args:
        pairs: The gradients and the variables.
        kept: What was kept of the steps before, for each variable.
        is_last: Whether this step is the last of a round.
    """
    for grad, variable, largest in zip(*pairs, kept, strict=True):
        here = sharded.part(torch.as_tensor(grad).detach(), variable).to(largest.dtype)
        torch.maximum(largest, here, out=largest)
        if is_last:
            sharded.local(variable.detach()).copy_(largest)
            largest.zero_()
