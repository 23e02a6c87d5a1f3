"""A history as HTML, which notebooks show: a small chart of each loss or metric, and a table of the epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from torchkeras_shim.callbacks.curves import places

_WIDTH, _HEIGHT, _MARGIN = 220, 110, 8
_MOST_ROWS = 12
_Points = list[tuple[int, float]]


def render(history: Mapping[str, Sequence[Any]], epochs: Mapping[str, Sequence[int]]) -> str:
    """Returns the HTML. Every text in it is escaped.

    Args:
        history: The values per epoch, by name.
        epochs: The index of the epoch of each value, by name.
    """
    columns = {
        str(name): dict(zip(places(epochs.get(name, ()), len(values)), values, strict=True))
        for name, values in history.items()
        if hasattr(values, "__len__")  # a script may have put anything there
    }
    names = dict.fromkeys(name.removeprefix("val_") for name in columns)
    charts = "".join(_chart(name, _points(columns, name), _points(columns, f"val_{name}")) for name in names)
    return f"<div><div>{charts}</div>{_table(columns)}</div>"


# The table ----------------------------------------------------------------------------------------------------------


def _table(columns: Mapping[str, Mapping[int, Any]]) -> str:
    epochs = sorted({epoch for column in columns.values() for epoch in column})
    rows = [
        _row("td", [str(epoch), *(_text(column[epoch]) if epoch in column else "" for column in columns.values())])
        for epoch in epochs
    ]
    if len(rows) > _MOST_ROWS:  # the last ones are what a training came to
        half = _MOST_ROWS // 2
        rows[half:-half] = [_row("td", ["⋮"] * (len(columns) + 1))]
    return f"<table><thead>{_row('th', ['epoch', *columns])}</thead><tbody>{''.join(rows)}</tbody></table>"


def _row(tag: str, texts: Sequence[str]) -> str:
    cells = (f'<{tag} style="text-align: right">{escape(text)}</{tag}>' for text in texts)
    return f"<tr>{''.join(cells)}</tr>"


def _text(value: Any) -> str:
    number = _number(value)
    if number is not None:
        return f"{number:.4g}"
    text = str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _number(value: Any) -> float | None:
    """Returns a value as a float, `None` if it is not one number."""
    if getattr(value, "ndim", 0):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None


# The charts ---------------------------------------------------------------------------------------------------------


def _points(columns: Mapping[str, Mapping[int, Any]], name: str) -> _Points:
    """Returns the places and values to draw: the numbers that are finite."""
    numbers = [(epoch, _number(value)) for epoch, value in columns.get(name, {}).items()]
    return [(epoch, number) for epoch, number in numbers if number is not None and math.isfinite(number)]


def _chart(name: str, training: _Points, validation: _Points) -> str:
    """Returns one chart as SVG: training as a line, validation dashed. Nothing if no line can be drawn."""
    points = training + validation
    if max(len(training), len(validation)) < 2:
        return ""
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    low, high = min(y for _, y in points), max(y for _, y in points)

    def line(points: _Points, style: str) -> str:
        shown = " ".join(
            f"{_scaled(x, first, last, _WIDTH):.1f},{_HEIGHT - _scaled(y, low, high, _HEIGHT):.1f}" for x, y in points
        )
        return f'<polyline points="{shown}" fill="none" stroke-width="1.5" {style}/>' if points else ""

    legend = "solid: training, dashed: validation" if validation else "training"
    lines = line(training, 'stroke="#1f77b4"') + line(validation, 'stroke="#ff7f0e" stroke-dasharray="5 3"')
    return (
        '<figure style="display: inline-block; margin: 0 1em 0.5em 0">'
        f"<figcaption><b>{escape(name)}</b> {low:.4g} to {high:.4g}</figcaption>"
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img"><title>{escape(name)}, {legend}</title>'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#8888"/>{lines}</svg></figure>'
    )


def _scaled(value: float, low: float, high: float, size: int) -> float:
    """Returns where a value between `low` and `high` is drawn, from the margin on; halves keep the range finite."""
    extent = high / 2 - low / 2
    share = (value / 2 - low / 2) / extent if extent > 0 else 0.5
    return _MARGIN + share * (size - 2 * _MARGIN)
