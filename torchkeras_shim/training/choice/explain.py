"""`Model.explain_step`: what ran how, and where the time of a step goes."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from tabulate import tabulate

from torchkeras_shim.core.random_state import RandomState
from torchkeras_shim.training import denormals, steps
from torchkeras_shim.training.capture.recording import Recorder

if TYPE_CHECKING:
    from torchkeras_shim.training.preparation import Preparation

_METHODS = ("fit", "evaluate", "predict")
_WARM_UP = 3
_ROUNDS = 15
_ALIGN = ("left", "right", "right")


def explain(trainer: Preparation, print_fn: Callable[[str], Any] | None) -> None:
    """Prints what the last loops of a model did. See `Model.explain_step`."""
    say = print_fn or print
    say(f"Steps of model '{trainer.model.name}' on {_device(trainer)}, {_precision(trainer)}")
    say(tabulate(_strategies(trainer), ["", "strategy", "why"], disable_numparse=True))
    for line in trainer.data_places:
        say(f"Data: {line}")
    if trainer.epoch_seconds:
        seconds, count = trainer.epoch_seconds
        say(f"Last epoch of fit: {count} steps, {1e3 * seconds / max(count, 1):.3f} ms per step, everything included")
    if trainer.sample is None or not trainer.compiled:
        say("No batch was seen since the model was compiled: call `fit` or `evaluate` for the time of its parts.")
        return
    twin = _twin(trainer)
    random = RandomState()
    try:
        with denormals.flushed(trainer.device):
            reads = _host_reads(twin, trainer.sample)
            rows = _parts(twin, trainer.sample)
    finally:
        random.restore()
    say(f"Host reads of device values per step: {len(reads)}" + "".join(f"\n  {place}" for place in reads))
    say(tabulate(rows, ["part of an eager training step", "ms", "share"], colalign=_ALIGN, disable_numparse=True))


def _device(trainer: Preparation) -> str:
    device = trainer.device
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({torch.get_num_threads()} threads)" if device.type == "cpu" else str(device)


def _precision(trainer: Preparation) -> str:
    policies = {module.dtype_policy.name for module in trainer.model.modules() if hasattr(module, "dtype_policy")}
    return " and ".join(sorted(policies)) or "float32"


def _strategies(trainer: Preparation) -> list[list[str]]:
    rows = []
    for method in _METHODS:
        report = trainer.reports.get(method)
        rows.append([method, *report.told()] if report is not None else [method, "-", "has not run"])
    return rows


def _twin(trainer: Preparation) -> Preparation:
    """Returns the trainer of a copy of the model, which may be trained without a trace."""
    twin: Preparation = copy.deepcopy(trainer.model)._trainer
    twin.jit_compile = False
    twin.planned_steps = 0
    twin.model.train()
    return twin


def _host_reads(trainer: Preparation, batch: Any) -> list[str]:
    step = trainer.train_step()
    step(*batch)  # the first one looks at the data
    recorder = Recorder(only_obstacles=True)
    with recorder:
        step(*batch)
    return recorder.host_reads


def _parts(trainer: Preparation, batch: Any) -> list[list[str]]:
    if trainer.overrides("train_step") or not trainer.objective.built or not trainer.parameters:
        step = trainer.train_step()
        return _shares({"the model's own train_step": [_timed(trainer, step, *batch)[0] for _ in range(_ROUNDS)]})
    x, y, sample_weight = batch
    extra = steps.ExtraLosses(trainer.model)
    update = steps.make_update(trainer)
    apply = trainer.optimizer.stepper(trainer.parameters)
    times: dict[str, list[float]] = {
        name: [] for name in ("forward", "loss", "backward", "update of the weights", "metrics")
    }
    for number in range(_WARM_UP + _ROUNDS):
        extra.refresh()
        extra.clear()
        forward, y_pred = _timed(trainer, trainer.forward, x)
        extra.refresh()
        losing, loss = _timed(trainer, lambda out: extra.add_to(trainer.objective(y, out, sample_weight)), y_pred)
        backward, _ = _timed(trainer, trainer.optimizer.scale_loss(loss).backward)
        grads = [parameter.grad for parameter in trainer.parameters]
        with torch.no_grad():
            updating, _ = _timed(trainer, apply, grads)
            for parameter in trainer.parameters:
                parameter.grad = None
            measuring, _ = _timed(trainer, update, x, y, sample_weight, y_pred, loss)
        if number >= _WARM_UP:
            for name, value in zip(times, (forward, losing, backward, updating, measuring), strict=True):
                times[name].append(value)
    return _shares(times)


def _timed(trainer: Preparation, function: Callable[..., Any], *args: Any) -> tuple[float, Any]:
    cuda = trainer.device.type == "cuda"
    if cuda:
        torch.cuda.synchronize(trainer.device)
    start = time.perf_counter()
    result = function(*args)
    if cuda:
        torch.cuda.synchronize(trainer.device)
    return time.perf_counter() - start, result


def _shares(times: dict[str, list[float]]) -> list[list[str]]:
    medians = {name: 1e3 * statistics.median(values) for name, values in times.items()}
    whole = sum(medians.values()) or 1.0
    return [[name, f"{value:.3f}", f"{value / whole:.0%}"] for name, value in medians.items()]
