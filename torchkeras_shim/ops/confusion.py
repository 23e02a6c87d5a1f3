"""Counts of true and false positives and negatives at one or many thresholds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import config
from torchkeras_shim.ops.alignment import squeeze_or_expand_to_same_rank

#: The threshold below every prediction, and what `top_k` turns the other predictions into.
NEG_INF = -1e10


def parse_thresholds(thresholds: float | Sequence[float] | None, default: float) -> list[float]:
    """Returns thresholds as a list.

    Raises:
        ValueError: If one is not in [0, 1].

    Example:
        >>> parse_thresholds(None, 0.5), parse_thresholds([0, 1], 0.5)
        ([0.5], [0, 1])
    """
    if thresholds is None:
        return [default]
    values: list[Any] = list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
    invalid = [value for value in values if value is None or value < 0 or value > 1]
    if invalid:
        raise ValueError(
            f"Threshold values must be in [0, 1]. Received: {invalid}. They are compared with probabilities: write "
            "`thresholds=0.5`, for example, or `thresholds=[0.25, 0.5, 0.75]`."
        )
    return values


def evenly_distributed(thresholds: Sequence[float]) -> bool:
    """Returns whether thresholds divide [0, 1] evenly, so that predictions fall into buckets by arithmetic.

    Example:
        >>> evenly_distributed([0.0, 0.5, 1.0]), evenly_distributed([0.1, 0.5, 1.0])
        (True, False)
    """
    if len(thresholds) < 3:
        return False
    return bool(np.allclose(thresholds, np.linspace(0.0, 1.0, len(thresholds)), atol=config.epsilon()))


def filter_top_k(y_pred: torch.Tensor, k: int) -> torch.Tensor:
    """Keeps the `k` largest predictions of each row and makes the others hugely negative."""
    kept = torch.zeros_like(y_pred).scatter_(-1, y_pred.topk(k, dim=-1).indices, 1.0)
    return y_pred * kept + NEG_INF * (1.0 - kept)


def prepare(
    y_true: torch.Tensor,
    y_pred: torch.Tensor,
    sample_weight: torch.Tensor | None,
    top_k: int | None = None,
    class_id: int | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Aligns targets, predictions and weights, and selects classes.

    Raises:
        ValueError: If the shapes differ, or a class is asked of predictions without classes.
    """
    y_pred, y_true = squeeze_or_expand_to_same_rank(y_pred, y_true)
    if y_pred.shape != y_true.shape:
        raise ValueError(
            f"`y_true` and `y_pred` must have the same shape. Received: y_true.shape={tuple(y_true.shape)}, "
            f"y_pred.shape={tuple(y_pred.shape)}. For integer labels write "
            f"`y = keras.utils.to_categorical(y, num_classes={y_pred.shape[-1] if y_pred.ndim else 1})`."
        )
    if sample_weight is not None:
        _, sample_weight = squeeze_or_expand_to_same_rank(y_true, sample_weight.unsqueeze(-1), expand_rank_1=False)
    if top_k is not None:
        y_pred = filter_top_k(y_pred, top_k)
    if class_id is not None:
        if y_pred.ndim == 1:
            raise ValueError(
                "When class_id is provided, y_pred must be a 2D array with shape (num_samples, num_classes), found "
                f"shape: {tuple(y_pred.shape)}"
            )
        y_true, y_pred = y_true[..., class_id, None], y_pred[..., class_id, None]
    return y_true, y_pred, sample_weight


def merge_weights(
    y_pred: torch.Tensor, sample_weight: torch.Tensor | None, label_weights: torch.Tensor | None
) -> torch.Tensor | None:
    """Returns the product of the weights in the shape of the predictions, or `None` if there are none."""
    weights = None if sample_weight is None else sample_weight.broadcast_to(y_pred.shape)
    if label_weights is None:
        return weights
    per_label = label_weights.unsqueeze(0).broadcast_to(y_pred.shape)
    return per_label if weights is None else weights * per_label


def counts_at_thresholds(
    wanted: Iterable[str],
    y_true: torch.Tensor,
    y_pred: torch.Tensor,
    thresholds: torch.Tensor | float,
    weights: torch.Tensor | None = None,
) -> dict[str, torch.Tensor]:
    """Counts by comparing every prediction with every threshold.

    Args:
        wanted: Which of `"true_positives"`, `"false_positives"`, `"true_negatives"` and `"false_negatives"`.
        y_true: Labels of shape `(n,)` or `(n, labels)`; everything but 0 is positive.
        y_pred: Predictions of that shape.
        thresholds: One number, or a vector of thresholds.
        weights: Weights of that shape.

    Returns:
        The counts by name, of shape `(thresholds,)` or `(thresholds, labels)`.

    Example:
        >>> counts_at_thresholds(["false_positives"], torch.tensor([1.0, 0.0]), torch.tensor([0.9, 0.8]), 0.5)
        {'false_positives': tensor([1.])}
    """
    if isinstance(thresholds, torch.Tensor):
        thresholds = thresholds.reshape(-1, *[1] * y_pred.ndim)
    positive, predicted = (y_true != 0).unsqueeze(0), y_pred.unsqueeze(0) > thresholds
    counts = {}
    for name in wanted:
        truth = positive if name in ("true_positives", "false_negatives") else ~positive
        which = truth & (predicted if name.endswith("positives") else ~predicted)
        if weights is None:
            counts[name] = which.sum(dim=1, dtype=y_pred.dtype)
        else:
            counts[name] = torch.where(which, weights, 0.0).sum(dim=1)
    return counts


def counts_in_buckets(
    wanted: Iterable[str],
    y_true: torch.Tensor,
    y_pred: torch.Tensor,
    num_thresholds: int,
    below_zero: bool,
    weights: torch.Tensor | None = None,
) -> dict[str, torch.Tensor]:
    """Counts at thresholds that divide [0, 1] evenly, in one pass over the predictions.

    Args:
        wanted: See `counts_at_thresholds`.
        y_true: Labels of shape `(n,)` or `(n, labels)`.
        y_pred: Predictions of that shape.
        num_thresholds: How many thresholds there are.
        below_zero: Whether the first threshold lies below 0, so that predictions of 0 are above it.
        weights: Weights of that shape.

    Returns:
        The counts by name, of shape `(thresholds,)` or `(thresholds, labels)`.

    Example:
        >>> counts_in_buckets(["true_positives"], torch.tensor([1.0, 1.0]), torch.tensor([0.4, 0.9]), 3, False)
        {'true_positives': tensor([2., 1., 0.])}
    """
    positive = (y_true != 0).to(y_pred.dtype)
    negative = 1.0 - positive
    if weights is not None:
        positive, negative = positive * weights, negative * weights
    # Bucket b holds what is above threshold b - 1 and not above threshold b; bucket 0 is above none and dropped.
    buckets = (y_pred.clamp(0.0, 1.0) * (num_thresholds - 1)).ceil().long()
    buckets = buckets.clamp(1 if below_zero else 0, num_thresholds)

    def above(values: torch.Tensor) -> torch.Tensor:
        sums = values.new_zeros(num_thresholds + 1, *values.shape[1:]).scatter_add_(0, buckets, values)
        return sums[1:].flip(0).cumsum(0).flip(0)

    counts = {}
    for name in wanted:
        values = positive if name in ("true_positives", "false_negatives") else negative
        count = above(values)
        counts[name] = count if name.endswith("positives") else values.sum(dim=0) - count
    return counts


def confusion_matrix(
    labels: torch.Tensor, predictions: torch.Tensor, num_classes: int, weights: torch.Tensor
) -> torch.Tensor:
    """Counts the pairs of true and predicted classes.

    Args:
        labels: True classes, all within the number of classes.
        predictions: Predicted classes, of the same shape.
        num_classes: How many classes there are.
        weights: What each pair counts; the result has their type.

    Returns:
        A matrix with the true classes as rows.

    Example:
        >>> confusion_matrix(torch.tensor([0, 1]), torch.tensor([1, 1]), 2, torch.tensor([1, 2]))
        tensor([[0, 1],
                [0, 2]])
    """
    # Not `bincount`, which reads the largest index back to the host.
    places = labels.long() * num_classes + predictions.long()
    counts = torch.zeros(num_classes * num_classes, dtype=weights.dtype, device=weights.device)
    return counts.scatter_add_(0, places, weights).reshape(num_classes, num_classes)
