"""How often tokens occur, and in how many documents: what a vocabulary is learned from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np


class TokenCounts:
    """Counts of tokens, and of the documents that they occur in.

    Example:
        >>> counts = TokenCounts()
        >>> counts.add_document([b"a", b"b", b"b"])
        >>> counts.add_document([b"b"])
        >>> counts.ranked(), counts.inverse_frequency([b"a"])
        ([b'b', b'a'], array([0.6931472], dtype=float32))
    """

    def __init__(self) -> None:
        self.tokens: Counter[Any] = Counter()
        self._occurrences: Counter[Any] = Counter()
        self._documents = 0

    def __bool__(self) -> bool:
        return bool(self.tokens)

    def add(self, tokens: Iterable[Any]) -> None:
        """Counts tokens whose document does not matter."""
        self.tokens.update(tokens)

    def add_document(self, tokens: Iterable[Any]) -> None:
        """Counts the tokens of a document."""
        tokens = list(tokens)
        self.tokens.update(tokens)
        self._occurrences.update(set(tokens))
        self._documents += 1

    def discard(self, token: Any) -> None:
        """Forgets a token."""
        self.tokens.pop(token, None)

    def ranked(self, most: int | None = None) -> list[Any]:
        """Returns the tokens, the most frequent ones first, of equally frequent ones the last in order first."""
        ranked = sorted(((count, token) for token, count in self.tokens.items()), reverse=True)
        return [token for _, token in ranked[:most]]

    def inverse_frequency(self, tokens: Iterable[Any]) -> np.ndarray[Any, Any]:
        """Returns what the mode `"tf_idf"` weights tokens by: the less, the more documents they occur in."""
        found = np.array([self._occurrences[token] for token in tokens], dtype="float64")
        return np.log1p(self._documents / (1.0 + found)).astype("float32")
