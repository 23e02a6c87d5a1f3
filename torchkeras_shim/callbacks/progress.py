"""The progress bar: Keras 3's look, drawn every 0.05 s at most; a plain line per epoch where nothing can be redrawn."""

from __future__ import annotations

import math
import os
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.callbacks.callback import Callback, Logs, is_default
from torchkeras_shim.core.console import is_interactive_logging_enabled, print_msg

_clock = time.perf_counter
_BOLD, _GREEN, _WHITE, _RESET = "\x1b[1m", "\x1b[32m", "\x1b[37m", "\x1b[0m"


class Progbar:
    """A progress bar.

    Args:
        target: Number of steps expected, `None` if unknown.
        width: Width of the bar in characters.
        verbose: 0 (silent), 1 (a bar that is redrawn), 2 (one line at the end).
        interval: The least time between two drawings, in seconds.
        stateful_metrics: Names of values to show as they are; all others are averaged over the steps.
        stateless_metrics: Names of values to average over the steps; all others are shown as they are.
        unit_name: What a step is called.

    Raises:
        ValueError: If both kinds of metrics are given.

    Example:
        >>> bar = Progbar(2, verbose=2)
        >>> bar.update(2, [("loss", 0.25)])
        2/2 - 0s - ...s/step - loss: 0.2500
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError(
                "Only one of `stateful_metrics` or `stateless_metrics` can be provided. `stateful_metrics` names the "
                "values that are shown as they are (all others are averaged), `stateless_metrics` the values that are "
                f"averaged (all others are shown as they are). Received: stateful_metrics={stateful_metrics}, "
                f"stateless_metrics={stateless_metrics}"
            )
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self.stateful_metrics = set(stateful_metrics or ()) if stateless_metrics is None else None
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self._dynamic_display = _can_redraw()
        self._seen_so_far = 0
        self._values: dict[str, list[Any]] = {}  # name -> [sum, count]
        self._start = _clock()
        self._last_update = -math.inf
        self._time_after_first_step: float | None = None
        self._prev_total_width = 0
        self._is_line_open = False

    def update(
        self, current: int, values: Sequence[tuple[str, Any]] | None = None, finalize: bool | None = None
    ) -> None:
        """Tells the bar where things stand; it decides whether to draw.

        Args:
            current: Number of steps done.
            values: `(name, value)` pairs of the last step.
            finalize: Whether this is the last update, which is always drawn; `current >= target` by default.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or ():
            self._take(name, value, current, finalize)
        self._seen_so_far = current
        now = _clock()
        time_per_unit = self._estimate_step_duration(current, now)
        if self.verbose == 1:
            if not finalize and (now - self._last_update < self.interval or not self._dynamic_display):
                return
            self._draw(current, now, time_per_unit, finalize)
        elif self.verbose == 2 and finalize and self.target:
            print_msg(self._line(current, now, time_per_unit))
        self._last_update = now

    def _pause(self) -> float:
        """Returns after how many seconds to draw again.

        What executes a notebook may keep every drawing in its file: there, the longer it takes, the fewer.
        """
        if not _in_notebook():
            return self.interval
        return max(self.interval, min(max(0.2, (_clock() - self._start) / 50), 5.0))

    def _end_line(self) -> None:
        """Ends a line that was drawn in part."""
        if self._is_line_open:
            self._is_line_open = False
            print_msg("")

    def add(self, n: int, values: Sequence[tuple[str, Any]] | None = None) -> None:
        """Advances the bar by `n` steps."""
        self.update(self._seen_so_far + n, values)

    def _take(self, name: str, value: Any, current: int, finalize: bool) -> None:
        if self.stateless_metrics is not None:
            averaged = name in self.stateless_metrics
        else:
            averaged = name not in (self.stateful_metrics or ())
        if not averaged or finalize:
            self._values[name] = [value, 1]
            return
        steps = max(current - self._seen_so_far, 1)
        total, count = self._values.get(name, (0, 0))
        self._values[name] = [total + value * steps, count + steps]

    def _estimate_step_duration(self, current: int, now: float) -> float:
        """Returns the mean time of a step, leaving out the first one (which warms up) where its end was seen."""
        if not current:
            return 0
        if self._time_after_first_step is not None and current > 1:
            duration = (now - self._time_after_first_step) / (current - 1)
        else:
            duration = (now - self._start) / current
        if current == 1:
            self._time_after_first_step = now
        return duration

    # Text -----------------------------------------------------------------------------------------------------------

    def _draw(self, current: int, now: float, time_per_unit: float, finalize: bool) -> None:
        if self.target and not finalize:
            clock = _remaining(time_per_unit * (self.target - current))
        else:
            clock = f"{now - self._start:.0f}s"
        pace = _pace(time_per_unit, self.unit_name)
        metrics = "".join(f" - {name}: {self._shown(name)}" for name in self._values)
        if self.target:
            count = f"{current:{len(str(self.target))}d}/{self.target}"
            filled = min(int(self.width * current / self.target), self.width)
            empty = self.width - filled
            plain = f"{count} {'━' * self.width} {clock}{pace}"
            bar = f"{_GREEN}{'━' * filled}{_RESET}" if filled else ""
            styled = f"{_BOLD}{count}{_RESET} {bar}{_WHITE}{'━' * empty}{_RESET} {_BOLD}{clock}{_RESET}{pace}"
        else:
            count = f"{current:7d}/Unknown"
            plain = f"{count} {clock}{pace}"
            styled = f"{count} {_BOLD}{clock}{_RESET}{pace}"
        if not self._dynamic_display:
            print_msg(plain + metrics)
            return
        if not finalize:
            metrics = metrics[: _room(len(plain))]
        width = len(plain) + len(metrics)
        padding = " " * (self._prev_total_width - width)  # covers what is left of a longer line
        self._prev_total_width = width
        self._is_line_open = not finalize
        print_msg("\r" + styled + metrics + padding + ("\n" if finalize else ""), line_break=False)

    def _line(self, current: int, now: float, time_per_unit: float) -> str:
        count = f"{current:{len(str(self.target))}d}/{self.target}"
        metrics = "".join(f" - {name}: {self._shown(name, absolute=False)}" for name in self._values)
        return f"{count} - {now - self._start:.0f}s -{_pace(time_per_unit, self.unit_name)}{metrics}"

    def _shown(self, name: str, absolute: bool = True) -> str:
        total, count = self._values[name]
        if isinstance(total, torch.Tensor):
            total = total.detach().to(torch.float64).mean().item()
        mean = float(np.mean(total)) / max(1, count)
        return f"{mean:.4f}" if (abs(mean) if absolute else mean) > 1e-3 else f"{mean:.4e}"


def _can_redraw() -> bool:
    """Returns whether a line on stdout can be written over: in a terminal and in a notebook, not in a file."""
    if not is_interactive_logging_enabled():
        return False
    stdout = sys.stdout
    if hasattr(stdout, "isatty") and stdout.isatty():
        return True
    return _in_notebook() or "PYCHARM_HOSTED" in os.environ


def _in_notebook() -> bool:
    return type(sys.stdout).__module__.startswith("ipykernel")


def _room(used: int) -> int | None:
    """Returns how many characters still fit on the line: a line that wraps cannot be written over."""
    if not sys.stdout.isatty():
        return None
    columns = shutil.get_terminal_size(fallback=(0, 0)).columns
    return max(columns - 1 - used, 0) if columns else None


def _remaining(seconds: float) -> str:
    whole = int(seconds)
    if seconds > 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    if seconds > 60:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole}s"


def _pace(seconds: float, unit: str) -> str:
    if seconds >= 1 or seconds == 0:
        return f" {seconds:.0f}s/{unit}"
    if seconds >= 1e-3:
        return f" {seconds * 1e3:.0f}ms/{unit}"
    return f" {seconds * 1e6:.0f}us/{unit}"


class ProgbarLogger(Callback):
    """Shows the progress of `fit`, `evaluate` and `predict`. They add one by themselves unless `verbose=0`.

    It looks at the logs only when it draws, so that the host seldom waits for the device.

    Example:
        >>> isinstance(ProgbarLogger(), Callback)
        True
    """

    only_in_first_process = True
    reads_weights = False

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0
        self.progbar: Progbar | None = None
        self.target: int | None = None
        self.verbose = 1
        self.epochs = 1
        self._called_in_fit = False
        self._due = 0.0

    def set_params(self, params: dict[str, Any]) -> None:
        """Takes `verbose`, `epochs` and `steps` from the settings."""
        self.params = params
        verbose = params.get("verbose", 1)
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self.epochs = params.get("epochs", 1)
        self.target = params.get("steps")

    def _uses_hook(self, hook: str) -> bool:
        if is_default(self, hook):
            return False
        if not hook.endswith("_batch_end") or getattr(type(self), hook) is not getattr(ProgbarLogger, hook):
            return True
        if hook == "on_test_batch_end" and self._called_in_fit:
            return False
        # Batches matter to a bar that moves, and must be counted where their number is unknown.
        return self.verbose == 1 or (self.verbose == 2 and self.target is None)

    def on_train_begin(self, logs: Logs = None) -> None:
        """Makes the validations inside `fit` silent."""
        self._called_in_fit = True

    def on_train_end(self, logs: Logs = None) -> None:
        """Ends that silence."""
        self._called_in_fit = False

    def on_test_begin(self, logs: Logs = None) -> None:
        """Starts a bar, outside `fit`."""
        if not self._called_in_fit:
            self._new_bar()

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Starts a bar."""
        self._new_bar()

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Starts a bar and prints the epoch's number."""
        self._new_bar()
        if self.verbose and self.epochs > 1:
            print_msg(f"Epoch {epoch + 1}/{self.epochs}")

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Draws if it is time to."""
        self.seen = batch + 1
        if _clock() >= self._due:
            self._draw(logs)

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Draws if it is time to, outside `fit`."""
        if not self._called_in_fit:
            self.seen = batch + 1
            if _clock() >= self._due:
                self._draw(logs)

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Draws if it is time to."""
        self.seen = batch + 1
        if _clock() >= self._due:
            self._draw(None)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Draws the final line with the exact results."""
        self._finish(logs)

    def on_test_end(self, logs: Logs = None) -> None:
        """Draws the final line with the exact results, outside `fit`."""
        if not self._called_in_fit:
            self._finish(logs)

    def on_predict_end(self, logs: Logs = None) -> None:
        """Draws the final line."""
        self._finish(None)

    def _on_failure(self) -> None:
        self._called_in_fit = False
        if self.progbar is not None:
            self.progbar._end_line()

    def _new_bar(self) -> Progbar:
        self.seen = 0
        self._due = 0.0
        self.progbar = Progbar(target=self.target, verbose=self.verbose, unit_name="step", stateless_metrics=())
        return self.progbar

    def _draw(self, logs: Logs) -> None:
        if self.verbose != 1:
            self._due = math.inf
            return
        bar = self.progbar or self._new_bar()
        if bar._dynamic_display:
            bar.update(self.seen, [] if logs is None else sorted(logs.items()), finalize=False)
            self._due = _clock() + bar._pause()
        else:
            bar.update(self.seen, finalize=False)  # notes when the first step was done
            self._due = math.inf

    def _finish(self, logs: Logs) -> None:
        bar = self.progbar or self._new_bar()
        if self.target is None:
            self.target = bar.target = self.seen
        bar.update(self.target, list((logs or {}).items()), finalize=True)
