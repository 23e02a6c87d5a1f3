"""Learning curves that grow while a model trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torchkeras_shim.callbacks.callback import Callback, Logs
from torchkeras_shim.callbacks.curves import draw


class LivePlot(Callback):
    """Draws the learning curves again after every epoch, in the same place of a notebook. Needs matplotlib.

    Args:
        metrics: The names to draw, without `val_`; all by default.
        filename: Where to write the picture, instead of showing it: outside a notebook.

    Attributes:
        figure: The matplotlib figure, after the first epoch.

    Example:
        >>> LivePlot(metrics=["loss"]).metrics
        ['loss']
    """

    only_in_first_process = True
    reads_weights = False

    def __init__(self, metrics: Sequence[str] | None = None, filename: str | None = None) -> None:
        super().__init__()
        self.metrics = metrics
        self.filename = filename
        self.figure: Any = None
        self._history: dict[str, list[Any]] = {}
        self._epochs: dict[str, list[int]] = {}
        self._handle: Any = None

    def on_train_begin(self, logs: Logs = None) -> None:
        """Starts the curves over."""
        self._history, self._epochs, self._handle, self.figure = {}, {}, None, None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Draws."""
        for name, value in (logs or {}).items():
            self._history.setdefault(name, []).append(value)
            self._epochs.setdefault(name, []).append(epoch)
        self.figure = draw(self._history, self._epochs, self.metrics, self.figure)
        if self.filename is not None:
            self.figure.savefig(self.filename)
        else:
            self._show()

    def _show(self) -> None:
        try:
            from IPython.display import display
        except ImportError as error:
            raise ImportError(
                "LivePlot shows its pictures in notebooks (IPython). Elsewhere write them to a file: "
                '`LivePlot(filename="curves.png")`, or draw once at the end: `history.plot()`.'
            ) from error
        if self._handle is None:
            self._handle = display(self.figure, display_id=True)
        else:
            self._handle.update(self.figure)

    def on_train_end(self, logs: Logs = None) -> None:
        """Closes the figure, which the notebook would show a second time."""
        if self.figure is not None:
            from matplotlib import pyplot

            pyplot.close(self.figure)
