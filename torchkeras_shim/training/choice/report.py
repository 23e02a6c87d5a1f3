"""What ran how, for `explain_step`, and the warnings where what was asked for does not work."""

from __future__ import annotations

import warnings
from typing import Any

from torchkeras_shim.training.capture.recording import Recorder
from torchkeras_shim.training.capture.torch_compiled import TorchCompiled
from torchkeras_shim.training.choice.one_thread import Size
from torchkeras_shim.training.parts import Step

#: Steps before anything is tried: the first ones allocate, check the data and warm the caches.
WARM_UP = 3


class Report:
    """What ran, for `explain_step`.

    Attributes:
        strategy: The strategy in force.
        reason: Why.
        foreign: Whether the reason is that part of the model is the user's own code.
        size: How large the step is: a small one runs on one thread.
        ran: What replays and counts its replays; `None` if nothing does.
        eager_ms: The median time of an eager step in the trial, in milliseconds.
        captured_ms: The same of a replayed one.
    """

    def __init__(self, strategy: str = "eager", reason: str = "") -> None:
        self.strategy = strategy
        self.reason = reason
        self.foreign = False
        self.size = Size()
        self.ran: Any = None
        self.eager_ms: float | None = None
        self.captured_ms: float | None = None

    def told(self) -> tuple[str, str]:
        """Returns the strategy and the reason, with what has really been replayed so far."""
        strategy, reason = self._told()
        return strategy, "; ".join(
            filter(None, [reason, "on one thread, because it is small" if self.size.small else ""])
        )

    def _told(self) -> tuple[str, str]:
        ran = self.ran
        if ran is None:
            return self.strategy, self.reason
        compiled = isinstance(ran, TorchCompiled)
        if ran.refusal is not None and ran.replayed:
            kind = "compiled steps" if compiled else "replays"
            return "eager", f"given up after {ran.replayed} {kind}: {ran.refusal}"
        if self.strategy == "eager":
            return self.strategy, self.reason
        done = "run compiled" if compiled else "replayed"
        reason = f"{self.reason}; {done} {ran.replayed} times, run as written {ran.written} times"
        return self.strategy, reason + (f", the last time because {ran.obstacle}" if ran.obstacle is not None else "")


def forced(step: Step, captured: Any, report: Report, *, strategy: str, asked: str) -> Step:
    """Returns a step that replays wherever it can, and warns once if it cannot.

    Args:
        step: The step that goes through `captured`.
        captured: What captures and replays; its `refusal` says why it cannot.
        report: Where to note what runs.
        strategy: The strategy's name.
        asked: What the user wrote to get it.
    """
    report.strategy, report.reason, report.ran = strategy, asked, captured
    told = False

    def run(x: Any, y: Any, sample_weight: Any = None) -> Any:
        nonlocal told
        result = step(x, y, sample_weight)
        if captured.refusal is not None and not told:
            told = True
            report.strategy, report.reason = "eager", f"it cannot be captured: {captured.refusal}"
            warnings.warn(told_instead(asked, report.reason), stacklevel=2)
        return result

    return run


def through_compiler(step: Step, compiled: TorchCompiled, report: Report, *, asked: str, heard: set[str]) -> Step:
    """Returns a step that runs compiled wherever it can, and warns if it cannot: once for each reason.

    Args:
        step: The step that goes through `compiled`.
        compiled: What runs compiled.
        report: Where to note what runs.
        asked: What the user wrote to get it.
        heard: The reasons that the user has heard, from this step or another one of the model.
    """
    report.strategy, report.reason, report.ran = "torch.compile", asked, compiled

    def run(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        result = step(x, y, sample_weight)
        if compiled.refusal is not None and report.strategy != "eager":
            report.strategy, report.reason = "eager", f"torch.compile failed with {compiled.refusal}"
            tell_once(asked, report.reason, heard)
        elif compiled.obstacle is not None:
            tell_once(asked, compiled.obstacle, heard)
        return result

    return run


def tell_once(asked: str, reason: str, heard: set[str]) -> None:
    """Warns that what was asked for does not work, unless that was told before."""
    if reason not in heard:
        heard.add(reason)
        warnings.warn(told_instead(asked, reason), stacklevel=3)


def told_instead(asked: str, reason: str) -> str:
    """Returns the warning that what was asked for does not work."""
    return (
        f"The step runs eagerly in spite of {asked}, because {reason}. Change that, or compile with "
        "`jit_compile=False`."
    )


def watched(eager: Step, report: Report) -> Step:
    """Returns the eager step; its first steps are looked at for what slows the user's own code down, once.

    Args:
        eager: The step as it is written.
        report: Where the reason for running eagerly stands.
    """
    count = 0

    def run(x: Any, y: Any, sample_weight: Any = None) -> Any:
        nonlocal count
        count += 1
        if count != WARM_UP:
            return eager(x, y, sample_weight)
        with Recorder(only_obstacles=True) as recorder:
            result = eager(x, y, sample_weight)
        if recorder.obstacles:
            report.reason += f"; besides, {recorder.obstacles[0]}"
            warnings.warn(
                f"Steps run eagerly: {recorder.obstacles[0]}. On an accelerator this makes every step wait. "
                "`model.explain_step()` tells more; `compile(..., jit_compile=False)` silences this.",
                stacklevel=2,
            )
        return result

    return run
