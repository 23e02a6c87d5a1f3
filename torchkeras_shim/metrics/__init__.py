"""Metrics: classes and functions by Keras's names."""

from __future__ import annotations

from functools import partial
from typing import Any

from torchkeras_shim.core import naming, serialization
from torchkeras_shim.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from torchkeras_shim.metrics.auc import AUC
from torchkeras_shim.metrics.base import Metric
from torchkeras_shim.metrics.checks import check_first_batch
from torchkeras_shim.metrics.confusion import (
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)
from torchkeras_shim.metrics.correlation import ConcordanceCorrelation, PearsonCorrelation
from torchkeras_shim.metrics.f_score import F1Score, FBetaScore
from torchkeras_shim.metrics.hinge import CategoricalHinge, Hinge, SquaredHinge
from torchkeras_shim.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from torchkeras_shim.metrics.operating_points import (
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from torchkeras_shim.metrics.probabilistic import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
)
from torchkeras_shim.metrics.r2_score import R2Score
from torchkeras_shim.metrics.reduction import Mean, MeanMetricWrapper, Sum
from torchkeras_shim.metrics.regression import (
    CosineSimilarity,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    RootMeanSquaredError,
)
from torchkeras_shim.metrics.table import METRICS
from torchkeras_shim.ops import torch_losses
from torchkeras_shim.ops.accuracy import (
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from torchkeras_shim.ops.agreement import concordance_correlation, pearson_correlation
from torchkeras_shim.ops.focal_losses import binary_focal_crossentropy, categorical_focal_crossentropy
from torchkeras_shim.ops.loss_functions import (
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "as_metric",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "check_first_batch",
    "concordance_correlation",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "pearson_correlation",
    "poisson",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]


def get(identifier: Any) -> Any:
    """Returns the metric of a name, a config, a class or an object; functions come back as they are.

    Args:
        identifier: `None`, a name such as `"mse"` or `"AUC"`, a config, a class, a function or a metric.

    Raises:
        ValueError: If there is no such metric; the message shows the nearest names.

    Example:
        >>> get("mse")
        <MeanSquaredError name=mean_squared_error>
    """
    return METRICS.get(identifier)


def serialize(metric: Any) -> Any:
    """Returns the config of a metric or metric function.

    Example:
        >>> serialize(Mean())["class_name"]
        'Mean'
    """
    return serialization.serialize_keras_object(metric)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Rebuilds a metric from what `serialize` returned.

    Args:
        config: The config, or a bare name.
        custom_objects: The user's own metrics by name.

    Example:
        >>> deserialize(serialize(Mean(name="speed")))
        <Mean name=speed>
    """
    return METRICS.deserialize(config, custom_objects)


def as_metric(identifier: Any, y_true: Any = None, y_pred: Any = None) -> Metric:
    """Turns whatever `compile(metrics=...)` accepts into a `Metric`, under the name that Keras gives it.

    Args:
        identifier: A name, a config, a class, a `Metric`, a function or module `(y_true, y_pred)`, or a torch loss.
        y_true: Something with the shape of the targets; `"accuracy"`, `"acc"`, `"crossentropy"`, `"ce"` choose by it.
        y_pred: Something with the shape of the predictions.

    Raises:
        ValueError: If the identifier cannot be understood, or the metric does not fit targets and predictions.

    Example:
        >>> import torch
        >>> type(as_metric("accuracy", torch.zeros(8), torch.zeros(8, 10))).__name__
        'SparseCategoricalAccuracy'
    """
    if identifier is None:
        raise ValueError("Expected metric, received `None`")
    if torch_losses.is_torch_loss(identifier):
        return _of_torch_loss(identifier)
    chosen = _BY_SHAPE.get(identifier.lower()) if isinstance(identifier, str) else None
    metric = _by_shape(identifier, chosen, y_true, y_pred) if chosen else get(identifier)
    name = identifier if isinstance(identifier, str) else naming.name_of(metric)
    if not isinstance(metric, Metric):
        metric = MeanMetricWrapper(metric)
    metric.name = name
    check_first_batch(metric, y_true, y_pred)
    return metric


_ACCURACIES = (BinaryAccuracy, SparseCategoricalAccuracy, CategoricalAccuracy)
_CROSSENTROPIES = (BinaryCrossentropy, SparseCategoricalCrossentropy, CategoricalCrossentropy)
_BY_SHAPE = {"accuracy": _ACCURACIES, "acc": _ACCURACIES, "crossentropy": _CROSSENTROPIES, "ce": _CROSSENTROPIES}


def _by_shape(identifier: str, classes: tuple[type[Metric], ...], y_true: Any, y_pred: Any) -> Metric:
    """Chooses the binary, sparse or categorical kind as Keras does."""
    if y_true is None or y_pred is None:
        names = " or ".join(f'"{naming.to_snake_case(cls.__name__)}"' for cls in classes)
        raise ValueError(
            f"The metric {identifier!r} is chosen by the shapes of targets and predictions, which are not known here. "
            f"Write {names}."
        )
    if y_pred.shape[-1] == 1:
        return classes[0](name=identifier)
    if len(y_true.shape) < len(y_pred.shape) or y_true.shape[-1] == 1:
        return classes[1](name=identifier)
    return classes[2](name=identifier)


def _of_torch_loss(identifier: Any) -> Metric:
    loss = identifier() if isinstance(identifier, type) else identifier
    torch_losses.check_two_arguments(loss)
    name = torch_losses.name_of(loss)
    metric = MeanMetricWrapper(partial(torch_losses.call_torch_loss, loss, name), name=naming.to_snake_case(name))
    metric._direction = "down"
    return metric
