"""The best of one rate where another is good enough: sensitivity at specificity and its relatives."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.metrics.confusion import ThresholdMetric
from torchkeras_shim.metrics.table import METRICS
from torchkeras_shim.ops.alignment import divide_no_nan

_COUNTS = ("true_positives", "false_positives", "true_negatives", "false_negatives")
_ERRORS = {
    "sensitivity": ("true_positives", "false_negatives"),
    "recall": ("true_positives", "false_negatives"),
    "specificity": ("true_negatives", "false_positives"),
    "precision": ("true_positives", "false_positives"),
}


class OperatingPointMetric(ThresholdMetric):
    """Common part: the largest rate over all thresholds at which the constrained rate reaches a value.

    Args:
        value: What the constrained rate has to reach.
        num_thresholds: How many thresholds, evenly over [0, 1].
        class_id: Only this class counts.
        name: The name.
        dtype: The type of the result.
    """

    _direction = "up"
    #: The rate that is maximized, and the one that is constrained; the latter is also the argument's name.
    _wanted: str
    _constrained: str

    def __init__(
        self,
        value: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        if value < 0 or value > 1:
            raise ValueError(
                f"Argument `{self._constrained}` must be in the range [0, 1]. Received: {self._constrained}={value}"
            )
        if num_thresholds <= 0:
            raise ValueError(
                f"Argument `num_thresholds` must be an integer > 0. Received: num_thresholds={num_thresholds}"
            )
        thresholds = [0.5] if num_thresholds == 1 else [step / (num_thresholds - 1) for step in range(num_thresholds)]
        super().__init__(_COUNTS, thresholds, class_id=class_id, name=name, dtype=dtype)
        self._evenly = num_thresholds > 1
        self.value = value
        self.num_thresholds = num_thresholds
        setattr(self, self._constrained, value)

    def _rate(self, name: str) -> torch.Tensor:
        hits, misses = (self._counts[key] for key in _ERRORS[name])
        return divide_no_nan(hits, hits + misses)

    def result(self) -> torch.Tensor:
        """Returns the best rate so far, 0 where no threshold reaches the constraint."""
        reached = self._rate(self._constrained) >= self.value
        return torch.where(reached, self._rate(self._wanted), 0.0).amax()

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "class_id": self.class_id,
            "num_thresholds": self.num_thresholds,
            self._constrained: self.value,
        }


@METRICS.register("sensitivity_at_specificity")
class SensitivityAtSpecificity(OperatingPointMetric):
    """The best share of found positives where the share of found negatives reaches a value.

    Args:
        specificity: That value, in [0, 1].
        num_thresholds: How many thresholds, evenly over [0, 1].
        class_id: Only this class counts.
        name: The name.
        dtype: The type of the result.

    Raises:
        ValueError: If a value is outside [0, 1], or there is no threshold.

    Example:
        >>> SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])
        tensor(0.5000)
    """

    _wanted, _constrained = "sensitivity", "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(specificity, num_thresholds=num_thresholds, class_id=class_id, name=name, dtype=dtype)


@METRICS.register("specificity_at_sensitivity")
class SpecificityAtSensitivity(OperatingPointMetric):
    """The best share of found negatives where the share of found positives reaches a value.

    Args:
        sensitivity: That value, in [0, 1].
        num_thresholds: How many thresholds, evenly over [0, 1].
        class_id: Only this class counts.
        name: The name.
        dtype: The type of the result.

    Raises:
        ValueError: If a value is outside [0, 1], or there is no threshold.

    Example:
        >>> SpecificityAtSensitivity(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])
        tensor(0.6667)
    """

    _wanted, _constrained = "specificity", "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(sensitivity, num_thresholds=num_thresholds, class_id=class_id, name=name, dtype=dtype)


@METRICS.register("precision_at_recall")
class PrecisionAtRecall(OperatingPointMetric):
    """The best precision where recall reaches a value.

    Args:
        recall: That value, in [0, 1].
        num_thresholds: How many thresholds, evenly over [0, 1].
        class_id: Only this class counts.
        name: The name.
        dtype: The type of the result.

    Raises:
        ValueError: If a value is outside [0, 1], or there is no threshold.

    Example:
        >>> PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])
        tensor(0.5000)
    """

    _wanted, _constrained = "precision", "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(recall, num_thresholds=num_thresholds, class_id=class_id, name=name, dtype=dtype)


@METRICS.register("recall_at_precision")
class RecallAtPrecision(OperatingPointMetric):
    """The best recall where precision reaches a value.

    Args:
        precision: That value, in [0, 1].
        num_thresholds: How many thresholds, evenly over [0, 1].
        class_id: Only this class counts.
        name: The name.
        dtype: The type of the result.

    Raises:
        ValueError: If a value is outside [0, 1], or there is no threshold.

    Example:
        >>> RecallAtPrecision(0.8)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9])
        tensor(0.5000)
    """

    _wanted, _constrained = "recall", "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(precision, num_thresholds=num_thresholds, class_id=class_id, name=name, dtype=dtype)
