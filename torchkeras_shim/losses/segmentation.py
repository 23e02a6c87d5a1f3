"""Overlap losses of image segmentation."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.losses.table import LOSSES
from torchkeras_shim.losses.wrapper import LossFunctionWrapper
from torchkeras_shim.ops.segmentation_losses import Axes, dice, tversky


@LOSSES.register()
class Dice(LossFunctionWrapper):
    """One minus twice the overlap divided by the sizes of both masks.

    Args:
        reduction: How the values become one number, see `Loss`.
        name: The name.
        axis: The axes that are summed, `None` for all.
        dtype: The type of the computation.

    Example:
        >>> Dice()([[1.0], [0.0]], [[1.0], [1.0]])
        tensor(0.3333)
    """

    _config_fields = ("axis",)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Axes = None,
        dtype: Any = None,
    ):
        super().__init__(dice, reduction=reduction, name=name, dtype=dtype, axis=axis)
        self.axis = axis

    @property
    def takes_batch_whole(self) -> bool:  # type: ignore[override]
        """Whether samples are summed, too."""
        axes = self.axis if isinstance(self.axis, (list, tuple)) else [self.axis]
        return self.axis is None or 0 in axes


@LOSSES.register()
class Tversky(LossFunctionWrapper):
    """Dice with weights of its own for the two sorts of errors.

    Args:
        alpha: The weight of what is true and not predicted.
        beta: The weight of what is predicted and not true.
        reduction: How the values become one number, see `Loss`.
        name: The name.
        axis: The axes that are summed, `None` for all.
        dtype: The type of the computation.

    Example:
        >>> Tversky(beta=1.0)([[1.0], [0.0]], [[1.0], [1.0]])
        tensor(0.5000)
    """

    _config_fields = ("alpha", "beta", "axis")

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Axes = None,
        dtype: Any = None,
    ):
        super().__init__(tversky, reduction=reduction, name=name, dtype=dtype, alpha=alpha, beta=beta, axis=axis)
        self.alpha = alpha
        self.beta = beta
        self.axis = axis

    @property
    def takes_batch_whole(self) -> bool:  # type: ignore[override]
        """Whether samples are summed, too."""
        axes = self.axis if isinstance(self.axis, (list, tuple)) else [self.axis]
        return self.axis is None or 0 in axes
