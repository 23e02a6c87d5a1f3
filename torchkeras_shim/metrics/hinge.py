"""Maximum-margin metrics."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.metrics.reduction import MeanMetricWrapper
from torchkeras_shim.metrics.table import METRICS
from torchkeras_shim.ops.loss_functions import categorical_hinge, hinge, squared_hinge


@METRICS.register("hinge")
class Hinge(MeanMetricWrapper):
    """Mean of `maximum(1 - y_true * y_pred, 0)`; labels are -1 and 1, or 0 and 1.

    Args:
        name: The name.
        dtype: The type of the result.

    Example:
        >>> Hinge()([[0.0, 1.0]], [[0.5, 0.5]])
        tensor(1.)
    """

    _direction = "down"
    _config_fields = ()

    def __init__(self, name: str | None = "hinge", dtype: Any = None):
        super().__init__(hinge, name, dtype=dtype)


@METRICS.register("squared_hinge")
class SquaredHinge(MeanMetricWrapper):
    """Mean of `square(maximum(1 - y_true * y_pred, 0))`; labels are -1 and 1, or 0 and 1.

    Args:
        name: The name.
        dtype: The type of the result.

    Example:
        >>> SquaredHinge()([[0.0, 1.0]], [[0.5, 0.5]])
        tensor(1.2500)
    """

    _direction = "down"
    _config_fields = ()

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None):
        super().__init__(squared_hinge, name, dtype=dtype)


@METRICS.register("categorical_hinge")
class CategoricalHinge(MeanMetricWrapper):
    """Mean of `maximum(neg - pos + 1, 0)` for one-hot labels.

    Args:
        name: The name.
        dtype: The type of the result.

    Example:
        >>> CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.5]])
        tensor(1.)
    """

    _direction = "down"
    _config_fields = ()

    def __init__(self, name: str | None = "categorical_hinge", dtype: Any = None):
        super().__init__(categorical_hinge, name, dtype=dtype)
