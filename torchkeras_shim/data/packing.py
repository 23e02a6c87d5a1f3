"""`(x, y, sample_weight)`: taken apart, put together, cut into a training and a validation part."""

from __future__ import annotations

import math
from typing import Any

from torchkeras_shim.core import tree
from torchkeras_shim.data.arrays import describe, is_array_like


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Takes one batch apart.

    Args:
        data: `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`; a list counts as a tuple.

    Returns:
        `(x, y, sample_weight)`, with `None` for what is absent.

    Raises:
        ValueError: If the tuple has another length.

    Example:
        >>> unpack_x_y_sample_weight((1, 2))
        (1, 2, None)
    """
    if not isinstance(data, (tuple, list)):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(
            "Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`, "
            f"found: {describe(data)}. Several inputs or outputs go into one structure: `((x1, x2), y)`."
        )
    x, y, sample_weight = (*data, None, None)[:3]
    return x, y, sample_weight


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Puts data together as `fit` takes it from a data set.

    Args:
        x: The inputs.
        y: The targets.
        sample_weight: A weight for each sample.

    Returns:
        `x` alone, or in a tuple of one where it is a list or tuple itself; `(x, y)`; or `(x, y, sample_weight)`.

    Example:
        >>> pack_x_y_sample_weight(1), pack_x_y_sample_weight([1]), pack_x_y_sample_weight(1, 2)
        (1, ([1],), (1, 2))
    """
    if y is None:
        return (x,) if isinstance(x, (tuple, list)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def train_validation_split(arrays: Any, validation_split: float) -> tuple[Any, Any]:
    """Cuts arrays into a first part to train on and a last part to validate on. Nothing is copied or shuffled.

    Args:
        arrays: A structure of arrays of the same length; `None` is passed through.
        validation_split: The share of the last part, between 0 and 1.

    Returns:
        `(train_arrays, validation_arrays)`, structures like `arrays`.

    Raises:
        ValueError: If the data cannot be cut, a share is outside 0 to 1, or there are too few samples.

    Example:
        >>> import numpy as np
        >>> train_validation_split((np.arange(4), None), 0.25)
        ((array([0, 1, 2]), None), (array([3]), None))
    """
    leaves = tree.flatten(arrays)
    unsplittable = [type(leaf) for leaf in leaves if leaf is not None and not is_array_like(leaf)]
    if unsplittable:
        raise ValueError(
            "Argument `validation_split` is only supported for tensors or NumPy arrays. "
            f"Found incompatible type in the input: {unsplittable}. Pass `validation_data=...` instead."
        )
    if not 0 < validation_split < 1:
        raise ValueError(f"`validation_split` must be between 0 and 1. Received: validation_split={validation_split}")
    first = next((leaf for leaf in leaves if leaf is not None), None)
    if first is None:
        return arrays, arrays
    count = int(first.shape[0])
    split_at = math.floor(count * (1.0 - validation_split))
    if split_at in (0, count):
        raise ValueError(
            f"Training data contains {count} samples, which is not sufficient to split it into a validation and "
            f"training set as specified by `validation_split={validation_split}`. Either provide more data, or a "
            "different value for the `validation_split` argument."
        )

    def part(begin: int, end: int) -> Any:
        def cut(leaf: Any) -> Any:
            if leaf is None:
                return None
            return leaf.iloc[begin:end] if hasattr(leaf, "iloc") else _sliceable(leaf)[begin:end]

        return tree.map_structure(cut, arrays)

    return part(0, split_at), part(split_at, count)


def _sliceable(leaf: Any) -> Any:
    """Gives COO matrices of scipy rows that can be cut."""
    return leaf.tocsr() if hasattr(leaf, "tocsr") else leaf
