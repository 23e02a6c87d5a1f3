"""Counts of right and wrong decisions, precision and recall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core.variable import Variable
from torchkeras_shim.metrics.base import Metric
from torchkeras_shim.metrics.table import METRICS
from torchkeras_shim.ops import confusion
from torchkeras_shim.ops.alignment import as_tensor, divide_no_nan

Thresholds = float | Sequence[float] | None


class ThresholdMetric(Metric):
    """Common part: accumulators of counts at one or many thresholds.

    Args:
        names: Which counts are kept, in the order of the variables.
        thresholds: The thresholds; decisions of the sort `prediction > threshold`.
        default: The threshold for `None`.
        top_k: Only the `k` largest predictions of each sample count.
        class_id: Only this class counts.
        name: The name.
        dtype: The type of the result.
    """

    def __init__(
        self,
        names: Sequence[str],
        thresholds: Thresholds,
        default: float = 0.5,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.top_k = top_k
        self.class_id = class_id
        self.thresholds = confusion.parse_thresholds(thresholds, default)
        self._evenly = confusion.evenly_distributed(self.thresholds)
        self._on_device: torch.Tensor | None = None
        self._counts: dict[str, Variable] = {}
        for key in names:
            label = "accumulator" if len(names) == 1 else key
            self._counts[key] = self.add_variable((len(self.thresholds),), "zeros", name=label)
            setattr(self, label, self._counts[key])

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes in a batch.

        Args:
            y_true: Labels 0 and 1.
            y_pred: The predicted probabilities, of the same shape.
            sample_weight: The weights of the samples.
        """
        accumulator = next(iter(self._counts.values()))
        y_pred = as_tensor(y_pred, accumulator.dtype)
        if y_pred.device != accumulator.device:
            self.to(y_pred.device)
        with torch.no_grad():
            y_true = as_tensor(y_true, like=y_pred)
            if sample_weight is not None:
                sample_weight = as_tensor(sample_weight, accumulator.dtype, like=y_pred)
            y_true, y_pred, sample_weight = confusion.prepare(y_true, y_pred, sample_weight, self.top_k, self.class_id)
            weights = confusion.merge_weights(y_pred, sample_weight, None)
            y_true, y_pred = y_true.reshape(-1), y_pred.reshape(-1)
            weights = None if weights is None else weights.reshape(-1)
            if self._evenly:
                counts = confusion.counts_in_buckets(self._counts, y_true, y_pred, len(self.thresholds), False, weights)
            else:
                thresholds = self._thresholds_like(y_pred)
                counts = confusion.counts_at_thresholds(self._counts, y_true, y_pred, thresholds, weights)
            for key, variable in self._counts.items():
                variable.add_(counts[key])

    def _thresholds_like(self, y_pred: torch.Tensor) -> torch.Tensor | float:
        """Returns the one threshold, or all of them on the device, where they are brought once."""
        if len(self.thresholds) == 1:
            return self.thresholds[0]
        if self._on_device is None or self._on_device.device != y_pred.device:
            self._on_device = as_tensor(self.thresholds, y_pred.dtype, like=y_pred)
        return self._on_device

    def _per_threshold(self, values: torch.Tensor) -> torch.Tensor:
        return values[0] if len(self.thresholds) == 1 else values


class _Count(ThresholdMetric):
    """One of the four counts."""

    def result(self) -> torch.Tensor:
        """Returns the count so far, per threshold if there are several."""
        return self._per_threshold(self.accumulator.clone())  # type: ignore[attr-defined]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "thresholds": self.init_thresholds}


@METRICS.register("true_positives")
class TruePositives(_Count):
    """How many positive labels were predicted positive.

    Args:
        thresholds: One or several thresholds in [0, 1], 0.5 by default; predictions above are positive.
        name: The name.
        dtype: The type of the result.

    Example:
        >>> TruePositives()([0, 1, 1, 1], [1, 0, 1, 1])
        tensor(2.)
    """

    def __init__(self, thresholds: Thresholds = None, name: str | None = None, dtype: Any = None):
        super().__init__(["true_positives"], thresholds, name=name, dtype=dtype)


@METRICS.register("true_negatives")
class TrueNegatives(_Count):
    """How many negative labels were predicted negative.

    Args:
        thresholds: One or several thresholds in [0, 1], 0.5 by default; predictions above are positive.
        name: The name.
        dtype: The type of the result.

    Example:
        >>> TrueNegatives()([0, 1, 0, 0], [1, 1, 0, 0])
        tensor(2.)
    """

    def __init__(self, thresholds: Thresholds = None, name: str | None = None, dtype: Any = None):
        super().__init__(["true_negatives"], thresholds, name=name, dtype=dtype)


@METRICS.register("false_positives")
class FalsePositives(_Count):
    """How many negative labels were predicted positive.

    Args:
        thresholds: One or several thresholds in [0, 1], 0.5 by default; predictions above are positive.
        name: The name.
        dtype: The type of the result.

    Example:
        >>> FalsePositives()([0, 1, 0, 0], [0, 0, 1, 1])
        tensor(2.)
    """

    def __init__(self, thresholds: Thresholds = None, name: str | None = None, dtype: Any = None):
        super().__init__(["false_positives"], thresholds, name=name, dtype=dtype)


@METRICS.register("false_negatives")
class FalseNegatives(_Count):
    """How many positive labels were predicted negative.

    Args:
        thresholds: One or several thresholds in [0, 1], 0.5 by default; predictions above are positive.
        name: The name.
        dtype: The type of the result.

    Example:
        >>> FalseNegatives()([0, 1, 1, 1], [0, 1, 0, 0])
        tensor(2.)
    """

    def __init__(self, thresholds: Thresholds = None, name: str | None = None, dtype: Any = None):
        super().__init__(["false_negatives"], thresholds, name=name, dtype=dtype)


class _Ratio(ThresholdMetric):
    """True positives divided by true positives and one sort of errors."""

    _direction = "up"
    _errors: str

    def __init__(
        self,
        thresholds: Thresholds = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        default = 0.5 if top_k is None else confusion.NEG_INF
        names = ["true_positives", self._errors]
        super().__init__(names, thresholds, default, top_k=top_k, class_id=class_id, name=name, dtype=dtype)

    def result(self) -> torch.Tensor:
        """Returns the ratio so far, per threshold if there are several."""
        hits = self._counts["true_positives"]
        return self._per_threshold(divide_no_nan(hits, hits + self._counts[self._errors]))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "thresholds": self.init_thresholds,
            "top_k": self.top_k,
            "class_id": self.class_id,
        }


@METRICS.register("precision")
class Precision(_Ratio):
    """Share of the positive predictions that are right.

    Args:
        thresholds: One or several thresholds in [0, 1], 0.5 by default; predictions above are positive.
        top_k: Only the `k` largest predictions of each sample are positive.
        class_id: Only this class counts.
        name: The name.
        dtype: The type of the result.

    Example:
        >>> Precision()([0, 1, 1, 1], [1, 0, 1, 1])
        tensor(0.6667)
    """

    _errors = "false_positives"


@METRICS.register("recall")
class Recall(_Ratio):
    """Share of the positive labels that are found.

    Args:
        thresholds: One or several thresholds in [0, 1], 0.5 by default; predictions above are positive.
        top_k: Only the `k` largest predictions of each sample are positive.
        class_id: Only this class counts.
        name: The name.
        dtype: The type of the result.

    Example:
        >>> Recall()([0, 1, 1, 1], [1, 0, 1, 1])
        tensor(0.6667)
    """

    _errors = "false_negatives"
