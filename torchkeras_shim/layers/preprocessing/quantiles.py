"""Approximate quantiles of data that comes in batches: summaries that are merged and kept small."""

from __future__ import annotations

from typing import Any

import numpy as np

#: A row of values in order, and a row of how many values of the data each stands for.
Summary = np.ndarray[Any, np.dtype[Any]]


def empty() -> Summary:
    """Returns the summary of no data."""
    return np.zeros((2, 0), dtype="float32")


def summarize(values: Any, error: float) -> Summary:
    """Returns a summary of values.

    Args:
        values: Numbers, in any shape and order.
        error: How far off a quantile may be; the summary has about as many entries as its reciprocal.

    Example:
        >>> summarize([3.0, 1.0, 2.0, 4.0], error=0.5)
        array([[2., 4.],
               [2., 2.]], dtype=float32)
    """
    ordered = np.sort(np.reshape(np.asarray(values, dtype="float32"), -1))
    step = max(len(ordered) * error, 1)
    chosen = ordered[int(step - 1) :: int(step)]
    return np.stack([chosen, np.full_like(chosen, step)])


def merged(first: Summary, second: Summary, error: float) -> Summary:
    """Returns the summary of the data of two."""
    both = np.concatenate((first, second), axis=1)
    return compressed(both[:, np.argsort(both[0])], error)


def compressed(summary: Summary, error: float) -> Summary:
    """Returns a summary with no more entries than an error asks for."""
    if summary.shape[1] * error < 1:
        return summary
    shares = error + np.arange(0.0, 1.0, error)
    counts = summary[1].cumsum()
    at = counts / counts[-1]
    values = np.interp(shares, at, summary[0])
    counts = np.interp(shares, at, counts)
    return np.stack((values, np.diff(counts, prepend=0.0))).astype("float32")


def boundaries(summary: Summary, count: int) -> list[float]:
    """Returns what separates the data into bins of equal sizes."""
    found: list[float] = compressed(summary, 1.0 / count)[0, :-1].tolist()
    return found
