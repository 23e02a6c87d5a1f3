"""The focal crossentropies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torchkeras_shim.losses.table import LOSSES
from torchkeras_shim.losses.wrapper import LossFunctionWrapper
from torchkeras_shim.ops.focal_losses import binary_focal_crossentropy, categorical_focal_crossentropy


@LOSSES.register()
class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Crossentropy for labels 0 and 1 in which easy examples weigh less.

    Args:
        apply_class_balancing: Whether class 1 weighs `alpha` and class 0 weighs `1 - alpha`.
        alpha: The weight of class 1.
        gamma: How much easy examples lose of their weight; 0 is the plain crossentropy.
        from_logits: Whether predictions are logits; by default they are probabilities.
        label_smoothing: How far labels are pulled towards 0.5, from 0 to 1.
        axis: The axis that is averaged.
        reduction: How the values per sample become one number, see `Loss`.
        name: The name.
        dtype: The type of the computation.

    Example:
        >>> BinaryFocalCrossentropy()([[0.0], [1.0]], [[0.5], [0.5]])
        tensor(0.1733)
    """

    _config_fields = ("from_logits", "label_smoothing", "axis", "apply_class_balancing", "alpha", "gamma")

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            binary_focal_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis
        self.apply_class_balancing = apply_class_balancing
        self.alpha = alpha
        self.gamma = gamma


@LOSSES.register()
class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Crossentropy for one-hot labels in which easy examples weigh less.

    Args:
        alpha: The weight of all classes, or one weight per class.
        gamma: How much easy examples lose of their weight.
        from_logits: Whether predictions are logits; by default they are probabilities.
        label_smoothing: How far labels are pulled towards the uniform distribution, from 0 to 1.
        axis: The axis of the classes.
        reduction: How the values per sample become one number, see `Loss`.
        name: The name.
        dtype: The type of the computation.

    Example:
        >>> CategoricalFocalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])
        tensor(0.0433)
    """

    _config_fields = ("from_logits", "label_smoothing", "axis", "alpha", "gamma")

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            categorical_focal_crossentropy,
            reduction=reduction,
            name=name,
            dtype=dtype,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis
        self.alpha = alpha
        self.gamma = gamma
