"""Correlations per sample as plain functions `(y_true, y_pred)`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import config
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.alignment import (
    as_float_tensor,
    as_tensor,
    check_broadcast,
    squeeze_or_expand_to_same_rank,
)


def _pair(name: str, y_true: Any, y_pred: Any) -> tuple[torch.Tensor, torch.Tensor]:
    y_pred = as_float_tensor(y_pred)
    y_true, y_pred = squeeze_or_expand_to_same_rank(as_tensor(y_true, y_pred.dtype, like=y_pred), y_pred)
    if y_true.shape != y_pred.shape:
        check_broadcast(name, y_true, y_pred)
    return y_true, y_pred


@op
def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Computes the Pearson correlation: 1 where one is a straight line of the other.

    Args:
        y_true: The true values.
        y_pred: The predicted values.
        axis: The axis of the values that are correlated; constant values have no correlation (NaN).

    Returns:
        One value per sample.

    Example:
        >>> pearson_correlation(torch.tensor([[0.0, 1.0]]), torch.tensor([[2.0, 4.0]]))
        tensor([1.])
    """
    y_true, y_pred = _pair("pearson_correlation", y_true, y_pred)
    return (_standardized(y_true, axis) * _standardized(y_pred, axis)).mean(dim=axis)


def _standardized(values: torch.Tensor, axis: int) -> torch.Tensor:
    centered = values - values.mean(dim=axis, keepdim=True)
    return centered / centered.std(dim=axis, keepdim=True, correction=0)


@op
def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Computes the concordance correlation: 1 where values are equal, not only on a straight line.

    Args:
        y_true: The true values.
        y_pred: The predicted values.
        axis: The axis of the values that are correlated.

    Returns:
        One value per sample.

    Example:
        >>> concordance_correlation(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 1.0]]))
        tensor([1.0000])
    """
    y_true, y_pred = _pair("concordance_correlation", y_true, y_pred)
    true_mean, pred_mean = y_true.mean(dim=axis, keepdim=True), y_pred.mean(dim=axis, keepdim=True)
    variances = y_true.var(dim=axis, keepdim=True, correction=0) + y_pred.var(dim=axis, keepdim=True, correction=0)
    # The true values' distance is from the predictions' mean: the sum is the same, as the other factor sums to 0.
    product = (y_true - pred_mean) * (y_pred - pred_mean)
    return (2.0 * product / (variances + (true_mean - pred_mean).square() + config.epsilon())).mean(dim=axis)
