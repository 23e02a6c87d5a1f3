"""The training and evaluation step of one of several processes.

A batch is spread over the processes (`data/splitting.py`). Losses are *shares*: those of all processes add up to the
loss of the whole batch, and so do the gradients. Eager steps leave adding them up to torch's `DistributedDataParallel`,
which begins while the backward pass is still running; replayed and compiled ones add them up after it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.nn.parallel import DistributedDataParallel

from torchkeras_shim.core.sharded import is_gathered, local
from torchkeras_shim.distribution.portion import Portion, Work
from torchkeras_shim.distribution.processes import Processes
from torchkeras_shim.distribution.tensors import spread
from torchkeras_shim.layers import calling
from torchkeras_shim.layers.weights import StructureVersion
from torchkeras_shim.optimizers.overwriting import is_overwritten
from torchkeras_shim.training.noise import Noise
from torchkeras_shim.training.parts import ExtraLosses, Parts, Step, make_loss, make_update
from torchkeras_shim.training.rounds import Rounds, largest
from torchkeras_shim.training.sharding import weighed, whole_steps


def make_several_training(parts: Parts) -> Step:
    """Returns the training step of one of several processes."""
    assert parts.processes is not None
    optimizer, processes, parameters = parts.optimizer, parts.processes, parts.parameters
    scales = getattr(optimizer, "loss_scale_factor", None) is not None
    update = make_update(parts)
    batch = _Batch(parts)
    together, rounds = Together(parts), Rounds(parts)
    apply = rounds.stepper()
    overlapped: DistributedDataParallel | None = None
    weights: list[torch.Tensor] = []

    def training(x: Any, y: Any, sample_weight: Any = None) -> None:
        nonlocal overlapped, weights
        with together:
            if overlapped is None:  # the first batch tells which weights take part
                loss = batch(x, y, sample_weight)
                (optimizer.scale_loss(loss) if scales else loss).backward()
                grads = [parameter.grad for parameter in parameters]
                if rounds.can_overlap:
                    weights = rounds.entered(grads)
                    overlapped = _overlapping(batch, weights, parts)
                grads = rounds.exchanged(grads)
            else:
                complete = rounds.are_complete()
                overlapped.require_backward_grad_sync = complete  # `no_sync` written out
                loss = overlapped(x, y, sample_weight)
                if complete:
                    rounds.hand_on(weights)
                    loss = loss * processes.count  # of which it takes the mean
                (optimizer.scale_loss(loss) if scales else loss).backward()
                grads = [parameter.grad for parameter in parameters]
            with torch.no_grad():
                apply(grads)
                for parameter in parameters:
                    parameter.grad = None
                update(x, y, sample_weight, *batch.taken())

    return training


def make_several_evaluation(parts: Parts) -> Step:
    """Returns the evaluation step of one of several processes."""
    loss_of, update = make_loss(parts, ExtraLosses(parts.model)), make_update(parts)
    together = Together(parts)

    def evaluation(x: Any, y: Any, sample_weight: Any = None) -> None:
        with together:
            update(x, y, sample_weight, *loss_of(x, y, sample_weight))

    return evaluation


def make_several_applying(parts: Parts, gradients: Callable[[Portion, Any, Any, Any], list[Any]]) -> Step:
    """Returns a training step that adds the gradients up when all of them are there.

    Args:
        parts: What the step is made from.
        gradients: From a portion and its batch to the gradients; it updates the metrics.
    """
    assert parts.processes is not None
    together, rounds = Together(parts), Rounds(parts)
    apply = rounds.stepper()

    def training(x: Any, y: Any, sample_weight: Any = None) -> None:
        with together, torch.no_grad():
            assert Work.sharing is not None
            apply(rounds.exchanged(gradients(Work.sharing, x, y, sample_weight)))

    return training


class _Batch(torch.nn.Module):
    """Forward pass and loss as one module, as `DistributedDataParallel` wants it.

    Args:
        parts: What the step is made from.
    """

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self._loss_of = make_loss(parts, ExtraLosses(parts.model))  # the weights are entered by `_overlapping`
        self._taken: Any = None

    def forward(self, x: Any, y: Any, sample_weight: Any) -> torch.Tensor:
        """Returns this process's share of the loss."""
        y_pred, loss = self._loss_of(x, y, sample_weight)
        self._taken = y_pred, loss.detach()
        return loss  # type: ignore[no-any-return]

    def taken(self) -> Any:
        """Returns outputs and loss of the last batch, and lets go of them."""
        taken, self._taken = self._taken, None
        return taken


def _overlapping(batch: _Batch, weights: Sequence[torch.Tensor], parts: Parts) -> DistributedDataParallel:
    """Returns a batch's loss as a module whose backward pass adds up the gradients of weights over the processes."""
    assert parts.processes is not None
    assert parts.distribution is not None
    batch.weights = torch.nn.ParameterList(weights)
    return DistributedDataParallel(
        batch,
        process_group=parts.processes.group,
        init_sync=False,  # `Several.begin` has made the weights alike
        gradient_as_bucket_view=True,
        find_unused_parameters=parts.distribution.find_unused_parameters,
    )


class Together:
    """What is different while a step of several processes is at work: layers and losses know the portion.

    Args:
        parts: What the step is made from.
    """

    def __init__(self, parts: Parts) -> None:
        assert parts.processes is not None
        assert parts.distribution is not None
        self._processes = parts.processes
        self._statistics_of_all = parts.distribution.batch_statistics == "global"
        self._noise = Noise(parts.model, parts.device, parts.processes.rank)
        self._metrics = parts.metrics
        self._kept: list[tuple[torch.Tensor, torch.Tensor]] = []

    def __enter__(self) -> None:
        portion = Work.begin(self._processes, sharing=True, statistics_of_all=self._statistics_of_all)
        self._kept = [] if portion.rows else _kept(self._metrics)
        self._noise.__enter__()

    def __exit__(self, *_: object) -> None:
        self._noise.__exit__()
        Work.end()
        for variable, value in self._kept:
            variable.copy_(value)


def _kept(metrics: Sequence[Any]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Returns the states of metrics with copies of them: a borrowed row leaves no trace there."""
    return [(variable.detach(), variable.detach().clone()) for metric in metrics for variable in metric.variables]


def make_several_prediction(step: Step, model: Any, device: torch.device, processes: Processes) -> Step:
    """Returns a step of `predict` for one of several processes: layers that draw then do so for its own rows.

    Args:
        step: The step.
        model: The model.
        device: Where it lives.
        processes: All processes.
    """
    noise = Noise(model, device, processes.rank)

    def prediction(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        with noise:
            return step(x, y, sample_weight)

    return prediction


def make_several_own(
    step: Step,
    model: Any,
    device: torch.device,
    processes: Processes,
    distribution: Any,
    metrics: Callable[[], Sequence[Any]],
) -> Step:
    """Returns a step of the model's own for one of several processes: each gradient is added up as it is made.

    Its losses are taken for means over the rows at hand.

    Args:
        step: The step.
        model: The model.
        device: Where it lives.
        processes: All processes.
        distribution: How they share the work.
        metrics: Returns the metrics that it may write to.
    """
    statistics_of_all = distribution.batch_statistics == "global"
    noise: Noise | None = None
    version = -1

    def exchanged(weight: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        assert Work.handed is not None
        if is_overwritten(weight):
            return largest(gradient, processes)
        summed = gradient * Work.handed.share
        processes.add_up([local(summed)])
        return summed

    def own(x: Any, y: Any, sample_weight: Any = None) -> Any:
        nonlocal noise, version
        if version != StructureVersion.value:
            version = StructureVersion.value
            # What is built within the step draws its weights there, alike in all processes.
            noise = Noise(model, device, processes.rank) if calling.is_built(model) else None
        portion = Work.begin(processes, sharing=False, statistics_of_all=statistics_of_all)
        kept = [] if portion.rows else _kept(metrics())
        try:
            with (
                _hooked(model, exchanged),
                weighed(portion.share),
                whole_steps(model),
                noise or contextlib.nullcontext(),
            ):
                return step(x, y, sample_weight)
        finally:
            Work.end()
            for variable, value in kept:
                variable.copy_(value)
            if noise is None:
                spread(model, processes)

    return own


@contextlib.contextmanager
def _hooked(model: Any, hook: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """Calls a hook with all weights and their gradients: frozen ones, and those that a layer makes, too."""
    handles: dict[int, Any] = {}

    def enter(module: Any, name: str, weight: Any) -> None:
        if weight is None or is_gathered(weight):  # see `weighed`
            return
        if weight.is_floating_point() and id(weight) not in handles:
            trains = weight.requires_grad
            handles[id(weight)] = weight.requires_grad_(True).register_hook(
                partial(hook, weight)
            )  # torch takes none of a frozen one
            weight.requires_grad_(trains)

    for parameter in model.parameters():
        enter(None, "", parameter)
    handles[0] = register_module_parameter_registration_hook(enter)
    try:
        yield
    finally:
        for handle in handles.values():
            handle.remove()
