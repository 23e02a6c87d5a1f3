"""What an index of a ragged tensor names."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core import row_splits as splits


def item(ragged: Any, index: Any) -> Any:
    """Returns what an index of any kind names."""
    if not isinstance(index, tuple):
        return _rows(ragged, index)
    first, *rest = _expanded(index, ragged.ndim)
    if first is None:
        return type(ragged)(ragged[tuple(rest)] if rest else ragged, [0, len(ragged)], len(ragged))
    rows = _rows(ragged, first)
    if not rest:
        return rows
    if isinstance(first, (slice, torch.Tensor)):
        return _inside(rows, rest)
    return rows[tuple(rest)]


def _rows(ragged: Any, index: Any) -> Any:
    """Returns one row, or those of a slice, of a mask or of a vector of their numbers."""
    if index is Ellipsis:
        return ragged
    if index is None:
        return ragged[None,]
    if isinstance(index, slice):
        rows = range(len(ragged))[index]
        if rows.step != 1:
            return _taken(ragged, torch.tensor(rows, dtype=torch.int64))
        places = ragged.row_splits[rows.start : rows.stop + 1] if rows else ragged.row_splits[:1]
        values = ragged.values[int(places[0]) : int(places[-1])]
        return type(ragged)(values, places - places[0], ragged._length)
    if isinstance(index, torch.Tensor) and index.ndim:
        return _taken(ragged, index.nonzero().squeeze(-1) if index.dtype == torch.bool else index.long())
    row = operator.index(index)
    if not -len(ragged) <= row < len(ragged):
        raise IndexError(f"Row key {row} out of bounds. There are {len(ragged)} rows.")
    row %= len(ragged)
    return ragged.values[int(ragged.row_splits[row]) : int(ragged.row_splits[row + 1])]


def _taken(ragged: Any, rows: torch.Tensor) -> Any:
    rows = rows.cpu()
    lengths = ragged.row_lengths()[rows]
    values = ragged.values[splits.places(ragged.row_starts()[rows], lengths).to(ragged.device)]
    return type(ragged)(values, splits.of_lengths(lengths).to(ragged.row_splits.dtype), ragged._length)


def _inside(ragged: Any, parts: Sequence[Any]) -> Any:
    """Returns the parts of every row that an index of the dimensions after the first names."""
    first, *rest = parts
    beyond = (slice(None), *rest)
    if first is None:
        inner = _inside(ragged, rest) if rest else ragged
        return type(ragged)(inner, torch.arange(len(ragged) + 1), 1)
    if not isinstance(first, slice):
        if ragged._length is None:
            raise ValueError(
                f"Cannot index into the ragged dimension with {first!r}: not every row has such a column. Take a "
                "slice (`ragged[:, :1]`) or one row first (`ragged[0]`)."
            )
        column = range(ragged._length)[operator.index(first)]
        found = ragged.values[(ragged.row_starts() + column).to(ragged.device)]
        return found[beyond] if rest else found
    rows = ragged
    if first != slice(None):
        starts, lengths, step = splits.cut(ragged.row_lengths(), first)
        values = ragged.values[splits.places(ragged.row_starts() + starts, lengths, step).to(ragged.device)]
        rows = type(ragged)(values, splits.of_lengths(lengths).to(ragged.row_splits.dtype))
    return rows.with_values(rows.values[beyond]) if rest else rows


def _expanded(index: tuple[Any, ...], rank: int) -> list[Any]:
    """Returns an index with slices in place of `...`."""
    at = next((place for place, one in enumerate(index) if one is Ellipsis), None)
    if at is None:
        return list(index)
    missing = rank - sum(one is not None and one is not Ellipsis for one in index)
    return [*index[:at], *[slice(None)] * missing, *index[at + 1 :]]
