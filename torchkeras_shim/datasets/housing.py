"""What the data sets of houses have in common: a table `x`, prices `y`."""

from __future__ import annotations

from typing import Any

import numpy as np

from torchkeras_shim.datasets import npz, store

Array = np.ndarray[Any, Any]
Parts = tuple[tuple[Array, Array], tuple[Array, Array]]


def load(path: str, name: str, file_hash: str, test_split: float, seed: int, rows: int | None = None) -> Parts:
    """Returns a table in a random order, cut into two parts.

    Args:
        path: The name of the file in the folder of the data sets.
        name: The name of the file where it is downloaded from.
        file_hash: Its hash.
        test_split: The share of the second part.
        seed: The seed for the order.
        rows: How many rows of the file to use, `None` for all.
    """
    if not 0 <= test_split < 1:
        raise ValueError(f"Invalid `test_split` argument: {test_split}. It must be between 0 and 1 (exclusive of 1).")
    arrays = npz.read(store.fetch(path, name, file_hash))
    x, y = arrays["x"][:rows], arrays["y"][:rows]
    indices = np.arange(len(x))
    np.random.RandomState(seed).shuffle(indices)
    split = int(len(x) * (1 - test_split))
    x, y = x[indices], y[indices]
    return (x[:split].copy(), y[:split].copy()), (x[split:].copy(), y[split:].copy())
