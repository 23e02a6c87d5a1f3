"""A summary as text: Keras 3's table, laid out by tabulate."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import tabulate
from tabulate import DataRow, Line, TableFormat

from torchkeras_shim.summary.rows import Summary
from torchkeras_shim.summary.text import cells, headers, totals

_TOP, _BELOW_HEADER = Line("┏", "━", "┳", "┓"), Line("┡", "━", "╇", "┩")
_BETWEEN_ROWS, _BOTTOM = Line("├", "─", "┼", "┤"), Line("└", "─", "┴", "┘")
_HEADER, _BODY = DataRow("┃", "┃", "┃"), DataRow("│", "│", "│")

_POSITIONS = (0.45, 0.80, 1.0)
_LINE_LENGTH = 88
# Models that are more than one chain get a fourth column.
_BRANCHING_POSITIONS = (0.3, 0.56, 0.74, 1.0)
_BRANCHING_LINE_LENGTH = 108
_PADDING = 1
_SPACE = "\ue000"  # stands in for spaces on the way through tabulate, which would strip those of aligned cells


def render(
    summary: Summary,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    show_trainable: bool = False,
    columns: int = 80,
) -> str:
    """Returns the text of a summary, with a new line at its end.

    Args:
        summary: The data.
        line_length: The length of a line; by default as Keras's, where the terminal is that wide.
        positions: Where the columns end, as shares of the line.
        show_trainable: Whether to add a column that says which layers training changes.
        columns: The terminal's width.

    Raises:
        ValueError: If there is no room for the columns, or not a position for each.
    """
    alignments = ["<", "<", ">"]
    ends = list(positions or _POSITIONS)
    default_length = _LINE_LENGTH
    if summary.branches:
        alignments.append("<")
        ends = list(positions or _BRANCHING_POSITIONS)
        default_length = _BRANCHING_LINE_LENGTH
    if show_trainable:
        alignments.append("^")
        ends = [end * 0.90 for end in ends] + [1.0]
        default_length += 12
    widths = _widths(ends, line_length or min(default_length, columns - 4), len(alignments))
    body = [cells(row, summary.branches, show_trainable) for row in summary.rows]
    lines = [
        f'Model: "{summary.name}"',
        _table(headers(summary, show_trainable), body, widths, alignments),
        *(f" {line}" for line in totals(summary)),
    ]
    return "\n".join(lines) + "\n"


# Layout -------------------------------------------------------------------------------------------------------------


def _widths(ends: list[float], line_length: int, number: int) -> list[int]:
    """Returns the widths of the columns' contents.

    The positions share out the line without its borders and padding; what these take is then taken from all columns
    alike, and what is left over is given to them in proportion. That is how Keras's table comes out.
    """
    if len(ends) < number:
        raise ValueError(f"Expected `positions` to have one value for each of the {number} columns. Received: {ends}")
    starts = [0, *(int(end * line_length) for end in ends[: number - 1])]
    contents = [int(end * line_length) - start for end, start in zip(ends, starts, strict=False)][:number]
    if min(contents) < 4:
        raise ValueError("Insufficient console width to print summary.")
    room = line_length - (number + 1)
    widths = [min(content + 2 * _PADDING, room) for content in contents]
    excess = sum(widths) - room
    for index in range(number):  # evenly, rounding as it goes
        taken = min(widths[index], round(excess / (number - index))) if excess > 0 else 0
        widths[index] -= taken
        excess -= taken
    if excess < 0:
        missing, shares = -excess, sum(widths)
        for index, width in enumerate(widths):
            given = math.ceil(width * missing / shares)
            widths[index] += given
            missing, shares = missing - given, shares - width
    return [max(width - 2 * _PADDING, 1) for width in widths]


def _wrap(text: str, width: int) -> list[str]:
    """Breaks a text between words; a word that is too long gets a line of its own and is cut there."""
    lines: list[str] = []
    current = ""
    for word in re.findall(r"\s*\S+\s*", text):
        if current and len(current) + len(word.rstrip()) > width:
            lines.append(current)
            current = ""
        current += word
    lines = [line.rstrip() for line in (*lines, current)]
    return [line if len(line) <= width else f"{line[: width - 1]}…" for line in lines]


def _block(cells: list[str], widths: list[int], alignments: list[str], at_bottom: bool = False) -> list[list[str]]:
    """Returns the lines of one row, each a list of cells of the exact widths."""
    wrapped = [_wrap(cell, width) for cell, width in zip(cells, widths, strict=True)]
    height = max(map(len, wrapped))
    columns = []
    for lines, width, alignment in zip(wrapped, widths, alignments, strict=True):
        blank = [""] * (height - len(lines))
        columns.append([f"{line:{alignment}{width}}" for line in (blank + lines if at_bottom else lines + blank)])
    return [list(line) for line in zip(*columns, strict=True)]


def _table(head: list[str], body: list[list[str]], widths: list[int], alignments: list[str]) -> str:
    """Lays a table out.

    tabulate formats of one's own know no rows of several lines, so each line is a row to it, and the format says for
    each one which borders it has and what comes between it and the next.
    """
    rows: list[list[str]] = []
    borders: list[DataRow] = []
    between: list[Line | None] = []
    for index, texts in enumerate([head, *body]):
        block = _block(texts, widths, alignments, at_bottom=index == 0)
        rows += block
        borders += [_BODY if index else _HEADER] * len(block)
        between += [None] * (len(block) - 1) + [_BETWEEN_ROWS if index else _BELOW_HEADER]
    border, separator = iter(borders), iter(between)

    def data_row(padded: list[str], *_: object) -> str:
        begin, middle, end = next(border)
        return f"{begin}{middle.join(padded)}{end}"

    def line_between(column_widths: list[int], _: object) -> str:
        line = next(separator)
        return _rule(line, column_widths) if line is not None else ""

    style = TableFormat(
        lineabove=_TOP,
        linebelowheader=None,
        linebetweenrows=line_between,
        linebelow=_BOTTOM if body else None,
        headerrow=None,
        datarow=data_row,
        padding=_PADDING,
        with_header_hide=None,
    )
    spaced = [[cell.replace(" ", _SPACE) for cell in row] for row in rows]
    text = tabulate.tabulate(spaced, tablefmt=style, disable_numparse=True, colalign=["left"] * len(widths))
    text = text.replace(_SPACE, " ")
    if not body:  # tabulate puts no line below the last row
        total = [width + 2 * _PADDING for width in widths]
        text = "\n".join([text, _rule(_BELOW_HEADER, total), _rule(_BOTTOM, total)])
    return "\n".join(line for line in text.split("\n") if line)


def _rule(line: Line, widths: list[int]) -> str:
    return f"{line.begin}{line.sep.join(line.hline * width for width in widths)}{line.end}"
