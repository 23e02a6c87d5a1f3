"""The training and evaluation step of one of several processes.

A batch is spread over the processes (`data/splitting.py`). Losses are *shares*: those of all processes add up to the
loss of the whole batch, and so do the gradients. Eager steps leave adding them up to torch's `DistributedDataParallel`,
which begins while the backward pass is still running; replayed and compiled ones add them up after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel

from torchkeras_shim.core.device import generator_of
from torchkeras_shim.core.seeding import mixed
from torchkeras_shim.distribution.portion import Portion, Work
from torchkeras_shim.distribution.processes import Processes
from torchkeras_shim.training.parts import ExtraLosses, Parts, Step, make_loss

# Sets the noise of processes apart from what else is drawn from the same seed.
_NOISE = 1 << 30


def make_several_training(parts: Parts) -> Step:
    """Returns the training step of one of several processes."""
    assert parts.processes is not None
    optimizer, processes, parameters = parts.optimizer, parts.processes, parts.parameters
    scales = getattr(optimizer, "loss_scale_factor", None) is not None
    apply = optimizer.stepper(parameters)
    no_grad = torch.no_grad()
    batch = _Batch(parts)
    noise = _Noise(parts)
    overlapped: DistributedDataParallel | None = None

    def training(x: Any, y: Any, sample_weight: Any = None) -> None:
        nonlocal overlapped
        portion = Work.handed
        assert portion is not None
        with _at_work(portion), noise:
            if overlapped is None:  # the first batch tells which weights take part
                loss = batch(x, y, sample_weight)
                (optimizer.scale_loss(loss) if scales else loss).backward()
                used = _add_up_gradients(processes, parameters)
                overlapped = _overlapping(batch, [w for w, takes in zip(parameters, used, strict=True) if takes], parts)
            else:
                loss = overlapped(x, y, sample_weight) * processes.count  # of which it takes the mean
                (optimizer.scale_loss(loss) if scales else loss).backward()
            with no_grad:
                apply([parameter.grad for parameter in parameters])
                for parameter in parameters:
                    parameter.grad = None
                batch.update(x, y, sample_weight)

    return training


def make_several_evaluation(parts: Parts) -> Step:
    """Returns the evaluation step of one of several processes."""
    batch = _Batch(parts)

    def evaluation(x: Any, y: Any, sample_weight: Any = None) -> None:
        portion = Work.handed
        assert portion is not None
        with _at_work(portion):
            batch(x, y, sample_weight)
            batch.update(x, y, sample_weight)

    return evaluation


@contextmanager
def _at_work(portion: Portion) -> Iterator[None]:
    Work.portion = Work.sharing = portion
    try:
        yield
    finally:
        Work.portion = Work.sharing = None


class _Batch(torch.nn.Module):
    """Forward pass and loss as one module, as `DistributedDataParallel` wants it.

    Args:
        parts: What the step is made from.
    """

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self._parts = (parts,)  # not a child: its weights are entered by `_overlapping`
        self._loss_of = make_loss(parts, ExtraLosses(parts.model))
        self._outputs: Any = None

    def forward(self, x: Any, y: Any, sample_weight: Any) -> torch.Tensor:
        """Returns this process's share of the loss."""
        y_pred, loss = self._loss_of(x, y, sample_weight)
        self._outputs = y_pred, loss.detach()
        return loss  # type: ignore[no-any-return]

    def update(self, x: Any, y: Any, sample_weight: Any) -> None:
        """Accumulates loss and metrics of the batch that was last at work, unless its row is borrowed."""
        (parts,), (y_pred, loss), portion = self._parts, self._outputs, Work.portion
        assert portion is not None
        self._outputs = None
        if not portion.rows:
            return
        parts.loss_tracker.total.add_(loss, alpha=portion.total)
        parts.loss_tracker.count.add_(portion.rows)
        parts.measures.update(y, y_pred, sample_weight)


def _overlapping(batch: _Batch, weights: Sequence[torch.Tensor], parts: Parts) -> DistributedDataParallel:
    """Returns a batch's loss as a module whose backward pass adds up the gradients of weights over the processes."""
    batch.weights = torch.nn.ParameterList(weights)
    return DistributedDataParallel(
        batch,
        init_sync=False,  # `Several.begin` has made the weights alike
        gradient_as_bucket_view=True,
        find_unused_parameters=parts.find_unused,
    )


def _add_up_gradients(processes: Processes, parameters: Sequence[torch.Tensor]) -> list[bool]:
    """Adds up the gradients of weights over the processes. Returns which of them have one in any process."""
    used = [parameter.grad is not None for parameter in parameters]
    used = [bool(flag) for flag in processes.largest(*map(int, used))]
    for parameter, takes_part in zip(parameters, used, strict=True):
        if takes_part and parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    processes.add_up([parameter.grad for parameter in parameters if parameter.grad is not None])
    return used


class _Noise:
    """Lets layers draw other random numbers in each process, while all that is drawn between steps stays alike.

    What a step draws depends on the seed, the number of the step and the process, so that a training that was
    interrupted goes on with the same numbers.

    Args:
        parts: What the step is made from.
    """

    def __init__(self, parts: Parts) -> None:
        assert parts.processes is not None
        self._rank, self._optimizer = parts.processes.rank, parts.optimizer
        found = (torch.default_generator, generator_of(parts.device))
        self._generators = list({id(generator): generator for generator in found if generator is not None}.values())
        self._before: list[torch.Tensor] = []

    def __enter__(self) -> None:
        # 2.5 µs for a generator.
        self._before = [generator.get_state() for generator in self._generators]
        step = self._optimizer._steps.read()
        for generator in self._generators:
            generator.manual_seed(mixed(mixed(generator.initial_seed(), _NOISE + self._rank), step))

    def __exit__(self, *_: object) -> None:
        for generator, state in zip(self._generators, self._before, strict=True):
            generator.set_state(state)


def make_several_own(step: Step, model: Any, processes: Processes, metrics: Callable[[], Sequence[Any]]) -> Step:
    """Returns a step of the model's own for one of several processes: each gradient is added up as it is made.

    Its losses are taken for means over the rows at hand.

    Args:
        step: The step.
        model: The model.
        processes: All processes.
        metrics: Returns the metrics that it may write to.
    """

    def add_up(gradient: torch.Tensor) -> torch.Tensor:
        portion = Work.portion
        assert portion is not None
        summed = gradient * portion.share
        processes.add_up([summed])
        return summed

    def own(x: Any, y: Any, sample_weight: Any = None) -> Any:
        portion = Work.handed
        assert portion is not None
        kept = None if portion.rows else [(v, v.detach().clone()) for metric in metrics() for v in metric.variables]
        handles = [parameter.register_hook(add_up) for parameter in model.parameters() if parameter.requires_grad]
        Work.portion = portion
        try:
            return step(x, y, sample_weight)
        finally:
            Work.portion = None
            for handle in handles:
                handle.remove()
            for variable, value in kept or ():
                variable.data.copy_(value)

    return own
