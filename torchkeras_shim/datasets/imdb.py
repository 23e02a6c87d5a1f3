"""IMDB: reviews of films, each a list of numbers for words, and whether it praises the film."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from torchkeras_shim.datasets import npz, store, word_lists

__all__ = ["get_word_index", "load_data"]

Array = np.ndarray[Any, Any]

_HASH = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
_WORDS_HASH = "bfafd718b763782e994055a2d397834f"


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Loads 25,000 reviews to train with and 25,000 to test with, downloaded once.

    Words are numbered by how often they occur: 1 is the most frequent one, in `get_word_index`. In the reviews all
    numbers are greater by `index_from`, because 0 is left for padding, and two others have a meaning of their own.

    Args:
        path: The name of the file in the folder of the data sets.
        num_words: One more than the largest number that is kept; all words by default.
        skip_top: How many of the smallest numbers are not kept.
        maxlen: Leaves out reviews that are as long as this, or longer.
        seed: The seed for the order of the reviews.
        start_char: What every review begins with, `None` for nothing.
        oov_char: What replaces words that are not kept; `None` leaves them out.
        index_from: What is added to all numbers.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: arrays of lists, and of labels: 1 for praise, 0 for the opposite.

    Raises:
        ValueError: If no review is shorter than `maxlen`, or the file is damaged.
        OSError: If the file is not here and cannot be downloaded.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data(num_words=10_000)  # doctest: +SKIP
        >>> len(x_train), len(x_test)  # doctest: +SKIP
        (25000, 25000)
    """
    arrays = npz.read(store.fetch(path, "imdb.npz", _HASH))
    random = np.random.RandomState(seed)
    parts = []
    for part in ("train", "test"):
        rows, labels = word_lists.shuffled(arrays[f"x_{part}"], arrays[f"y_{part}"], random)
        rows = word_lists.started(rows, start_char, index_from)
        parts.append(word_lists.without_long(rows, labels, maxlen) if maxlen else (rows, labels))
    (x_train, y_train), (x_test, y_test) = parts
    if not x_train or not x_test:
        raise ValueError(
            f"After filtering for sequences shorter than maxlen={maxlen}, no sequence was kept. Increase maxlen."
        )
    rows = word_lists.limited(x_train + x_test, num_words, skip_top, oov_char)
    x_train, x_test = rows[: len(x_train)], rows[len(x_train) :]
    return (word_lists.as_objects(x_train), y_train), (word_lists.as_objects(x_test), y_test)


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """Loads the numbers of the words, from 1 for the most frequent one.

    In the reviews of `load_data` they are greater by `index_from`.

    Args:
        path: The name of the file in the folder of the data sets.

    Example:
        >>> numbers = get_word_index()  # doctest: +SKIP
        >>> numbers["the"]  # doctest: +SKIP
        1
    """
    with open(store.fetch(path, "imdb_word_index.json", _WORDS_HASH), encoding="utf-8") as file:
        index: dict[str, int] = json.load(file)
    return index
