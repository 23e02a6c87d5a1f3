"""Metrics of probabilities."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.metrics.reduction import MeanMetricWrapper
from torchkeras_shim.metrics.table import METRICS
from torchkeras_shim.ops.loss_functions import (
    binary_crossentropy,
    categorical_crossentropy,
    kl_divergence,
    poisson,
    sparse_categorical_crossentropy,
)


@METRICS.register("kl_divergence")
class KLDivergence(MeanMetricWrapper):
    """Kullback-Leibler divergence of the true distribution from the predicted one.

    Args:
        name: The name.
        dtype: The type of the result.

    Example:
        >>> KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]])
        tensor(0.1438)
    """

    _config_fields = ()

    def __init__(self, name: str | None = "kl_divergence", dtype: Any = None):
        super().__init__(kl_divergence, name, dtype=dtype)


@METRICS.register("poisson")
class Poisson(MeanMetricWrapper):
    """Poisson loss: mean of `y_pred - y_true * log(y_pred)`.

    Args:
        name: The name.
        dtype: The type of the result.

    Example:
        >>> Poisson()([[1.0]], [[1.0]])
        tensor(1.0000)
    """

    _config_fields = ()

    def __init__(self, name: str | None = "poisson", dtype: Any = None):
        super().__init__(poisson, name, dtype=dtype)


@METRICS.register("binary_crossentropy", "bce", "BCE")
class BinaryCrossentropy(MeanMetricWrapper):
    """Crossentropy for labels 0 and 1.

    Args:
        name: The name.
        dtype: The type of the result.
        from_logits: Whether predictions are logits.
        label_smoothing: How far labels are pulled towards 0.5, from 0 to 1.

    Example:
        >>> BinaryCrossentropy()([[0.0], [1.0]], [[0.5], [0.5]])
        tensor(0.6931)
    """

    _direction = "down"
    _config_fields = ("from_logits", "label_smoothing")

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ):
        super().__init__(
            binary_crossentropy, name, dtype=dtype, from_logits=from_logits, label_smoothing=label_smoothing
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing


@METRICS.register("categorical_crossentropy")
class CategoricalCrossentropy(MeanMetricWrapper):
    """Crossentropy for one-hot labels.

    Args:
        name: The name.
        dtype: The type of the result.
        from_logits: Whether predictions are logits.
        label_smoothing: How far labels are pulled towards the uniform distribution, from 0 to 1.
        axis: The axis of the classes.

    Example:
        >>> CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])
        tensor(0.6931)
    """

    _direction = "down"
    _config_fields = ("from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ):
        super().__init__(
            categorical_crossentropy,
            name,
            dtype=dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


@METRICS.register("sparse_categorical_crossentropy")
class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """Crossentropy for integer labels.

    Args:
        name: The name.
        dtype: The type of the result.
        from_logits: Whether predictions are logits.
        ignore_class: A label whose samples count as 0.
        axis: The axis of the classes.

    Example:
        >>> SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])
        tensor(0.6931)
    """

    _direction = "down"
    _config_fields = ("from_logits", "ignore_class", "axis")

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ):
        super().__init__(
            sparse_categorical_crossentropy,
            name=name,
            dtype=dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis
