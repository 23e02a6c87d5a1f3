"""The record of a training: what `fit` returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torchkeras_shim.callbacks.callback import Callback, Logs
from torchkeras_shim.callbacks.curves import draw
from torchkeras_shim.callbacks.history_html import render


class History(Callback):
    """Records the results of every epoch. `fit` adds one by itself and returns it.

    Attributes:
        history: A list of values, one per epoch, for each name: `{"loss": [0.9, 0.5], "val_loss": [1.0, 0.8]}`.
        epoch: The indices of the epochs.

    Example:
        >>> history = History()
        >>> history.history
        {}
    """

    epoch: list[int]

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self._epochs: dict[str, list[int]] = {}  # of each value: not every epoch has a validation

    def on_train_begin(self, logs: Logs = None) -> None:
        """Starts the list of epochs over."""
        self.epoch = []
        self._epochs = {}

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Records the epoch's results."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
            self._epochs.setdefault(name, []).append(epoch)
        self.model.history = self

    def plot(self, metrics: Sequence[str] | None = None, figure: Any = None) -> Any:
        """Draws the learning curves: one picture per loss or metric, training and validation in the same.

        Needs matplotlib. In a notebook the figure shows itself.

        Args:
            metrics: The names to draw, without `val_`; all by default.
            figure: A matplotlib figure to draw into, instead of a new one.

        Returns:
            The matplotlib figure.

        Raises:
            ValueError: If there is nothing to draw, or a name is not known.
            ImportError: If matplotlib is missing.
        """
        return draw(self.history, self._epochs, metrics, figure)

    def _repr_html_(self) -> str | None:
        """Returns the curves and a table of the epochs, which a notebook shows; `None` before the first epoch."""
        return render(self.history, self._epochs) if self.history else None
