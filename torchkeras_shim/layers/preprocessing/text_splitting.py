"""Texts in one form, cut into tokens, by the few ways that have a name: on bytes, as TensorFlow does it."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import StringTensor

_PUNCTUATION = string.punctuation.encode()
_LOWER = bytes(range(256)).lower()

#: What gives texts one form. A table and what is deleted: one pass over the bytes, of which only ASCII letters change.
STANDARDIZERS: dict[str, Callable[[bytes], bytes]] = {
    "lower": bytes.lower,
    "strip_punctuation": lambda text: text.translate(None, _PUNCTUATION),
    "lower_and_strip_punctuation": lambda text: text.translate(_LOWER, _PUNCTUATION),
}


def characters(text: bytes) -> list[bytes]:
    """Returns the characters of a text; bytes that are not UTF-8 become the replacement character.

    Example:
        >>> [one.decode() for one in characters("né".encode())]
        ['n', 'é']
    """
    return [one.encode() for one in text.decode("utf-8", "replace")]


#: What cuts texts. Whitespace is that of ASCII.
SPLITTERS: dict[str, Callable[[bytes], list[bytes]]] = {"whitespace": bytes.split, "character": characters}


def standardized(texts: StringTensor, how: str) -> StringTensor:
    """Returns texts in the form of a standardizer.

    Example:
        >>> standardized(StringTensor(["It's GREAT!"]), "lower_and_strip_punctuation").tolist()
        [b'its great']
    """
    flat = np.asarray(texts).reshape(-1)
    found = np.fromiter(map(STANDARDIZERS[how], flat), dtype=object, count=len(flat))
    return StringTensor.of_bytes(found.reshape(tuple(texts.shape)))


def ragged(rows: Iterable[Sequence[bytes]]) -> RaggedTensor:
    """Returns lists of tokens as a tensor."""
    lengths: list[int] = []

    def counted() -> Iterator[bytes]:
        for row in rows:
            lengths.append(len(row))
            yield from row

    values = np.fromiter(counted(), dtype=object)
    found: RaggedTensor = RaggedTensor.from_row_lengths(StringTensor.of_bytes(values), lengths)
    return found


def ngrams(tokens: Sequence[bytes], widths: Sequence[int]) -> list[bytes]:
    """Returns all runs of tokens of the given lengths, the tokens joined by spaces.

    Example:
        >>> ngrams([b"a", b"b", b"c"], (1, 2))
        [b'a', b'b', b'c', b'a b', b'b c']
    """
    if isinstance(widths, range):  # a file can ask for any number
        widths = widths[: len(tokens)]
    return [b" ".join(tokens[start : start + width]) for width in widths for start in range(len(tokens) - width + 1)]


def with_ngrams(tokens: Any, widths: Sequence[int]) -> Any:
    """Returns the runs of tokens of each row, of ragged rows or of the rows of a dense tensor."""
    if isinstance(tokens, RaggedTensor):
        return ragged(ngrams(row.tolist(), widths) for row in tokens)
    if tokens.ndim == 1:
        return StringTensor(np.array([*ngrams(tokens.tolist(), widths), None], dtype=object)[:-1])
    rows = [ngrams(row.tolist(), widths) for row in tokens.reshape(-1, tokens.shape[-1])]
    width = len(rows[0]) if rows else 0
    found = np.fromiter((token for row in rows for token in row), dtype=object)
    return StringTensor.of_bytes(found.reshape(*tokens.shape[:-1], width))
