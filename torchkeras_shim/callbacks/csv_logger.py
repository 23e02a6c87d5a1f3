"""The results of each epoch as rows of a CSV file."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from typing import IO, Any

import numpy as np

from torchkeras_shim.callbacks.callback import Callback, Logs
from torchkeras_shim.core.atomic import replacing


class CSVLogger(Callback):
    """Writes the results of each epoch into a CSV file, as soon as they are known.

    Args:
        filename: Path of the file.
        separator: What stands between the columns.
        append: Whether an existing file is continued (without a second header) rather than overwritten. Rows of epochs
            that `BackupAndRestore` makes again are replaced.

    Example:
        >>> callback = CSVLogger("log.csv", append=True)  # for `model.fit(..., callbacks=[callback])`
    """

    only_in_first_process = True
    reads_weights = False

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.sep = separator
        self.filename = os.fspath(filename)
        self.append = append
        self.append_header = True
        self.keys: list[str] | None = None
        self.writer: Any = None
        self.csv_file: IO[str] | None = None

    def on_train_begin(self, logs: Logs = None) -> None:
        """Opens the file."""
        if self.append and os.path.exists(self.filename):
            with open(self.filename, encoding="utf-8") as file:
                self.append_header = not file.readline()
        self._close()
        # The csv module ends its rows itself.
        self.csv_file = open(self.filename, "a" if self.append else "w", encoding="utf-8", newline="")  # noqa: SIM115
        self.writer = None
        self.keys = None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Writes one row."""
        logs = logs or {}
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                # Validation may begin at a later epoch; its columns must be there from the start.
                self.keys.extend([f"val_{key}" for key in self.keys])
        if self.writer is None:
            self._drop_rows_to_come()
            assert self.csv_file is not None
            self.writer = csv.DictWriter(
                self.csv_file, fieldnames=["epoch", *self.keys], dialect="excel", delimiter=self.sep
            )
            if self.append_header:
                self.writer.writeheader()
        self.writer.writerow({"epoch": epoch, **{key: _cell(logs.get(key, "NA")) for key in self.keys}})
        assert self.csv_file is not None
        self.csv_file.flush()

    def _drop_rows_to_come(self) -> None:
        """Removes what an interrupted training wrote of the epochs that `BackupAndRestore` has gone back to."""
        first = (self.params or {}).get("resumed_epoch")
        if not self.append or first is None:
            return
        self._close()
        with open(self.filename, encoding="utf-8", newline="") as file:
            lines = file.readlines()
        while lines and (not lines[-1].endswith("\n") or _epoch(lines[-1], self.sep) >= first):
            lines.pop()
        with replacing(self.filename) as temporary, open(temporary, "w", encoding="utf-8", newline="") as target:
            target.writelines(lines)
        self.append_header = not lines
        self.csv_file = open(self.filename, "a", encoding="utf-8", newline="")  # noqa: SIM115

    def on_train_end(self, logs: Logs = None) -> None:
        """Closes the file."""
        self._close()
        self.writer = None

    def _on_failure(self) -> None:
        self._close()

    def _close(self) -> None:
        if self.csv_file is not None and not self.csv_file.closed:
            self.csv_file.close()


def _epoch(line: str, separator: str) -> int:
    """Returns the epoch of a row, -1 for the header."""
    first = line.partition(separator)[0]
    return int(first) if first.isdecimal() else -1


def _cell(value: Any) -> Any:
    if isinstance(value, str) or np.ndim(value) == 0 or not isinstance(value, Iterable):
        return value
    return f'"[{", ".join(map(str, value))}]"'
