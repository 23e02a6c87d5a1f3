"""A trial between an eager and a captured step, which compute the same numbers."""

from __future__ import annotations

import statistics
import time
from typing import Any

from torchkeras_shim.distribution.processes import Processes
from torchkeras_shim.training.capture.function import Captured
from torchkeras_shim.training.capture.steps import CapturedByPortion
from torchkeras_shim.training.choice.report import WARM_UP, Report
from torchkeras_shim.training.parts import Step

#: Replayed and eager steps that are timed against each other.
_TRIALS = 8

#: A trial is not worth it in a run with fewer steps than this.
MIN_STEPS = 40

#: The captured step must take no more than this share of the eager one's time.
_WORTH_IT = 0.97

#: Several processes tell one another after so many steps of a trial where they stand.
_TALK = 4


class Trial:
    """Runs steps eagerly and captured in turn, and keeps the faster way.

    Both ways compute the same numbers, so every step of the trial counts as training; what it costs is one recording.

    Of several processes, all keep the same way: the one in which the step takes less time in the mean of them, with
    all that the exchange of gradients takes and what of it the backward pass hides.

    Args:
        eager: The step as it is written.
        captured_step: The step that replays.
        captured: What it replays.
        report: Where to note what was found.
        processes: Those that train together and try at the same time.
    """

    def __init__(
        self,
        eager: Step,
        captured_step: Step,
        captured: Captured | CapturedByPortion,
        report: Report,
        processes: Processes | None = None,
    ) -> None:
        self._eager, self._captured_step, self._captured = eager, captured_step, captured
        self._report, self._processes = report, processes
        self._count = 0
        self._times: tuple[list[float], list[float]] = ([], [])
        self._run: Step = self._try
        report.ran = captured
        report.strategy, report.reason = "eager", "it is still being timed against a captured step"

    def __call__(self, x: Any, y: Any, sample_weight: Any = None) -> Any:
        return self._run(x, y, sample_weight)

    def _try(self, x: Any, y: Any, sample_weight: Any) -> Any:
        self._count += 1
        if self._count <= WARM_UP:
            return self._eager(x, y, sample_weight)
        captured, before = self._count % 2 == 0, self._captured.replayed
        start = time.perf_counter()
        result = (self._captured_step if captured else self._eager)(x, y, sample_weight)
        if not captured or self._captured.replayed > before:
            self._times[captured].append(time.perf_counter() - start)
        refused, waits = self._captured.refusal is not None, min(map(len, self._times)) < _TRIALS
        if self._processes is not None:
            if self._count % _TALK:
                return result
            refused, waits = map(bool, self._processes.largest(refused, waits))
        if refused:
            reason = self._captured.refusal or "another process has met something in the way"
            self._settle(self._eager, "eager", f"cannot be captured: {reason}")
        elif not waits:
            self._decide()
        elif self._count > 20 * _TRIALS:
            nothing = self._captured.obstacle or "batches of ever new shapes leave nothing to replay"
            self._settle(self._eager, "eager", nothing)
        return result

    def _decide(self) -> None:
        medians = [statistics.median(times) for times in self._times]
        if self._processes is not None:
            nanoseconds = self._processes.sum_of(*(int(1e9 * median) for median in medians))
            medians = [1e-9 * total / self._processes.count for total in nanoseconds]
        eager, captured = (1e3 * median for median in medians)
        self._report.eager_ms, self._report.captured_ms = eager, captured
        if captured <= _WORTH_IT * eager:
            self._settle(self._captured_step, "captured", f"{captured:.3f} ms per step against {eager:.3f} ms eagerly")
        else:
            self._settle(self._eager, "eager", f"{eager:.3f} ms per step against {captured:.3f} ms captured")

    def _settle(self, step: Step, strategy: str, reason: str) -> None:
        self._run = step
        self._report.strategy, self._report.reason = strategy, reason
