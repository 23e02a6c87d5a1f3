"""Looks at the first batch for metrics that do not fit the targets or the predictions."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from torchkeras_shim.core import naming
from torchkeras_shim.metrics import accuracy, confusion, operating_points
from torchkeras_shim.metrics.auc import AUC
from torchkeras_shim.metrics.base import Metric
from torchkeras_shim.metrics.f_score import F1Score, FBetaScore
from torchkeras_shim.ops.crossentropy import looks_like_labels

# Subclasses are left alone: they may well do something else with what they get.
_COUNTS = {confusion.TruePositives, confusion.TrueNegatives, confusion.FalsePositives, confusion.FalseNegatives}
_RATIOS = {confusion.Precision, confusion.Recall}
_POINTS = {
    operating_points.SensitivityAtSpecificity,
    operating_points.SpecificityAtSensitivity,
    operating_points.PrecisionAtRecall,
    operating_points.RecallAtPrecision,
}
_TWO_CLASSES = {accuracy.BinaryAccuracy, AUC, *_COUNTS, *_RATIOS, *_POINTS}
_ONE_HOT = {accuracy.CategoricalAccuracy, accuracy.TopKCategoricalAccuracy, F1Score, FBetaScore}
_SPARSE = {accuracy.SparseCategoricalAccuracy, accuracy.SparseTopKCategoricalAccuracy}


def check_first_batch(metric: Any, y_true: Any, y_pred: Any, output_name: str | None = None) -> None:
    """Checks a metric against one batch; it may read the device, so it is called once and not in every step.

    Args:
        metric: The metric that the batch is for.
        y_true: The targets.
        y_pred: The predictions.
        output_name: The name of the model's output, for the messages.

    Raises:
        ValueError: If a metric of two classes gets class labels of many, one of class labels gets one-hot labels, or
            the other way round; the message shows the corrected lines.

    Warns:
        UserWarning: If predictions are logits and the metric expects probabilities, or no prediction can reach a
            threshold.

    Example:
        >>> from torchkeras_shim.metrics import Precision
        >>> check_first_batch(Precision(), torch.ones(2, 1), torch.full((2, 1), 0.5))
    """
    if not isinstance(metric, Metric) or not isinstance(y_true, torch.Tensor) or not isinstance(y_pred, torch.Tensor):
        return
    if not y_pred.ndim:
        return
    kind = type(metric)
    where = f"The metric '{metric.name}'" + (f" of output '{output_name}'" if output_name else "")
    shapes = f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}."
    classes = y_pred.shape[-1]
    labels = classes > 1 and y_true.shape != y_pred.shape and looks_like_labels(y_true, y_pred)
    if labels and kind in _TWO_CLASSES:
        raise ValueError(
            f"{where} is for two classes, and wants targets and predictions of the same shape; the output has "
            f"{classes} classes and the targets are integer labels. {shapes} {_two_class_advice(metric, classes)}"
        )
    if labels and kind in _ONE_HOT:
        raise ValueError(
            f"{where} is for one-hot labels, and the targets are integer labels. {shapes} "
            f"{_one_hot_advice(metric, classes)}"
        )
    if (
        kind in _SPARSE
        and classes > 1
        and y_true.shape == y_pred.shape
        and not getattr(metric, "from_sorted_ids", False)
    ):
        dense = naming.to_snake_case(kind.__name__.removeprefix("Sparse"))
        raise ValueError(
            f"{where} is for integer labels, and the targets are one-hot. {shapes} Write either\n"
            f'    model.compile(metrics=["{dense}"], ...)\n'
            "or\n"
            "    y = y.argmax(axis=-1)"
        )
    if kind in _TWO_CLASSES and y_pred.is_floating_point() and y_pred.numel() and not y_pred.is_meta:
        _check_range(metric, where, y_pred)


def _call(metric: Metric, arguments: str) -> str:
    return f"keras.metrics.{type(metric).__name__}({arguments})"


def _two_class_advice(metric: Metric, classes: int) -> str:
    sparse = '    model.compile(metrics=["sparse_categorical_accuracy"], ...)'
    one_hot = f"    y = keras.utils.to_categorical(y, num_classes={classes})"
    if isinstance(metric, accuracy.BinaryAccuracy):
        return f"Write\n{sparse}\nor, for two classes, end the model with `Dense(1, activation='sigmoid')`."
    if isinstance(metric, AUC):
        call = _call(metric, f"multi_label=True, num_labels={classes}")
    elif type(metric) in _POINTS:
        name = metric._constrained  # type: ignore[attr-defined]
        call = _call(metric, f"{name}={getattr(metric, name)}, class_id=0")
    else:
        call = _call(metric, "" if type(metric) in _COUNTS else "class_id=0")
    return (
        f"Write either\n{sparse}\nor, with one-hot labels,\n{one_hot}\n"
        f'    model.compile(loss="categorical_crossentropy", metrics=[{call}], ...)'
    )


def _one_hot_advice(metric: Metric, classes: int) -> str:
    one_hot = f"    y = keras.utils.to_categorical(y, num_classes={classes})"
    if isinstance(metric, FBetaScore):
        return f"Write\n{one_hot}"
    sparse = "sparse_" + naming.to_snake_case(type(metric).__name__)
    return f'Write either\n    model.compile(metrics=["{sparse}"], ...)\nor\n{one_hot}'


def _takes_logits(metric: Metric) -> bool:
    """Returns whether a metric was told of logits, by a flag or by thresholds (or a rank) of the user's own."""
    if isinstance(metric, AUC):
        return metric._from_logits
    asked = getattr(metric, "init_thresholds", None) is not None or getattr(metric, "top_k", None) is not None
    return asked and type(metric) not in _POINTS


def _check_range(metric: Metric, where: str, y_pred: torch.Tensor) -> None:
    """Warns where predictions and thresholds cannot belong together."""
    with torch.no_grad():
        smallest, largest = torch.stack(torch.aminmax(y_pred.detach())).tolist()
    probabilities = smallest >= 0.0 and largest <= 1.0
    found = f"(smallest {smallest:.3g}, largest {largest:.3g})"
    if isinstance(metric, accuracy.BinaryAccuracy):
        threshold = metric.threshold
        if probabilities and threshold is not None and not 0.0 <= threshold <= 1.0:
            warnings.warn(
                f"{where} has the threshold {threshold}, and the predictions look like probabilities {found}: all of "
                "them are on one side. Write `keras.metrics.BinaryAccuracy(threshold=0.5)`.",
                stacklevel=4,
            )
        elif not probabilities and threshold == 0.5 and smallest < 0.0:
            warnings.warn(
                f"{where} compares with 0.5, and the predictions look like logits {found}. Write "
                "`keras.metrics.BinaryAccuracy(threshold=0.0)`, or give the last layer `activation='sigmoid'`.",
                stacklevel=4,
            )
    elif smallest < 0.0 and not _takes_logits(metric):
        either = " either `keras.metrics.AUC(from_logits=True)`, or" if isinstance(metric, AUC) else ""
        warnings.warn(
            f"{where} expects probabilities, and the predictions look like logits {found}. Write{either} "
            "`activation='sigmoid'` for the last layer.",
            stacklevel=4,
        )
