"""When gradients of several processes are exchanged: for each update, not in each step of gradient accumulation.

Between two updates each process adds its own gradients to its own sums. Those of all processes together are what one
process would have; before somebody may look at them, in a file for one, they are made so in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core.sharded import local
from torchkeras_shim.core.torch_private import foreach
from torchkeras_shim.distribution.portion import Work
from torchkeras_shim.distribution.processes import Processes
from torchkeras_shim.optimizers import Optimizer
from torchkeras_shim.training.parts import Parts


class Rounds:
    """The steps from one update of an optimizer to the next, as one of several processes takes them.

    Args:
        parts: What the step is made from.
    """

    def __init__(self, parts: Parts) -> None:
        assert parts.processes is not None
        assert parts.distribution is not None
        self._optimizer, self._processes, self._parameters = parts.optimizer, parts.processes, parts.parameters
        # Sums of weights that take no part in the step of an update would stay behind.
        self._accumulates = _accumulates(parts.optimizer) and not parts.distribution.find_unused_parameters

    def are_complete(self) -> bool:
        """Returns whether the step that begins is one in which gradients are exchanged."""
        if not self._accumulates:
            return True
        if Work.watched:
            settle(self._optimizer, self._processes)
            return True
        if not self._optimizer.gradient_sums_are_own:
            self._optimizer.gradient_sums_are_own = True
            if self._processes.rank:  # what all processes have counts once
                foreach.zero_(_memory(self._optimizer))
        return self._optimizer.completes_round  # type: ignore[no-any-return]

    def hand_on(self, weights: Sequence[torch.Tensor]) -> None:
        """Lets the backward pass of an update add gradients to what was added up before, and take means of all."""
        for weight, total in zip(weights, self._taken(weights, self._processes.count), strict=False):
            weight.grad = total

    def exchanged(self, grads: Sequence[Any], used: Sequence[bool]) -> list[Any]:
        """Returns gradients with those of all other processes; this one's alone within a round.

        Args:
            grads: The gradients of this process.
            used: Which weights have a gradient in any of them.
        """
        found = [
            torch.zeros_like(weight) if takes and grad is None else grad
            for grad, takes, weight in zip(grads, used, self._parameters, strict=True)
        ]
        if self.are_complete():
            given = [local(grad) for grad in found if grad is not None]
            weights = [weight for weight, takes in zip(self._parameters, used, strict=True) if takes]
            for grad, total in zip(given, self._taken(weights, 1), strict=False):
                grad.add_(total)
            self._processes.add_up(given)
        return found

    def _taken(self, weights: Sequence[torch.Tensor], times: float) -> list[torch.Tensor]:
        """Returns what was added up for some weights, scaled as the loss is, and lets the optimizer start over."""
        if not self._accumulates or not self._optimizer.gradient_sums_are_own:
            return []
        taken = foreach.mul(
            list(map(local, self._optimizer.gradient_sums_of(weights))),
            times * (self._optimizer.loss_scale_factor or 1.0),
        )
        foreach.zero_(_memory(self._optimizer))
        return list(taken)


def settle(optimizer: Any, processes: Processes) -> None:
    """Makes the sums of gradients of an optimizer those of all processes, in each of them."""
    if getattr(optimizer, "gradient_sums_are_own", False):
        processes.add_up(_memory(optimizer))
        optimizer.gradient_sums_are_own = False


def _accumulates(optimizer: Any) -> bool:
    """Returns whether an optimizer does nothing with the gradients of most steps but add them up."""
    return (
        isinstance(optimizer, Optimizer)
        and bool(optimizer.gradient_accumulation_steps)
        and type(optimizer).apply is Optimizer.apply  # one that scales losses looks at the gradients of all
        and "apply" not in optimizer.__dict__  # so does, perhaps, a function that a user has put in its place
    )


def _memory(optimizer: Any) -> list[torch.Tensor]:
    return [local(total.detach()) for total in optimizer.gradient_sums]
