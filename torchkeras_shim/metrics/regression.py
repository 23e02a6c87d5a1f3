"""Metrics of real values."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.metrics.reduction import Mean, MeanMetricWrapper
from torchkeras_shim.metrics.table import METRICS
from torchkeras_shim.ops.alignment import as_tensor, check_broadcast, squeeze_or_expand_to_same_rank
from torchkeras_shim.ops.loss_functions import (
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    similarity,
)


@METRICS.register("mean_squared_error", "mse", "MSE")
class MeanSquaredError(MeanMetricWrapper):
    """Mean of the squared differences.

    Args:
        name: The name.
        dtype: The type of the result.

    Example:
        >>> MeanSquaredError()([[0, 1], [0, 0]], [[1.0, 1.0], [0.0, 0.0]])
        tensor(0.2500)
    """

    _direction = "down"
    _config_fields = ()

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None):
        super().__init__(mean_squared_error, name, dtype=dtype)


@METRICS.register("mean_absolute_error", "mae", "MAE")
class MeanAbsoluteError(MeanMetricWrapper):
    """Mean of the absolute differences.

    Args:
        name: The name.
        dtype: The type of the result.

    Example:
        >>> MeanAbsoluteError()([[0, 1], [0, 0]], [[1.0, 1.0], [0.0, 0.0]])
        tensor(0.2500)
    """

    _direction = "down"
    _config_fields = ()

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None):
        super().__init__(mean_absolute_error, name, dtype=dtype)


@METRICS.register("mean_absolute_percentage_error", "mape", "MAPE")
class MeanAbsolutePercentageError(MeanMetricWrapper):
    """Mean of the absolute differences, in percent of the true values.

    Args:
        name: The name.
        dtype: The type of the result.

    Example:
        >>> MeanAbsolutePercentageError()([[1.0], [2.0]], [[2.0], [3.0]])
        tensor(75.)
    """

    _direction = "down"
    _config_fields = ()

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None):
        super().__init__(mean_absolute_percentage_error, name, dtype=dtype)


@METRICS.register("mean_squared_logarithmic_error", "msle", "MSLE")
class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """Mean of the squared differences of `log(y + 1)`.

    Args:
        name: The name.
        dtype: The type of the result.

    Example:
        >>> MeanSquaredLogarithmicError()([[0.0]], [[1.0]])
        tensor(0.4805)
    """

    _direction = "down"
    _config_fields = ()

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None):
        super().__init__(mean_squared_logarithmic_error, name, dtype=dtype)


@METRICS.register("log_cosh_error")
class LogCoshError(MeanMetricWrapper):
    """Mean of the logarithm of the hyperbolic cosine of the differences.

    Args:
        name: The name.
        dtype: The type of the result.

    Example:
        >>> LogCoshError()([[0.0]], [[1.0]])
        tensor(0.4338)
    """

    _direction = "down"
    _config_fields = ()

    def __init__(self, name: str | None = "logcosh", dtype: Any = None):
        super().__init__(log_cosh, name, dtype=dtype)


@METRICS.register("root_mean_squared_error")
class RootMeanSquaredError(Mean):
    """Root of the mean of the squared differences.

    Args:
        name: The name.
        dtype: The type of the result.

    Example:
        >>> RootMeanSquaredError()([[0, 1], [0, 0]], [[1.0, 1.0], [0.0, 0.0]])
        tensor(0.5000)
    """

    _direction = "down"

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None):
        super().__init__(name, dtype=dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Takes in a batch.

        Args:
            y_true: The targets.
            y_pred: The predictions.
            sample_weight: The weights of the samples.
        """
        y_pred = as_tensor(y_pred, self._torch_dtype)
        y_true = as_tensor(y_true, self._torch_dtype, like=y_pred)
        y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        check_broadcast(self.name, y_true, y_pred)
        super().update_state((y_pred - y_true).square(), sample_weight=sample_weight)

    def result(self) -> torch.Tensor:
        """Returns the root of the mean so far."""
        return super().result().sqrt()


@METRICS.register("cosine_similarity")
class CosineSimilarity(MeanMetricWrapper):
    """Mean of the cosine of the angle between vectors: 1 for equal directions.

    Args:
        name: The name.
        dtype: The type of the result.
        axis: The axis of the vectors.

    Example:
        >>> CosineSimilarity()([[0.0, 1.0]], [[0.0, 3.0]])
        tensor(1.)
    """

    _direction = "up"
    _config_fields = ()

    def __init__(self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1):
        super().__init__(similarity, name, dtype=dtype, axis=axis)
