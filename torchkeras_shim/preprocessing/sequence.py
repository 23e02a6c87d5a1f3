"""`keras.preprocessing.sequence`: sequences of one length."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["pad_sequences"]


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray[Any, Any]:
    """Makes an array of sequences, the shorter ones filled up and the longer ones cut.

    Args:
        sequences: Lists or arrays of numbers (or of vectors, or of strings).
        maxlen: The length; that of the longest sequence by default.
        dtype: The type of the array. Strings of different lengths need `object`.
        padding: Where to fill up, `"pre"` or `"post"`.
        truncating: Where to cut, `"pre"` or `"post"`.
        value: What to fill up with.

    Returns:
        An array of shape `(len(sequences), maxlen, ...)`.

    Raises:
        ValueError: If something is not a sequence, the elements have different shapes, or an argument is unknown.

    Example:
        >>> pad_sequences([[1], [2, 3], [4, 5, 6]])
        array([[0, 0, 1],
               [0, 2, 3],
               [4, 5, 6]], dtype=int32)
        >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2, padding="post")
        array([[1, 0],
               [2, 3],
               [5, 6]], dtype=int32)
    """
    lengths = _lengths(sequences)
    for name, way in (("Truncating", truncating), ("Padding", padding)):
        if way not in ("pre", "post") and any(lengths):
            raise ValueError(f'{name} type "{way}" not understood. Expected "pre" or "post".')
    if maxlen is None:
        maxlen = max(lengths, default=0)
    is_text = np.issubdtype(dtype, np.str_) or np.issubdtype(dtype, np.bytes_)
    if isinstance(value, str) and dtype is not object and not is_text:
        raise ValueError(
            f"`dtype` {dtype} is not compatible with `value`'s type: {type(value)}\nYou should set `dtype=object` for "
            "variable length strings."
        )
    shape = next((np.asarray(sequence).shape[1:] for sequence in sequences if len(sequence)), ())
    padded = np.full((len(lengths), maxlen, *shape), value, dtype=dtype)
    for index, sequence in enumerate(sequences):
        if not lengths[index]:
            continue
        kept = np.asarray(sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen], dtype=dtype)
        if kept.shape[1:] != shape:
            raise ValueError(
                f"Shape of sample {kept.shape[1:]} of sequence at position {index} is different from expected shape "
                f"{shape}"
            )
        if padding == "post":
            padded[index, : len(kept)] = kept
        else:
            padded[index, -len(kept) :] = kept
    return padded


def _lengths(sequences: Any) -> list[int]:
    if not hasattr(sequences, "__len__"):
        raise ValueError(f"`sequences` must be iterable. Received: {sequences!r}. Write `list(sequences)`.")
    lengths = []
    for sequence in sequences:
        try:
            lengths.append(len(sequence))
        except TypeError as error:
            raise ValueError(f"`sequences` must be a list of iterables. Found non-iterable: {sequence}") from error
    return lengths
