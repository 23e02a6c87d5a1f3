"""Losses between distributions and rates."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.losses.table import LOSSES
from torchkeras_shim.losses.wrapper import LossFunctionWrapper
from torchkeras_shim.ops.loss_functions import (
    kl_divergence,
    poisson,
)


@LOSSES.register()
class KLDivergence(LossFunctionWrapper):
    """Kullback-Leibler divergence of the true distribution from the predicted one.

    Args:
        reduction: How the values per sample become one number, see `Loss`.
        name: The name.
        dtype: The type of the computation.

    Example:
        >>> KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]])
        tensor(0.1438)
    """

    _config_fields = ()

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "kl_divergence", dtype: Any = None
    ):
        super().__init__(kl_divergence, reduction=reduction, name=name, dtype=dtype)


@LOSSES.register()
class Poisson(LossFunctionWrapper):
    """Poisson loss: mean of `y_pred - y_true * log(y_pred)`.

    Args:
        reduction: How the values per sample become one number, see `Loss`.
        name: The name.
        dtype: The type of the computation.

    Example:
        >>> Poisson()([[1.0]], [[1.0]])
        tensor(1.0000)
    """

    _config_fields = ()

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str | None = "poisson", dtype: Any = None):
        super().__init__(poisson, reduction=reduction, name=name, dtype=dtype)
