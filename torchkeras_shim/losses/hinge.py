"""Maximum-margin losses."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.losses.table import LOSSES
from torchkeras_shim.losses.wrapper import LossFunctionWrapper
from torchkeras_shim.ops.loss_functions import (
    categorical_hinge,
    hinge,
    squared_hinge,
)


@LOSSES.register()
class Hinge(LossFunctionWrapper):
    """Mean of `maximum(1 - y_true * y_pred, 0)`; labels are -1 and 1, or 0 and 1.

    Args:
        reduction: How the values per sample become one number, see `Loss`.
        name: The name.
        dtype: The type of the computation.

    Example:
        >>> Hinge()([[0.0, 1.0]], [[0.5, 0.5]])
        tensor(1.)
    """

    _config_fields = ()

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str | None = "hinge", dtype: Any = None):
        super().__init__(hinge, reduction=reduction, name=name, dtype=dtype)


@LOSSES.register()
class SquaredHinge(LossFunctionWrapper):
    """Mean of `square(maximum(1 - y_true * y_pred, 0))`; labels are -1 and 1, or 0 and 1.

    Args:
        reduction: How the values per sample become one number, see `Loss`.
        name: The name.
        dtype: The type of the computation.

    Example:
        >>> SquaredHinge()([[0.0, 1.0]], [[0.5, 0.5]])
        tensor(1.2500)
    """

    _config_fields = ()

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "squared_hinge", dtype: Any = None
    ):
        super().__init__(squared_hinge, reduction=reduction, name=name, dtype=dtype)


@LOSSES.register()
class CategoricalHinge(LossFunctionWrapper):
    """Mean of `maximum(neg - pos + 1, 0)` for one-hot labels.

    Args:
        reduction: How the values per sample become one number, see `Loss`.
        name: The name.
        dtype: The type of the computation.

    Example:
        >>> CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.5]])
        tensor(1.)
    """

    _config_fields = ()

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "categorical_hinge", dtype: Any = None
    ):
        super().__init__(categorical_hinge, reduction=reduction, name=name, dtype=dtype)
