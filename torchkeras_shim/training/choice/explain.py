"""`Model.explain_step`: what ran how, and where the time of a step goes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from tabulate import tabulate

from torchkeras_shim.core import device as devices
from torchkeras_shim.core import tree
from torchkeras_shim.core.random_state import RandomState
from torchkeras_shim.training import denormals
from torchkeras_shim.training.capture.recording import Recorder
from torchkeras_shim.training.choice.one_thread import one_thread
from torchkeras_shim.training.choice.report import Report
from torchkeras_shim.training.own_steps import overrides
from torchkeras_shim.training.parts import ExtraLosses, Parts, Step, make_update

_METHODS = ("fit", "evaluate", "predict")
_WARM_UP = 3
_ROUNDS = 15
_ALIGN = ("left", "right", "right")


@dataclass
class Seen:
    """What the last loops leave behind.

    Attributes:
        sample: A batch; `None` if there was none since the model was compiled.
        data_places: Where the data lived, in words.
        epoch_seconds: How long the last epoch of `fit` took, and its number of steps.
    """

    sample: Any = None
    data_places: Sequence[str] = ()
    epoch_seconds: tuple[float, int] | None = None

    def note_data(self, batch: Any, places: Sequence[str]) -> None:
        """Notes a batch, and where the data lives."""
        # A copy: a view would keep the whole of the data alive after the loop.
        self.sample = tree.map_structure(lambda leaf: leaf.clone() if isinstance(leaf, torch.Tensor) else leaf, batch)
        self.data_places = places


class Explained(Protocol):
    """What `explain` must know of the binding of a model."""

    reports: dict[str, Report]

    @property
    def device(self) -> torch.device:
        """Where the model lives."""

    def twin(self) -> tuple[Parts, Step]:
        """Returns the parts and the eager training step of a copy of the model."""


def explain(model: Any, binding: Explained, *, seen: Seen, print_fn: Callable[[str], Any] | None) -> None:
    """Prints what the last loops of a model did. See `Model.explain_step`.

    Args:
        model: The model.
        binding: What it was compiled to.
        seen: What the loops left behind.
        print_fn: Prints one piece of text.
    """
    device = binding.device
    say = print_fn or print
    say(f"Steps of model '{model.name}' on {devices.describe(device)}, {_precision(model)}")
    say(tabulate(_strategies(binding.reports), ["", "strategy", "why"], disable_numparse=True))
    for line in seen.data_places:
        say(f"Data: {line}")
    if seen.epoch_seconds:
        seconds, count = seen.epoch_seconds
        say(f"Last epoch of fit: {count} steps, {1e3 * seconds / max(count, 1):.3f} ms per step, everything included")
    if seen.sample is None or not model.compiled:
        say("No batch was seen since the model was compiled: call `fit` or `evaluate` for the time of its parts.")
        return
    parts, step = binding.twin()
    random = RandomState()
    try:
        with denormals.flushed(device):
            reads = _host_reads(step, seen.sample)
            with one_thread(binding.reports.get("fit", Report()).size.small):
                rows = _times(parts, step, seen.sample)
    finally:
        random.restore()
    say(f"Host reads of device values per step: {len(reads)}" + "".join(f"\n  {place}" for place in reads))
    say(tabulate(rows, ["part of an eager training step", "ms", "share"], colalign=_ALIGN, disable_numparse=True))


def _precision(model: Any) -> str:
    policies = {module.dtype_policy.name for module in model.modules() if hasattr(module, "dtype_policy")}
    return " and ".join(sorted(policies)) or "float32"


def _strategies(reports: dict[str, Report]) -> list[list[str]]:
    rows = []
    for method in _METHODS:
        report = reports.get(method)
        rows.append([method, *report.told()] if report is not None else [method, "-", "has not run"])
    return rows


def _host_reads(step: Step, batch: Any) -> list[str]:
    step(*batch)  # the first one looks at the data
    recorder = Recorder(only_obstacles=True)
    with recorder:
        step(*batch)
    return recorder.host_reads


def _times(parts: Parts, step: Step, batch: Any) -> list[list[str]]:
    if overrides(parts.model, "train_step") or not parts.objective.built or not parts.parameters:
        return _shares({"the model's own train_step": [_timed(parts, step, *batch)[0] for _ in range(_ROUNDS)]})
    x, y, sample_weight = batch
    extra, update = ExtraLosses(parts.model), make_update(parts)
    optimizer, parameters = parts.optimizer, parts.parameters
    apply = optimizer.stepper(parameters)
    times: dict[str, list[float]] = {
        name: [] for name in ("forward", "loss", "backward", "update of the weights", "metrics")
    }
    for number in range(_WARM_UP + _ROUNDS):
        extra.refresh()
        extra.clear()
        forward, y_pred = _timed(parts, parts.forward, x)
        extra.refresh()
        losing, loss = _timed(parts, lambda out: extra.add_to(parts.objective(y, out, sample_weight)), y_pred)
        backward, _ = _timed(parts, optimizer.scale_loss(loss).backward)
        grads = [parameter.grad for parameter in parameters]
        with torch.no_grad():
            updating, _ = _timed(parts, apply, grads)
            for parameter in parameters:
                parameter.grad = None
            measuring, _ = _timed(parts, update, x, y, sample_weight, y_pred, loss)
        if number >= _WARM_UP:
            for name, value in zip(times, (forward, losing, backward, updating, measuring), strict=True):
                times[name].append(value)
    return _shares(times)


def _timed(parts: Parts, function: Callable[..., Any], *args: Any) -> tuple[float, Any]:
    devices.synchronize(parts.device)
    start = time.perf_counter()
    result = function(*args)
    devices.synchronize(parts.device)
    return time.perf_counter() - start, result


def _shares(times: dict[str, list[float]]) -> list[list[str]]:
    medians = {name: 1e3 * statistics.median(values) for name, values in times.items()}
    whole = sum(medians.values()) or 1.0
    return [[name, f"{value:.3f}", f"{value / whole:.0%}"] for name, value in medians.items()]
