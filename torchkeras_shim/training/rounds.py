"""When gradients of several processes are exchanged: for each update, not in each step of gradient accumulation.

Between two updates each process adds its own gradients to its own sums. Those of all processes together are what one
process would have; before somebody may look at them, in a file for one, they are made so in each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim.core.sharded import local
from torchkeras_shim.core.torch_private import foreach
from torchkeras_shim.distribution.portion import Work
from torchkeras_shim.distribution.processes import Processes
from torchkeras_shim.optimizers import LossScaleOptimizer, MultiOptimizer, Optimizer
from torchkeras_shim.optimizers.overwriting import any_overwritten, is_overwritten
from torchkeras_shim.training.parts import Parts


class Rounds:
    """The steps from one update of an optimizer to the next, as one of several processes takes them.

    Args:
        parts: What the step is made from.

    Attributes:
        can_overlap: Whether gradients may be exchanged while the backward pass is still running.
    """

    def __init__(self, parts: Parts) -> None:
        assert parts.processes is not None
        assert parts.distribution is not None
        self._optimizer, self._processes, self._parameters = parts.optimizer, parts.processes, parts.parameters
        self._looks = parts.distribution.find_unused_parameters
        overwritten = any_overwritten(parts.parameters)
        self._keepers = [] if overwritten else _keepers(parts.optimizer)
        self._scales_itself = isinstance(parts.optimizer, LossScaleOptimizer) and bool(self._keepers)
        # Sums of weights that take no part in the step of an update would stay behind.
        self.can_overlap = not (overwritten or self._scales_itself or (self._looks and self._keepers))
        self._used: list[bool] | None = None

    def stepper(self) -> Callable[[list[Any]], None]:
        """Returns a function that updates the weights by gradients as `exchanged` returns them."""
        if not self._scales_itself:
            return self._optimizer.stepper(self._parameters)  # type: ignore[no-any-return]
        # A step that is left out leaves the sums alone: whether this one is must be known before they are exchanged.
        return self._optimizer.stepper_among(  # type: ignore[no-any-return]
            self._parameters,
            self._processes.group,
            lambda grads: self._together(grads) if self.are_complete() else grads,
        )

    def are_complete(self) -> bool:
        """Returns whether the step that begins is one in which gradients are exchanged."""
        if not self._keepers:
            return True
        if Work.watched:
            settle(self._optimizer, self._processes)
            return True
        for keeper in self._keepers:
            if not keeper.gradient_sums_are_own:
                keeper.gradient_sums_are_own = True
                if self._processes.rank:  # what all processes have counts once
                    foreach.zero_(_memory(keeper))
        complete = {keeper.completes_round for keeper in self._keepers}
        if len(complete) > 1:  # somebody has set the step count of one of them
            settle(self._optimizer, self._processes)
        return True in complete

    def hand_on(self, weights: Sequence[torch.Tensor]) -> None:
        """Lets the backward pass of an update add gradients to what was added up before, and take means of all."""
        for weight, total in zip(weights, self._taken(weights, self._processes.count), strict=False):
            weight.grad = total

    def used(self, grads: Sequence[Any]) -> list[bool]:
        """Returns which weights take part: those that have a gradient in any process, at the first batch or in each.

        Args:
            grads: The gradients of this process.
        """
        if self._used is None or self._looks:
            self._used = used_anywhere(self._processes, grads)
        return self._used

    def entered(self, grads: Sequence[Any]) -> list[torch.Tensor]:
        """Returns the weights whose gradients are exchanged from the second batch on.

        Args:
            grads: The gradients of this process at the first one.
        """
        taking = zip(self._parameters, self.used(grads), strict=True)
        return [weight for weight, takes in taking if takes or self._looks]

    def exchanged(self, grads: Sequence[Any]) -> list[Any]:
        """Returns gradients with those of all other processes; this one's alone within a round.

        Args:
            grads: The gradients of this process.
        """
        if self._scales_itself or not self.are_complete():
            return list(grads)
        return self._together(grads)

    def _together(self, grads: Sequence[Any]) -> list[Any]:
        used = self.used(grads)
        weights = [weight for weight, takes in zip(self._parameters, used, strict=True) if takes]
        found = with_nothing_missing([grad for grad, takes in zip(grads, used, strict=True) if takes], weights)
        for grad, total in zip(found, self._taken(weights, 1), strict=False):
            local(grad).add_(total)
        found = exchanged(found, weights, self._processes)
        rest = iter(found)
        return [next(rest) if takes else None for takes in used]

    def _taken(self, weights: Sequence[torch.Tensor], times: float) -> list[torch.Tensor]:
        """Returns what was added up for some weights, scaled as gradients are, and lets the optimizer start over."""
        if not self._keepers or not self._keepers[0].gradient_sums_are_own:
            return []
        scale = None if self._scales_itself else self._optimizer.loss_scale_factor
        owners = {id(weight): keeper for keeper in self._keepers for weight in keeper.trained}
        sums = [total for weight in weights for total in owners[id(weight)].gradient_sums_of([weight])]
        taken = foreach.mul(sums, times * (scale or 1.0))
        for keeper in self._keepers:
            foreach.zero_(_memory(keeper))
        return list(taken)


def used_anywhere(processes: Processes, grads: Sequence[Any]) -> list[bool]:
    """Returns which weights have a gradient in any process."""
    return [bool(flag) for flag in processes.largest(*(int(grad is not None) for grad in grads))]


def with_nothing_missing(grads: Sequence[Any], weights: Sequence[torch.Tensor]) -> list[Any]:
    """Returns gradients with those that count for nothing in the places of what is missing."""
    return [_nothing(weight) if grad is None else grad for grad, weight in zip(grads, weights, strict=True)]


def exchanged(grads: Sequence[Any], weights: Sequence[torch.Tensor], processes: Processes) -> list[Any]:
    """Returns the gradients of all processes: their sums, into which given ones turn.

    Where a gradient is the new value of its variable it is the largest, as Keras takes it over the steps of an
    accumulation: the history of absolute maxima that a layer in 8 bits keeps becomes that of the whole batch.

    Args:
        grads: The gradients of this process.
        weights: The weights.
        processes: Those that share the batch.
    """
    if not any_overwritten(weights):
        processes.add_up([local(grad) for grad in grads])
        return list(grads)
    pairs = list(zip(grads, weights, strict=True))
    processes.add_up([local(grad) for grad, weight in pairs if not is_overwritten(weight)])
    return [largest(grad, processes) if is_overwritten(weight) else grad for grad, weight in pairs]


def largest(value: torch.Tensor, processes: Processes) -> torch.Tensor:
    """Returns the largest of the new values that processes have for a variable; those of borrowed rows do not count."""
    own = torch.full_like(value, -torch.inf) if Work.borrowed else value.detach().clone()
    processes.take_largest([local(own)])
    return own


def _nothing(weight: torch.Tensor) -> torch.Tensor:
    return torch.full_like(weight.detach(), -torch.inf if is_overwritten(weight) else 0.0)


def settle(optimizer: Any, processes: Processes) -> None:
    """Makes the sums of gradients of an optimizer those of all processes, in each of them."""
    for keeper in _leaves(optimizer):
        if keeper.gradient_sums_are_own:
            processes.add_up(_memory(keeper))
            keeper.gradient_sums_are_own = False


def _leaves(optimizer: Any) -> list[Optimizer]:
    """Returns the optimizers that update weights themselves."""
    if isinstance(optimizer, LossScaleOptimizer):
        return _leaves(optimizer.inner_optimizer)
    if isinstance(optimizer, MultiOptimizer):
        return [inner for inner in optimizer.optimizers if inner.built]
    return [optimizer] if isinstance(optimizer, Optimizer) else []


def _keepers(optimizer: Any) -> list[Optimizer]:
    """Returns the optimizers that do nothing with the gradients of most steps but add them up, if all do so alike."""
    leaves = _leaves(optimizer)
    wrappers = [one for one in (optimizer, getattr(optimizer, "inner_optimizer", None)) if one not in leaves]
    if not all(_applies_as_built_in(one) for one in (*wrappers, *leaves) if one is not None):
        return []
    lengths = {leaf.gradient_accumulation_steps for leaf in leaves}
    return leaves if len(lengths) == 1 and lengths.pop() else []


def _applies_as_built_in(optimizer: Any) -> bool:
    """Returns whether nobody has put a function in the place of `apply`, which might look at all gradients."""
    usual = next(kind.apply for kind in (LossScaleOptimizer, MultiOptimizer, Optimizer) if isinstance(optimizer, kind))
    return type(optimizer).apply is usual and "apply" not in optimizer.__dict__


def _memory(optimizer: Any) -> list[torch.Tensor]:
    return [local(total.detach()) for total in optimizer.gradient_sums]
