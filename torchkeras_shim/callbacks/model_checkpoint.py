"""Saves the model, or its weights, while it trains."""

from __future__ import annotations

import os
import warnings
from collections import ChainMap
from typing import Any

import numpy as np

from torchkeras_shim.callbacks.callback import Logs, is_default
from torchkeras_shim.callbacks.monitor import MonitorCallback
from torchkeras_shim.core.console import print_msg


class ModelCheckpoint(MonitorCallback):
    """Saves the model or its weights at some interval.

    Args:
        filepath: Where to save. It may hold fields such as `{epoch:02d}`, `{batch:02d}` and `{val_loss:.2f}`, which
            are filled with the epoch, the batch and the logs. It must end in `.weights.h5` with `save_weights_only`,
            else in `.keras` (or `.h5`).
        monitor: Name of the quantity in the logs that decides which model is the best.
        verbose: 1 prints a message at each save.
        save_best_only: Whether to save only where the quantity has improved.
        save_weights_only: Whether to call `model.save_weights` rather than `model.save`.
        mode: `"min"`, `"max"`, or `"auto"`: the direction of the loss or metric of that name.
        save_freq: `"epoch"`, or a number of batches.
        initial_value_threshold: The value to beat by the first save of `save_best_only`.

    Raises:
        ValueError: If the file name has the wrong ending, or `save_freq` is unknown.

    Example:
        >>> ModelCheckpoint("epoch_{epoch:02d}.weights.h5", save_weights_only=True).save_freq
        'epoch'
    """

    only_in_first_process = True

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.verbose = verbose
        self.filepath = os.fspath(filepath)
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self._current_epoch = 0
        self._batches_seen_since_last_saving = 0
        self._last_batch_seen: int | None = None
        if save_freq != "epoch" and not isinstance(save_freq, int):
            raise ValueError(f"Unrecognized save_freq: {save_freq}. Expected save_freq are 'epoch' or integer values")
        if save_weights_only and not self.filepath.endswith(".weights.h5"):
            raise ValueError(
                "When using `save_weights_only=True` in `ModelCheckpoint`, the filepath provided must end in "
                f"`.weights.h5` (Keras weights format). Received: filepath={self.filepath}"
            )
        if not save_weights_only and not self.filepath.endswith((".keras", ".h5")):
            raise ValueError(
                "The filepath provided must end in `.keras` (Keras model format). "
                f"Received: filepath={self.filepath}. To save the weights alone, write `save_weights_only=True` and "
                "a path that ends in `.weights.h5`."
            )

    def _uses_hook(self, hook: str) -> bool:
        if hook == "on_train_batch_end" and type(self).on_train_batch_end is ModelCheckpoint.on_train_batch_end:
            return self.save_freq != "epoch"
        return not is_default(self, hook)

    def _heeds_batches(self) -> bool:
        return self.save_best_only

    def _saves_within_epochs(self) -> bool:
        return self.save_freq != "epoch"

    def on_train_begin(self, logs: Logs = None) -> None:
        """Finds out whether the model can be saved at all, before the first epoch is spent."""
        if not self.save_weights_only and self.model.built:
            self.model.get_config()

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Remembers which epoch it is."""
        self._current_epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Saves where enough batches have gone by."""
        if self._should_save_on_batch(batch):
            self._save_model(self._current_epoch, batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Saves, where that is asked for per epoch."""
        if self.monitor_op is None and self.save_best_only:
            self._set_monitor_op()
        if self.save_freq == "epoch":
            self._save_model(epoch, None, logs)

    def _should_save_on_batch(self, batch: int) -> bool:
        if isinstance(self.save_freq, str):
            return False
        if self._last_batch_seen is None or batch <= self._last_batch_seen:
            new_batches = batch + 1  # a new epoch; several batches may have passed at once
        else:
            new_batches = batch - self._last_batch_seen
        self._batches_seen_since_last_saving += new_batches
        self._last_batch_seen = batch
        if self._batches_seen_since_last_saving < self.save_freq:
            return False
        self._batches_seen_since_last_saving = 0
        return True

    def _should_save_model(self, epoch: int, logs: Logs, filepath: str) -> bool:
        if not self.save_best_only:
            if self.verbose > 0:
                print_msg(f"\nEpoch {epoch + 1}: saving model to {filepath}")
            return True
        current = (logs or {}).get(self.monitor)
        if current is None:
            warnings.warn(f"Can save best model only with {self.monitor} available.", stacklevel=2)
            return True
        if np.ndim(current) > 0:
            warnings.warn(
                f"Can save best model only when `monitor` is a scalar value. Received: {current}. "
                "Falling back to `save_best_only=False`.",
                stacklevel=2,
            )
            return True
        return self._is_best(epoch, current, filepath)

    def _is_best(self, epoch: int, current: Any, filepath: str) -> bool:
        if self.monitor_op is None:
            self._set_monitor_op()
        best = "None" if self.best is None else f"{self.best:.5f}"
        if not self._is_improvement(current, self.best):
            if self.verbose > 0:
                print_msg(f"\nEpoch {epoch + 1}: {self.monitor} did not improve from {best}")
            return False
        if self.verbose > 0:
            print_msg(
                f"\nEpoch {epoch + 1}: {self.monitor} improved from {best} to {current:.5f}, saving model to {filepath}"
            )
        self.best = current
        return True

    def _save_model(self, epoch: int, batch: int | None, logs: Logs) -> None:
        filepath = self._get_file_path(epoch, batch, logs)
        if not self._should_save_model(epoch, logs, filepath):
            return
        if os.path.isdir(filepath):
            raise OSError(
                "Please specify a non-directory filepath for ModelCheckpoint. Filepath used is an existing directory: "
                f"{filepath}"
            )
        folder = os.path.dirname(filepath)
        if folder:
            os.makedirs(folder, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(filepath, overwrite=True)
        else:
            self.model.save(filepath, overwrite=True)
        if self.verbose > 0:
            print_msg(f"\nEpoch {epoch + 1}: finished saving model to {filepath}")

    def _get_file_path(self, epoch: int, batch: int | None, logs: Logs) -> str:
        if "{" not in self.filepath:
            return self.filepath  # no field to fill: the logs of a batch need not be read
        fields: dict[str, Any] = {} if batch is None else {"batch": batch + 1}
        try:
            return self.filepath.format_map(ChainMap({"epoch": epoch + 1}, logs or {}, fields))  # type: ignore[arg-type]
        except KeyError as error:
            raise KeyError(
                f'Failed to format this callback filepath: "{self.filepath}". Reason: {error}. '
                f"Available fields: epoch, {', '.join([*fields, *(logs or {})])}"
            ) from error
