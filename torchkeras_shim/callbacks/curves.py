"""Pictures of learning curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torchkeras_shim.core.errors import did_you_mean

_COLUMNS = 3


def draw(
    history: Mapping[str, Sequence[Any]],
    epochs: Mapping[str, Sequence[int]],
    metrics: Sequence[str] | None,
    figure: Any,
) -> Any:
    """Draws learning curves with matplotlib; see `History.plot`.

    Args:
        history: The values per epoch, by name.
        epochs: The index of the epoch of each value, by name.
        metrics: The names to draw, without `val_`; all where `None`.
        figure: A figure to draw into, instead of a new one.
    """
    names = list(dict.fromkeys(name.removeprefix("val_") for name in history))
    for name in metrics or ():
        if name not in names:
            raise ValueError(f"There is no '{name}' in the history.{did_you_mean(name, names)} It has: {names}.")
    names = list(metrics) if metrics is not None else names
    if not names:
        raise ValueError("There is nothing to draw: the history is empty. Train the model first: `model.fit(...)`.")
    columns = min(len(names), _COLUMNS)
    rows = math.ceil(len(names) / columns)
    figure = _new_figure(columns, rows) if figure is None else figure
    figure.clear()
    for index, name in enumerate(names):
        axes = figure.add_subplot(rows, columns, index + 1)
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            values = history.get(key, ())
            if len(values):
                axes.plot(
                    places(epochs.get(key, ()), len(values)),
                    values,
                    label=label,
                    marker="o" if len(values) == 1 else None,
                )
        axes.set_title(name)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def places(epochs: Sequence[int], count: int) -> list[int]:
    """Returns the epochs of values, counted from 1 as `fit` prints them.

    Where the indices do not belong to the values (a history that was filled by hand), these count.
    """
    return [epoch + 1 for epoch in epochs] if len(epochs) == count else list(range(1, count + 1))


def _new_figure(columns: int, rows: int) -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "Learning curves are drawn by matplotlib: `pip install matplotlib`, or `pip install torchkeras_shim[plot]`."
        ) from error
    return pyplot.figure(figsize=(4.5 * columns, 3.2 * rows), layout="constrained")
