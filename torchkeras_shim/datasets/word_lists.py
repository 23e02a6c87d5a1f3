"""What data sets of texts as lists of numbers have in common: words are numbered by how often they occur."""

from __future__ import annotations

from typing import Any

import numpy as np

Rows = list[list[int]]


def shuffled(rows: Rows, labels: Any, random: np.random.RandomState) -> tuple[Rows, Any]:
    """Returns rows and labels in a random order."""
    indices = np.arange(len(rows))
    random.shuffle(indices)
    return [rows[index] for index in indices], labels[indices]


def started(rows: Rows, start_char: int | None, index_from: int | None) -> Rows:
    """Returns rows that begin with a number of its own, and leave room for a few others."""
    above = index_from or 0
    start = [] if start_char is None else [start_char]
    return [start + [word + above for word in row] for row in rows]


def without_long(rows: Rows, labels: Any, maxlen: int) -> tuple[Rows, Any]:
    """Returns the rows that are shorter than `maxlen`, with their labels."""
    kept = [index for index, row in enumerate(rows) if len(row) < maxlen]
    return [rows[index] for index in kept], labels[kept]


def limited(rows: Rows, num_words: int | None, skip_top: int, oov_char: int | None) -> Rows:
    """Returns rows in which words that are too rare, or too frequent, are replaced or left out."""
    if not num_words:
        num_words = max(max(row, default=0) for row in rows)
    if oov_char is None:
        return [[word for word in row if skip_top <= word < num_words] for row in rows]
    return [[word if skip_top <= word < num_words else oov_char for word in row] for row in rows]


def as_objects(rows: Rows) -> np.ndarray[Any, Any]:
    """Returns rows as Keras does: an array of lists, or of numbers if all rows have one length."""
    return np.array(rows, dtype=object)
