"""Saves where a training stands, so that one that was killed goes on as if nothing had happened."""

from __future__ import annotations

import contextlib
import json
import os
import re
from typing import Any

from torchkeras_shim.callbacks.callback import Callback, Logs, is_default
from torchkeras_shim.core.atomic import replacing
from torchkeras_shim.distribution.gathering import by_first
from torchkeras_shim.distribution.strategies import is_first

_METADATA, _PREVIOUS = "training_metadata.json", "training_metadata.json.bkp"
_WEIGHTS = re.compile(r"backup-(\d+)\.weights\.h5")
#: What Keras itself calls its weights.
_KERAS_WEIGHTS = "latest.weights.h5"


class BackupAndRestore(Callback):
    """Lets a training that was interrupted go on where it was last saved.

    Run the same script again: `fit` goes on at the same batch of the same epoch, with the same weights, state of the
    optimizer, order of the data and random numbers, so that it ends as if it had never been interrupted. What other
    callbacks remember (`EarlyStopping`, say) and the `History` of earlier epochs are not
    restored. Give it the last place in the list of callbacks: what those behind it change at the end of an epoch is not
    saved.

    A backup is whole or not there at all, whenever the process is killed. Of several processes that train together the
    first one writes, and all of them read: `backup_dir` must be a folder that they share. With `torchrun
    --max-restarts 3` a training goes on by itself when one of them dies.

    Args:
        backup_dir: A folder that nothing else uses.
        save_freq: `"epoch"`, or a number of batches.
        double_checkpoint: Whether to keep the backup before the last one too, for the case that the last one turns out
            to be damaged.
        delete_checkpoint: Whether the backup is deleted when training ends in good order.

    Raises:
        ValueError: If `backup_dir` is empty, or `save_freq` is not valid.

    Example:
        >>> BackupAndRestore("backup", save_freq=100).save_freq
        100
    """

    needed_in_every_process = True

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not backup_dir:
            raise ValueError("Empty `backup_dir` argument passed")
        if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1):
            raise ValueError(
                f"Invalid value for argument `save_freq`. Received: save_freq={save_freq}. Expected either 'epoch' or "
                "an integer value."
            )
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._current_epoch = 0
        self._last_batch_seen = -1
        self._batches_seen_since_last_saving = 0

    def _uses_hook(self, hook: str) -> bool:
        if hook == "on_train_batch_end" and type(self).on_train_batch_end is BackupAndRestore.on_train_batch_end:
            return self.save_freq != "epoch"
        return not is_default(self, hook)

    def _heeds_batches(self) -> bool:
        return False

    # Restoring ------------------------------------------------------------------------------------------------------

    def on_train_begin(self, logs: Logs = None) -> None:
        """Goes back to the backup, if there is one.

        Raises:
            ValueError: If the model is not built, or the backup is damaged and there is not an earlier one.
        """
        if not self.model.built:
            raise ValueError(
                "To use the BackupAndRestore callback, your model must be built before you call `fit()`. "
                f"Model {self.model} is unbuilt. You can build it beforehand by calling it on a batch of data."
            )
        self._last_batch_seen = -1
        self._batches_seen_since_last_saving = 0
        try:
            self._restore(_METADATA)
        except (OSError, ValueError, KeyError, TypeError):
            if not os.path.exists(self._path(_PREVIOUS)):
                raise
            self._restore(_PREVIOUS)

    def _restore(self, name: str) -> None:
        state = self._read(name)
        weights = (state or {}).get("weights", _KERAS_WEIGHTS)
        if state is None and not os.path.exists(self._path(weights)):
            return
        if not isinstance(weights, str) or os.path.basename(weights) != weights:
            raise ValueError(f"The backup in '{self.backup_dir}' names a file elsewhere: {weights!r}")
        self.model.load_weights(self._path(weights))
        if state is not None:
            self.model._resume_from(state)
            self._last_batch_seen = int(state.get("batch") or 0) - 1
            if self.params is not None:
                self.params["resumed_epoch"] = int(state["epoch"])  # all callbacks share these settings

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            with open(self._path(name), encoding="utf-8") as file:
                state = json.load(file)
        except FileNotFoundError:
            return None
        if not isinstance(state, dict):
            raise ValueError(f"The backup '{self._path(name)}' is damaged. Received: {str(state)[:50]}")
        return state

    # Saving ---------------------------------------------------------------------------------------------------------

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Remembers which epoch it is."""
        self._current_epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Saves where enough batches have gone by."""
        passed = batch - self._last_batch_seen if batch > self._last_batch_seen else batch + 1
        self._last_batch_seen = batch
        self._batches_seen_since_last_saving += passed
        if self.save_freq != "epoch" and self._batches_seen_since_last_saving >= int(self.save_freq):
            self._batches_seen_since_last_saving = 0
            self._save(self._current_epoch, batch + 1)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Saves, where that is asked for per epoch."""
        self._current_epoch = epoch + 1
        self._last_batch_seen = -1
        if self.save_freq == "epoch":
            self._save(epoch + 1, 0)

    def _save(self, epoch: int, batches: int) -> None:
        """Writes the weights under a new name, then the file that says which weights count: one step does it all."""
        state = self.model._training_state(epoch, batches)  # of all processes: each asks for it
        by_first(self.model, lambda: self._write_backup(state) if is_first() else None)

    def _write_backup(self, state: dict[str, Any]) -> None:
        os.makedirs(self.backup_dir, exist_ok=True)
        numbers = [int(match[1]) for name in os.listdir(self.backup_dir) if (match := _WEIGHTS.fullmatch(name))]
        weights = f"backup-{max(numbers, default=0) + 1}.weights.h5"
        self.model.save_weights(self._path(weights), overwrite=True)
        state["weights"] = weights
        kept = {weights}
        if self.double_checkpoint:
            previous = self._read_quietly(_METADATA)
            if previous is not None:
                self._write(_PREVIOUS, previous)
                kept.add(previous["weights"])
        self._write(_METADATA, state)
        for name in os.listdir(self.backup_dir):
            if _WEIGHTS.fullmatch(name) and name not in kept:
                os.remove(self._path(name))

    def _read_quietly(self, name: str) -> dict[str, Any] | None:
        with contextlib.suppress(ValueError, OSError):
            state = self._read(name)
            if state is not None and "weights" in state:
                return state
        return None

    def _write(self, name: str, state: dict[str, Any]) -> None:
        with replacing(self._path(name)) as temporary, open(temporary, "w", encoding="utf-8") as file:
            json.dump(state, file)

    def on_train_end(self, logs: Logs = None) -> None:
        """Deletes the backup, where that is wanted."""
        if not self.delete_checkpoint or not is_first() or not os.path.isdir(self.backup_dir):
            return
        for name in os.listdir(self.backup_dir):
            if name.startswith(_METADATA) or _WEIGHTS.fullmatch(name) or name == _KERAS_WEIGHTS:
                os.remove(self._path(name))
        with contextlib.suppress(OSError):  # it holds something that is not ours
            os.rmdir(self.backup_dir)

    def _path(self, name: str) -> str:
        return os.path.join(self.backup_dir, name)
