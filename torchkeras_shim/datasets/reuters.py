"""Reuters: news of the year 1987, each a list of numbers for words, in 46 topics."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from torchkeras_shim.datasets import npz, store, word_lists

__all__ = ["get_label_names", "get_word_index", "load_data"]

Array = np.ndarray[Any, Any]

_HASH = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
_WORDS_HASH = "4d44cc38712099c9e383dc6e5f11a921"
_TOPICS = (
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton carcass "
    "crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock retail ipi "
    "iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead"
)


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Loads 11,228 news, downloaded once.

    Words are numbered by how often they occur: 1 is the most frequent one, in `get_word_index`. In the news all numbers
    are greater by `index_from`, because 0 is left for padding, and two others have a meaning of their own.

    Args:
        path: The name of the file in the folder of the data sets.
        num_words: One more than the largest number that is kept; all words by default.
        skip_top: How many of the smallest numbers are not kept.
        maxlen: Leaves out news that are as long as this, or longer.
        test_split: The share to test with.
        seed: The seed for the order of the news.
        start_char: What all news begin with, `None` for nothing.
        oov_char: What replaces words that are not kept; `None` leaves them out.
        index_from: What is added to all numbers.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: arrays of lists, and of topics from 0 to 45.

    Raises:
        ValueError: If no news are shorter than `maxlen`, or the file is damaged.
        OSError: If the file is not here and cannot be downloaded.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data(num_words=10_000)  # doctest: +SKIP
        >>> len(x_train), len(x_test)  # doctest: +SKIP
        (8982, 2246)
    """
    arrays = npz.read(store.fetch(path, "reuters.npz", _HASH))
    rows, labels = word_lists.shuffled(arrays["x"], arrays["y"], np.random.RandomState(seed))
    rows = word_lists.started(rows, start_char, index_from)
    if maxlen:
        rows, labels = word_lists.without_long(rows, labels, maxlen)
    if not rows:
        raise ValueError(
            f"After filtering for sequences shorter than maxlen={maxlen}, no sequence was kept. Increase maxlen."
        )
    rows = word_lists.limited(rows, num_words, skip_top, oov_char)
    split = int(len(rows) * (1 - test_split))
    x_train, x_test = word_lists.as_objects(rows[:split]), word_lists.as_objects(rows[split:])
    return (x_train, labels[:split]), (x_test, labels[split:])


def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """Loads the numbers of the words, from 1 for the most frequent one.

    In the news of `load_data` they are greater by `index_from`.

    Args:
        path: The name of the file in the folder of the data sets.

    Example:
        >>> numbers = get_word_index()  # doctest: +SKIP
        >>> numbers["the"]  # doctest: +SKIP
        1
    """
    with open(store.fetch(path, "reuters_word_index.json", _WORDS_HASH), encoding="utf-8") as file:
        index: dict[str, int] = json.load(file)
    return index


def get_label_names() -> tuple[str, ...]:
    """Returns the names of the topics.

    Example:
        >>> names = get_label_names()
        >>> len(names), names[3]
        (46, 'earn')
    """
    return tuple(_TOPICS.split())
