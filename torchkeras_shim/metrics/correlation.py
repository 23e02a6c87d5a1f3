"""Correlations."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.metrics.reduction import MeanMetricWrapper
from torchkeras_shim.metrics.table import METRICS
from torchkeras_shim.ops.agreement import concordance_correlation, pearson_correlation


@METRICS.register("pearson_correlation")
class PearsonCorrelation(MeanMetricWrapper):
    """Mean of the Pearson correlation of each sample: 1 where one is a straight line of the other.

    Args:
        name: The name.
        dtype: The type of the result.
        axis: The axis of the values that are correlated.

    Example:
        >>> PearsonCorrelation()([[0, 1, 0.5]], [[0.1, 0.9, 0.4]])
        tensor(0.9897)
    """

    _direction = "up"
    _config_fields = ("axis",)

    def __init__(self, name: str | None = "pearson_correlation", dtype: Any = None, axis: int = -1):
        super().__init__(fn=pearson_correlation, name=name, dtype=dtype, axis=axis)
        self.axis = axis


@METRICS.register("concordance_correlation")
class ConcordanceCorrelation(MeanMetricWrapper):
    """Mean of the concordance correlation of each sample: 1 where values are equal.

    Args:
        name: The name.
        dtype: The type of the result.
        axis: The axis of the values that are correlated.

    Example:
        >>> ConcordanceCorrelation()([[0, 1, 0.5]], [[0.1, 0.9, 0.5]])
        tensor(0.9756)
    """

    _direction = "up"
    _config_fields = ("axis",)

    def __init__(self, name: str | None = "concordance_correlation", dtype: Any = None, axis: int = -1):
        super().__init__(fn=concordance_correlation, name=name, dtype=dtype, axis=axis)
        self.axis = axis
