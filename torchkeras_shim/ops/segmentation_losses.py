"""Overlap losses of image segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core import config
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.alignment import as_float_tensor, as_tensor, check_broadcast

Axes = int | Sequence[int] | None


def _pair(name: str, y_true: Any, y_pred: Any) -> tuple[torch.Tensor, torch.Tensor]:
    y_pred = as_float_tensor(y_pred)
    y_true = as_tensor(y_true, y_pred.dtype, like=y_pred)
    if y_true.shape != y_pred.shape:
        check_broadcast(name, y_true, y_pred)
    return y_true, y_pred


def _sum(values: torch.Tensor, axis: Axes) -> torch.Tensor:
    if axis is None:
        return values.sum()
    return values.sum(dim=axis if isinstance(axis, int) else tuple(axis))


@op
def dice(y_true: Any, y_pred: Any, axis: Axes = None) -> Any:
    """Computes `1 - 2 * sum(y_true * y_pred) / (sum(y_true) + sum(y_pred))`.

    Args:
        y_true: The true masks, 0 and 1.
        y_pred: The predicted probabilities.
        axis: The axes that are summed, `None` for all.

    Returns:
        One number, or one per place of the other axes.

    Example:
        >>> dice(torch.tensor([[1.0], [0.0]]), torch.tensor([[1.0], [0.0]]), axis=1)
        tensor([0., 1.])
    """
    y_true, y_pred = _pair("dice", y_true, y_pred)
    sizes = _sum(y_true, axis) + _sum(y_pred, axis) + config.epsilon()
    return 1.0 - 2.0 * _sum(y_true * y_pred, axis) / sizes


@op
def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Axes = None) -> Any:
    """Computes the Tversky loss: Dice with weights of its own for the two sorts of errors.

    Args:
        y_true: The true masks, 0 and 1.
        y_pred: The predicted probabilities.
        alpha: The weight of what is true and not predicted.
        beta: The weight of what is predicted and not true.
        axis: The axes that are summed, `None` for all.

    Returns:
        One number, or one per place of the other axes.

    Example:
        >>> tversky(torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1.0]), beta=1.0)
        tensor(0.5000)
    """
    y_true, y_pred = _pair("tversky", y_true, y_pred)
    shared = _sum(y_true * y_pred, axis)
    missed = _sum((1.0 - y_pred) * y_true, axis)
    invented = _sum(y_pred * (1.0 - y_true), axis)
    return 1.0 - shared / (shared + missed * alpha + invented * beta + config.epsilon())
