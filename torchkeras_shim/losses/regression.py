"""Losses between real values."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.losses.table import LOSSES
from torchkeras_shim.losses.wrapper import LossFunctionWrapper
from torchkeras_shim.ops.loss_functions import (
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)


@LOSSES.register()
class MeanSquaredError(LossFunctionWrapper):
    """Mean of the squared differences.

    Args:
        reduction: How the values per sample become one number, see `Loss`.
        name: The name.
        dtype: The type of the computation.

    Example:
        >>> MeanSquaredError()([[0.0], [1.0]], [[1.0], [3.0]])
        tensor(2.5000)
    """

    _config_fields = ()

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "mean_squared_error", dtype: Any = None
    ):
        super().__init__(mean_squared_error, reduction=reduction, name=name, dtype=dtype)


@LOSSES.register()
class MeanAbsoluteError(LossFunctionWrapper):
    """Mean of the absolute differences.

    Args:
        reduction: How the values per sample become one number, see `Loss`.
        name: The name.
        dtype: The type of the computation.

    Example:
        >>> MeanAbsoluteError()([[0.0], [1.0]], [[1.0], [3.0]])
        tensor(1.5000)
    """

    _config_fields = ()

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "mean_absolute_error", dtype: Any = None
    ):
        super().__init__(mean_absolute_error, reduction=reduction, name=name, dtype=dtype)


@LOSSES.register()
class MeanAbsolutePercentageError(LossFunctionWrapper):
    """Mean of the absolute differences, in percent of the true values.

    Args:
        reduction: How the values per sample become one number, see `Loss`.
        name: The name.
        dtype: The type of the computation.

    Example:
        >>> MeanAbsolutePercentageError()([[1.0], [2.0]], [[2.0], [3.0]])
        tensor(75.)
    """

    _config_fields = ()

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: Any = None,
    ):
        super().__init__(mean_absolute_percentage_error, reduction=reduction, name=name, dtype=dtype)


@LOSSES.register()
class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """Mean of the squared differences of `log(y + 1)`.

    Args:
        reduction: How the values per sample become one number, see `Loss`.
        name: The name.
        dtype: The type of the computation.

    Example:
        >>> MeanSquaredLogarithmicError()([[0.0]], [[1.0]])
        tensor(0.4805)
    """

    _config_fields = ()

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ):
        super().__init__(mean_squared_logarithmic_error, reduction=reduction, name=name, dtype=dtype)


@LOSSES.register()
class LogCosh(LossFunctionWrapper):
    """Mean of the logarithm of the hyperbolic cosine of the differences.

    Args:
        reduction: How the values per sample become one number, see `Loss`.
        name: The name.
        dtype: The type of the computation.

    Example:
        >>> LogCosh()([[0.0]], [[1.0]])
        tensor(0.4338)
    """

    _config_fields = ()

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str | None = "log_cosh", dtype: Any = None):
        super().__init__(log_cosh, reduction=reduction, name=name, dtype=dtype)


@LOSSES.register()
class Huber(LossFunctionWrapper):
    """Squared near the target, linear beyond `delta`: outliers weigh less than in the mean squared error.

    Args:
        delta: The distance at which the loss turns linear.
        reduction: How the values per sample become one number, see `Loss`.
        name: The name.
        dtype: The type of the computation.

    Example:
        >>> Huber()([[0.0]], [[3.0]])
        tensor(2.5000)
    """

    _config_fields = ()

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ):
        super().__init__(huber, reduction=reduction, name=name, dtype=dtype, delta=delta)


@LOSSES.register()
class CosineSimilarity(LossFunctionWrapper):
    """Negative cosine of the angle between vectors: -1 for equal directions, 1 for opposite ones.

    Args:
        axis: The axis of the vectors.
        reduction: How the values per sample become one number, see `Loss`.
        name: The name.
        dtype: The type of the computation.

    Example:
        >>> CosineSimilarity()([[0.0, 1.0]], [[0.0, 3.0]])
        tensor(-1.)
    """

    _config_fields = ()

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ):
        super().__init__(cosine_similarity, reduction=reduction, name=name, dtype=dtype, axis=axis)
