"""`model.summary()`: rows as data, and the table that shows them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from typing import Any

from torchkeras_shim.core.console import print_msg
from torchkeras_shim.summary.html import render_html
from torchkeras_shim.summary.rows import Count, Row, Summary, summarize
from torchkeras_shim.summary.table import render

__all__ = ["Count", "Row", "Summary", "print_summary", "render", "render_html", "summarize"]


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """Prints a table of a model's layers with their output shapes and numbers of weights.

    Args:
        model: The model; it is not changed.
        line_length: The length of a line; 88 or the terminal's width by default.
        positions: Where the columns end, as shares of the line; `[0.45, 0.8, 1.0]` by default.
        print_fn: A function that is called with the whole text instead of printing it.
        expand_nested: Whether the layers of nested models are shown too.
        show_trainable: Whether to show which layers training changes.
        layer_range: Two regular expressions: the first and the last layer to show.

    Raises:
        ValueError: If the line is too short, or `layer_range` matches no layers.

    Example:
        >>> import torchkeras_shim as keras
        >>> model, texts = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="small"), []
        >>> print_summary(model, print_fn=texts.append)
        >>> texts[0].splitlines()[0]
        'Model: "small"'
    """
    text = render(
        summarize(model, expand_nested, layer_range),
        line_length,
        positions,
        show_trainable,
        columns=shutil.get_terminal_size().columns,
    )
    if print_fn is not None:
        print_fn(text)
    else:
        print_msg(text, line_break=False)
