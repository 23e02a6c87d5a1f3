"""Accuracies per sample as plain functions `(y_true, y_pred)`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import config, dtypes
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.alignment import as_tensor, check_broadcast, class_indices, squeeze_or_expand_to_same_rank


def _as_float(matches: torch.Tensor) -> torch.Tensor:
    return matches.to(dtypes.to_torch_dtype(config.floatx()))


@op
def accuracy(y_true: Any, y_pred: Any) -> Any:
    """Tells for every element whether it is exactly the true one.

    Args:
        y_true: The true values.
        y_pred: The predicted values.

    Returns:
        1 and 0 in the shape of the predictions.

    Example:
        >>> accuracy(torch.tensor([1, 2]), torch.tensor([1, 3]))
        tensor([1., 0.])
    """
    y_pred = as_tensor(y_pred)
    y_true, y_pred = squeeze_or_expand_to_same_rank(as_tensor(y_true, y_pred.dtype, like=y_pred), y_pred)
    check_broadcast("accuracy", y_true, y_pred)
    return _as_float(y_true == y_pred)


@op
def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """Tells for every element whether the prediction is on the right side of the threshold.

    Args:
        y_true: Labels 0 and 1.
        y_pred: The predicted probabilities.
        threshold: Predictions above it are 1.

    Returns:
        1 and 0 in the shape of the predictions.

    Example:
        >>> binary_accuracy(torch.tensor([1, 0]), torch.tensor([0.6, 0.7]))
        tensor([1., 0.])
    """
    y_pred = as_tensor(y_pred)
    y_true, y_pred = squeeze_or_expand_to_same_rank(as_tensor(y_true, like=y_pred), y_pred)
    check_broadcast("binary_accuracy", y_true, y_pred)
    return _as_float(y_true == (y_pred > threshold).to(y_true.dtype))


@op
def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Tells for every sample whether the largest prediction is that of the true class.

    Args:
        y_true: One-hot labels.
        y_pred: The predicted probabilities or logits.

    Returns:
        1 and 0, one per sample.

    Example:
        >>> categorical_accuracy(torch.tensor([[0, 1]]), torch.tensor([[0.3, 0.7]]))
        tensor([1.])
    """
    y_pred = as_tensor(y_pred)
    labels = class_indices(as_tensor(y_true, like=y_pred))
    return _matches(labels, y_pred, squeeze=labels.ndim == y_pred.ndim)


@op
def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Tells for every sample whether the largest prediction is that of the true class.

    Args:
        y_true: Integer labels.
        y_pred: The predicted probabilities or logits.

    Returns:
        1 and 0, one per sample.

    Example:
        >>> sparse_categorical_accuracy(torch.tensor([1]), torch.tensor([[0.3, 0.7]]))
        tensor([1.])
    """
    y_pred = as_tensor(y_pred)
    labels = as_tensor(y_true, like=y_pred)
    matches = _matches(labels, y_pred, squeeze=labels.ndim == y_pred.ndim and labels.shape[-1] == 1)
    return matches.squeeze(-1) if matches.ndim > 1 and matches.shape[-1] == 1 else matches


def _matches(labels: torch.Tensor, y_pred: torch.Tensor, squeeze: bool) -> torch.Tensor:
    """Compares labels with the largest predictions, in the shape of the labels."""
    shape = labels.shape
    if squeeze:
        labels = labels.squeeze(-1)
    best = class_indices(y_pred)
    check_broadcast("accuracy of classes", labels, best)
    matches = _as_float(labels == best)
    return matches.reshape(shape) if squeeze else matches


@op
def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """Tells for every sample whether the true class is among the `k` largest predictions.

    Args:
        y_true: One-hot labels.
        y_pred: The predicted probabilities or logits.
        k: How many predictions count.

    Returns:
        1 and 0, one per sample.

    Example:
        >>> top_k_categorical_accuracy(torch.tensor([[0, 0, 1]]), torch.tensor([[0.1, 0.7, 0.2]]), k=2)
        tensor([1.])
    """
    y_pred = as_tensor(y_pred)
    labels = class_indices(as_tensor(y_true, like=y_pred))
    return _as_float(_in_top_k(labels.reshape(-1), y_pred.reshape(-1, y_pred.shape[-1]), k)).reshape(labels.shape)


@op
def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Any:
    """Tells for every sample whether the true class is among the `k` largest predictions.

    Args:
        y_true: Integer labels.
        y_pred: The predicted probabilities or logits; with `from_sorted_ids` the class indices, best first.
        k: How many predictions count.
        from_sorted_ids: Whether `y_pred` holds class indices.

    Returns:
        1 and 0, one per sample.

    Example:
        >>> sparse_top_k_categorical_accuracy(torch.tensor([2]), torch.tensor([[0.1, 0.7, 0.2]]), k=2)
        tensor([1.])
    """
    y_pred = as_tensor(y_pred)
    labels = as_tensor(y_true, like=y_pred)
    flat, rows = labels.reshape(-1), y_pred.reshape(-1, y_pred.shape[-1])
    if from_sorted_ids:
        matches = (flat.to(rows.dtype).unsqueeze(1) == rows[:, :k]).any(dim=1)
    else:
        matches = _in_top_k(flat, rows, k)
    return _as_float(matches).reshape(labels.shape)


def _in_top_k(labels: torch.Tensor, y_pred: torch.Tensor, k: int) -> torch.Tensor:
    """Tells where fewer than `k` predictions are larger; ties are in, labels that are not a class and NaN are out."""
    labels = labels.long()
    inside = labels.clamp(0, y_pred.shape[-1] - 1)
    at_label = y_pred.gather(-1, inside.unsqueeze(-1))
    larger = (y_pred > at_label).sum(dim=-1)
    return (larger < k) & (inside == labels) & at_label.squeeze(-1).isfinite()
