"""The accuracies."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.metrics.reduction import MeanMetricWrapper
from torchkeras_shim.metrics.table import METRICS
from torchkeras_shim.ops.accuracy import (
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)


def _plain(y_true: Any, y_pred: Any, sample_weight: Any) -> bool:
    """Returns whether a batch is two plain tensors on one device without weights or mask: the lean way applies."""
    return (
        sample_weight is None
        and type(y_pred) is type(y_true) is torch.Tensor
        and y_pred.device == y_true.device
        and y_true.dtype is not torch.bool
        and not hasattr(y_pred, "_keras_mask")
    )


def _add_hits(metric: MeanMetricWrapper, hits: torch.Tensor) -> None:
    """Adds a boolean per sample."""
    total = metric.total
    if hits.device != total.device:
        metric.to(hits.device)
    # On the CPU counting is faster than summing; on an accelerator it would be one kernel more.
    total.add_(hits.count_nonzero() if hits.is_cpu else hits.sum())
    metric.count.add_(len(hits))


@METRICS.register("accuracy")
class Accuracy(MeanMetricWrapper):
    """How often predictions equal the targets exactly.

    Args:
        name: The name.
        dtype: The type of the result.

    Example:
        >>> Accuracy()([[1], [2], [3], [4]], [[0], [2], [3], [4]])
        tensor(0.7500)
    """

    _direction = "up"
    _config_fields = ()

    def __init__(self, name: str | None = "accuracy", dtype: Any = None):
        super().__init__(fn=accuracy, name=name, dtype=dtype)


@METRICS.register("binary_accuracy")
class BinaryAccuracy(MeanMetricWrapper):
    """How often predictions are on the right side of a threshold.

    Args:
        name: The name.
        dtype: The type of the result.
        threshold: Predictions above it are 1.

    Example:
        >>> BinaryAccuracy()([[1], [1], [0], [0]], [[0.98], [1.0], [0.0], [0.6]])
        tensor(0.7500)
    """

    _direction = "up"
    _config_fields = ("threshold",)

    def __init__(self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5):
        super().__init__(fn=binary_accuracy, name=name, dtype=dtype, threshold=threshold)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Takes in a batch; see `MeanMetricWrapper`."""
        if _plain(y_true, y_pred, sample_weight) and y_pred.ndim == 2 and y_pred.shape[-1] == 1:
            hits = (y_pred > self.threshold).reshape(-1)
            if y_true.shape in (y_pred.shape, hits.shape):
                _add_hits(self, hits == y_true.reshape(-1))
                return
        super().update_state(y_true, y_pred, sample_weight)


@METRICS.register("categorical_accuracy")
class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is that of the true class, for one-hot labels.

    Args:
        name: The name.
        dtype: The type of the result.

    Example:
        >>> CategoricalAccuracy()([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]])
        tensor(0.5000)
    """

    _direction = "up"
    _config_fields = ()

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None):
        super().__init__(fn=categorical_accuracy, name=name, dtype=dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Takes in a batch; see `MeanMetricWrapper`."""
        if _plain(y_true, y_pred, sample_weight) and y_pred.ndim == 2 and y_true.shape == y_pred.shape:
            _add_hits(self, y_pred.argmax(-1) == y_true.argmax(-1))
            return
        super().update_state(y_true, y_pred, sample_weight)


@METRICS.register("sparse_categorical_accuracy")
class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is that of the true class, for integer labels.

    Args:
        name: The name.
        dtype: The type of the result.

    Example:
        >>> SparseCategoricalAccuracy()([2, 1], [[0.1, 0.6, 0.3], [0.05, 0.95, 0]])
        tensor(0.5000)
    """

    _direction = "up"
    _config_fields = ()

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None):
        super().__init__(fn=sparse_categorical_accuracy, name=name, dtype=dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Takes in a batch; see `MeanMetricWrapper`."""
        if _plain(y_true, y_pred, sample_weight) and y_pred.ndim == 2:
            rows = len(y_pred)
            if y_true.shape == (rows,):
                _add_hits(self, y_pred.argmax(-1) == y_true)
                return
            if y_true.shape == (rows, 1):
                _add_hits(self, y_pred.argmax(-1, keepdim=True) == y_true)
                return
        super().update_state(y_true, y_pred, sample_weight)


@METRICS.register("top_k_categorical_accuracy")
class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the true class is among the `k` largest predictions, for one-hot labels.

    Args:
        k: How many predictions count.
        name: The name.
        dtype: The type of the result.

    Example:
        >>> TopKCategoricalAccuracy(k=1)([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]])
        tensor(0.5000)
    """

    _direction = "up"
    _config_fields = ("k",)

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None):
        super().__init__(fn=top_k_categorical_accuracy, name=name, dtype=dtype, k=k)
        self.k = k


@METRICS.register("sparse_top_k_categorical_accuracy")
class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the true class is among the `k` largest predictions, for integer labels.

    Args:
        k: How many predictions count.
        name: The name.
        dtype: The type of the result.
        from_sorted_ids: Whether predictions are class indices, best first.

    Example:
        >>> SparseTopKCategoricalAccuracy(k=1)([2, 1], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]])
        tensor(0.5000)
    """

    _direction = "up"

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ):
        super().__init__(
            fn=sparse_top_k_categorical_accuracy, name=name, dtype=dtype, k=k, from_sorted_ids=from_sorted_ids
        )
        self.k = k
        self.from_sorted_ids = from_sorted_ids

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        config = {"name": self.name, "dtype": self.dtype, "k": self.k}
        return {**config, "from_sorted_ids": True} if self.from_sorted_ids else config
