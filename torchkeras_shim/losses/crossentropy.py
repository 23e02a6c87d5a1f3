"""The crossentropies."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.losses.table import LOSSES
from torchkeras_shim.losses.wrapper import LossFunctionWrapper
from torchkeras_shim.ops.loss_functions import (
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)


@LOSSES.register()
class BinaryCrossentropy(LossFunctionWrapper):
    """Crossentropy for labels 0 and 1, one or several per sample.

    Args:
        from_logits: Whether predictions are logits; by default they are probabilities.
        label_smoothing: How far labels are pulled towards 0.5, from 0 to 1.
        axis: The axis that is averaged.
        reduction: How the values per sample become one number, see `Loss`.
        name: The name.
        dtype: The type of the computation.

    Example:
        >>> BinaryCrossentropy()([[0.0], [1.0]], [[0.5], [0.5]])
        tensor(0.6931)
    """

    _config_fields = ("from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            binary_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


@LOSSES.register()
class CategoricalCrossentropy(LossFunctionWrapper):
    """Crossentropy for one-hot labels of two or more classes.

    Args:
        from_logits: Whether predictions are logits; by default they are probabilities.
        label_smoothing: How far labels are pulled towards the uniform distribution, from 0 to 1.
        axis: The axis of the classes.
        reduction: How the values per sample become one number, see `Loss`.
        name: The name.
        dtype: The type of the computation.

    Example:
        >>> CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])
        tensor(0.6931)
    """

    _config_fields = ("from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            categorical_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


@LOSSES.register()
class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """Crossentropy for integer labels of two or more classes.

    Args:
        from_logits: Whether predictions are logits; by default they are probabilities.
        ignore_class: A label whose samples have no loss.
        reduction: How the values per sample become one number, see `Loss`.
        axis: The axis of the classes.
        name: The name.
        dtype: The type of the computation.

    Example:
        >>> SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])
        tensor(0.6931)
    """

    _config_fields = ("from_logits", "ignore_class")

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            sparse_categorical_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
        self.from_logits = from_logits
        self.ignore_class = ignore_class
