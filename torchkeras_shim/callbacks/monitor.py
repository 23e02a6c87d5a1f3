"""What the callbacks that watch one quantity have in common."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from torchkeras_shim.callbacks.callback import Callback


class MonitorCallback(Callback):
    """Base class of callbacks that watch one quantity and ask whether it improves.

    Args:
        monitor: Name of the quantity in the logs.
        mode: `"min"`, `"max"`, or `"auto"`: the direction of the loss or metric of that name.
        baseline: The value that counts as the best one before training; `None` takes the first value.
        min_delta: The smallest change that counts as an improvement.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        baseline: float | None = None,
        min_delta: float = 0,
    ) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f"{type(self).__name__} mode '{mode}' is unknown, fallback to auto mode.",
                stacklevel=3,
            )
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.best: Any = baseline
        self.min_delta = abs(min_delta)
        self.monitor_op: Callable[[Any, Any], Any] | None = None

    def _set_monitor_op(self) -> None:
        """Finds the direction. It waits for the first epoch's end: before that the metrics need not exist yet."""
        if self.mode == "min":
            self.monitor_op = operator.lt
        elif self.mode == "max":
            self.monitor_op = operator.gt
        else:
            self.monitor_op = self._find_direction()
        if self.monitor_op is operator.lt:
            self.min_delta *= -1

    def _find_direction(self) -> Callable[[Any, Any], Any]:
        name = self.monitor.removeprefix("val_")
        found = operator.lt if name == "loss" else None
        for metric in _metrics_of(getattr(self.model, "metrics", None) or []):
            direction = getattr(metric, "_direction", None)  # none for a metric of the user's own
            if getattr(metric, "name", None) == name and direction is not None:
                found = operator.gt if direction == "up" else operator.lt
        if found is None:
            raise ValueError(
                f"{type(self).__name__} callback received monitor={self.monitor}, but Keras isn't able to "
                "automatically determine whether that metric should be maximized or minimized. Pass `mode='max'` in "
                "order to monitor based on the highest metric value, or pass `mode='min'` in order to use the lowest "
                "value."
            )
        return found

    def _is_improvement(self, monitor_value: Any, reference_value: Any) -> bool:
        if reference_value is None:
            return True
        assert self.monitor_op is not None
        return bool(self.monitor_op(monitor_value - self.min_delta, reference_value))


def _metrics_of(metrics: Any) -> Iterator[Any]:
    for metric in metrics:
        yield metric
        yield from getattr(metric, "metrics", None) or ()  # the compiled metrics may come as one object
