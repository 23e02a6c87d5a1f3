"""Labels as one-hot rows, and vectors of unit length."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch

from torchkeras_shim import ops


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Turns integer labels into one-hot rows.

    Args:
        x: Labels from 0 to `num_classes - 1`, as an array, a list or a tensor. A last axis of size 1 is dropped.
        num_classes: The number of classes; one more than the largest label by default.

    Returns:
        A float64 numpy array of shape `x.shape + (num_classes,)`, as in Keras; a tensor for a tensor.

    Raises:
        IndexError: If a label is outside the classes.
        ValueError: without labels to count the classes of.

    Example:
        >>> to_categorical([0, 2], num_classes=3)
        array([[1., 0., 0.],
               [0., 0., 1.]])
    """
    if isinstance(x, torch.Tensor):
        labels = x.squeeze(-1) if x.ndim > 1 and x.shape[-1] == 1 else x
        return ops.one_hot(labels.long(), num_classes or int(labels.max()) + 1)
    classes = np.array(x, dtype="int64")
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    if classes.size == 0 and not num_classes:
        raise ValueError("`num_classes` is needed where there are no labels to find it from. Received: empty `x`.")
    count = num_classes or int(classes.max()) + 1
    if classes.size and not (-count <= classes.min() and classes.max() < count):
        raise IndexError(
            f"Labels must lie between 0 and num_classes - 1 = {count - 1}. Received: labels from {classes.min()} to "
            f"{classes.max()}. Raise `num_classes`, or leave it out to have it counted."
        )
    one_hot = np.zeros((*classes.shape, count))
    np.put_along_axis(one_hot, classes[..., None] % count, 1, axis=-1)  # negative labels count from the end
    return one_hot


def normalize(x: Any, axis: int | None = -1, order: float = 2) -> Any:
    """Scales vectors to unit length.

    Args:
        x: An array or a tensor.
        axis: The axis that the vectors lie along.
        order: Which length: 1, 2, or any other order of the norm.

    Returns:
        An array for an array, a tensor for a tensor. Vectors of length 0 stay as they are.

    Example:
        >>> normalize(np.array([[3.0, 4.0]]))
        array([[0.6, 0.8]])
    """
    if isinstance(x, np.ndarray):
        length = np.atleast_1d(np.linalg.norm(x, order, cast(Any, axis)))
        length = np.where(np.equal(length, 0), 1, length)
        return x / np.expand_dims(length, -1 if axis is None else axis)
    return ops.normalize(x, axis=-1 if axis is None else axis, order=order)
