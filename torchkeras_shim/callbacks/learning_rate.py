"""Callbacks that change the learning rate: by a function of the epoch, at a plateau, or by torch's own schedulers."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.lr_scheduler import ReduceLROnPlateau as TorchReduceLROnPlateau

from torchkeras_shim.callbacks.callback import Callback, Logs, is_default
from torchkeras_shim.callbacks.monitor import MonitorCallback
from torchkeras_shim.core.console import print_msg


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of every epoch.

    Args:
        schedule: A function of the epoch's index (from 0) and of the present learning rate that returns the new one as
            a float. A function of the epoch alone will do.
        verbose: 1 prints a message at each setting.

    Example:
        >>> LearningRateScheduler(lambda epoch, lr: lr * 0.9).verbose
        0
    """

    needed_in_every_process = True

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Sets the learning rate.

        Raises:
            ValueError: If the optimizer has no learning rate or the schedule returns something else than a float.
        """
        for name, optimizer in _optimizers(self.model.optimizer):
            if not hasattr(optimizer, "learning_rate"):
                raise ValueError(
                    f'Optimizer must have a "learning_rate" attribute. Received: {optimizer!r} '
                    f"(of type {type(optimizer).__name__})"
                )
            learning_rate = self._next(epoch, _read(optimizer))
            optimizer.learning_rate = learning_rate
            if self.verbose > 0:
                whose = f"{name} " if name else ""
                print_msg(
                    f"\nEpoch {epoch + 1}: LearningRateScheduler setting {whose}learning rate to {learning_rate}."
                )

    def _next(self, epoch: int, learning_rate: float) -> float:
        value = self.schedule(epoch, learning_rate) if _takes_two(self.schedule) else self.schedule(epoch)
        if not isinstance(value, (float, np.float32, np.float64)):
            raise ValueError(
                f"The output of the `schedule` function should be a float. Got: {value} (of type "
                f"{type(value).__name__}). Write `return float(...)` in it."
            )
        return value

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Adds the learning rate to the logs."""
        _record(self.model.optimizer, logs)


class ReduceLROnPlateau(MonitorCallback):
    """Reduces the learning rate when a quantity has stopped improving.

    Args:
        monitor: Name of the quantity in the epoch's logs.
        factor: What the learning rate is multiplied by, below 1.
        patience: Number of epochs without improvement after which it is reduced.
        verbose: 1 prints a message at each reduction.
        mode: `"min"`, `"max"`, or `"auto"`: the direction of the loss or metric of that name.
        min_delta: The smallest change that counts as an improvement.
        cooldown: Number of epochs to wait after a reduction before watching again.
        min_lr: The learning rate never falls below this.

    Raises:
        ValueError: If the factor is 1 or more.

    Example:
        >>> ReduceLROnPlateau(factor=0.2, patience=5, min_lr=1e-5).factor
        0.2
    """

    needed_in_every_process = True

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau does not support a factor >= 1.0. Received factor={factor}")
        self.factor = factor
        self.min_lr = min_lr
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        """Forgets the previous training."""
        self.best = None
        self.cooldown_counter = 0
        self.wait = 0

    def in_cooldown(self) -> bool:
        """Returns whether the callback is waiting after a reduction."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Compares the epoch with the best one so far and reduces the learning rate if it is time to."""
        if self.monitor_op is None:
            self._set_monitor_op()
        logs = logs if logs is not None else {}
        _record(self.model.optimizer, logs)
        current = logs.get(self.monitor)
        if current is None:
            warnings.warn(
                f"Learning rate reduction is conditioned on metric `{self.monitor}` which is not available. "
                f"Available metrics are: {','.join(logs)}.",
                stacklevel=2,
            )
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        for name, optimizer in _optimizers(self.model.optimizer):
            old = _read(optimizer)
            if old <= np.float32(self.min_lr):  # the learning rate is a float32: compare with what it can reach
                continue
            new = max(old * self.factor, self.min_lr)
            optimizer.learning_rate = new
            self.cooldown_counter = self.cooldown
            self.wait = 0
            if self.verbose > 0:
                whose = f" {name}" if name else ""
                print_msg(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing{whose} learning rate to {new}.")


class TorchLRScheduler(Callback):
    """Steps a scheduler of `torch.optim.lr_scheduler`.

    Args:
        scheduler: The scheduler, made for the torch optimizer that the model is compiled with.
        interval: `"epoch"` steps it after every epoch, `"batch"` after every training batch.
        monitor: Name of the quantity in the logs that a `torch.optim.lr_scheduler.ReduceLROnPlateau` is given;
            `"val_loss"` by default. Other schedulers take none.

    Raises:
        TypeError: If `scheduler` is not a torch scheduler.
        ValueError: If the interval is another one, or the scheduler cannot use `monitor`.

    Example:
        >>> import torch
        >>> optimizer = torch.optim.SGD(torch.nn.Linear(2, 1).parameters(), lr=0.1)
        >>> TorchLRScheduler(torch.optim.lr_scheduler.StepLR(optimizer, step_size=1)).interval
        'epoch'
    """

    needed_in_every_process = True

    def __init__(self, scheduler: LRScheduler, interval: str = "epoch", monitor: str | None = None) -> None:
        super().__init__()
        if not isinstance(scheduler, LRScheduler):
            raise TypeError(
                "Expected `scheduler` to be a scheduler of `torch.optim.lr_scheduler`, such as "
                f"StepLR(optimizer, step_size=1). Received: {scheduler!r} (of type {type(scheduler).__name__})"
            )
        if interval not in ("epoch", "batch"):
            raise ValueError(f"Expected `interval` to be 'epoch' or 'batch'. Received: interval={interval!r}")
        self._needs_value = isinstance(scheduler, TorchReduceLROnPlateau)
        if monitor is not None and not self._needs_value:
            raise ValueError(
                f"{type(scheduler).__name__} does not look at results, so `monitor` has no use with it. "
                f"Received: monitor={monitor!r}. Leave it out."
            )
        self.scheduler = scheduler
        self.interval = interval
        self.monitor = (monitor or "val_loss") if self._needs_value else None

    def _uses_hook(self, hook: str) -> bool:
        if hook == "on_train_batch_end" and type(self).on_train_batch_end is TorchLRScheduler.on_train_batch_end:
            return self.interval == "batch"
        return not is_default(self, hook)

    def on_train_begin(self, logs: Logs = None) -> None:
        """Checks that the scheduler belongs to the optimizer that trains.

        Raises:
            ValueError: If it belongs to another one, which would go unnoticed.
        """
        optimizer = self.model.optimizer
        if getattr(optimizer, "optimizer", None) is not self.scheduler.optimizer:
            raise ValueError(
                f"The scheduler {type(self.scheduler).__name__} belongs to an optimizer that the model is not trained "
                f"with. Expected: {self.scheduler.optimizer!r}. Received: {optimizer!r}. Make the torch optimizer "
                "first, then the scheduler from it, and write `model.compile(optimizer=optimizer, ...)`."
            )

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Steps the scheduler where that is asked for per batch."""
        if self.interval == "batch":
            self._step(logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Adds the epoch's learning rate to the logs; steps the scheduler where that is asked for per epoch."""
        _record(self.model.optimizer, logs)
        if self.interval == "epoch":
            self._step(logs)

    def _step(self, logs: Logs) -> None:
        if not self._needs_value:
            self.scheduler.step()
            return
        value = None if logs is None else logs.get(self.monitor)  # type: ignore[arg-type]
        if value is None:
            warnings.warn(
                f"Learning rate reduction is conditioned on metric `{self.monitor}` which is not available. "
                f"Available metrics are: {','.join(logs or ())}.",
                stacklevel=2,
            )
            return
        self.scheduler.step(value)


def _takes_two(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(0, 0.0)
    except TypeError:
        return False
    except ValueError:  # a builtin without a signature
        return True
    return True


def _optimizers(optimizer: Any) -> Iterator[tuple[str, Any]]:
    """Yields the optimizers by name: those inside a group of several, or the one there is, under an empty name."""
    if hasattr(optimizer, "optimizers"):
        for inner in optimizer.optimizers:
            yield inner.name, inner
    else:
        yield "", optimizer


def _read(optimizer: Any) -> float:
    return float(optimizer.learning_rate)


def _record(optimizer: Any, logs: Any) -> None:
    if logs is None:
        return
    for name, inner in _optimizers(optimizer):
        logs[f"learning_rate_{name}" if name else "learning_rate"] = _read(inner)
