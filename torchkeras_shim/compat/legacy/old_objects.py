"""Classes of Keras 1 and 2 that are something else today: reductions and regularizers."""

from __future__ import annotations

from typing import Any

from torchkeras_shim import losses, regularizers
from torchkeras_shim.compat.legacy import once


class Reduction:
    """How a loss turned the losses of samples into one number; today these are the strings themselves.

    Example:
        >>> Reduction.SUM
        'sum'
    """

    AUTO = "sum_over_batch_size"
    NONE = "none"
    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """Returns every reduction."""
        return cls.AUTO, cls.NONE, cls.SUM

    @classmethod
    def validate(cls, key: str) -> None:
        """Refuses what is not a reduction.

        Raises:
            ValueError: If it is none.
        """
        if key not in ("auto", *cls.all()):
            raise ValueError(f"Invalid Reduction Key: {key}. Expected keys are {cls.all()}.")


def _activity_l1l2(l1: float = 0.01, l2: float = 0.01) -> regularizers.L1L2:
    once.say("activity_l1l2(l1, l2)", "L1L2(l1, l2)")
    return regularizers.L1L2(l1, l2)


def _weight_regularizer(l1: float = 0.0, l2: float = 0.0) -> regularizers.L1L2:
    once.say("WeightRegularizer(l1, l2)", "L1L2(l1, l2)")
    return regularizers.L1L2(l1, l2)


#: The regularizers, by name.
REGULARIZERS: dict[str, Any] = {
    "ActivityRegularizer": _weight_regularizer,
    "WeightRegularizer": _weight_regularizer,
    "activity_l1l2": _activity_l1l2,
}


def _cosine_proximity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    once.say("metrics.cosine_proximity", "metrics.CosineSimilarity()")
    return -losses.cosine_similarity(y_true, y_pred, axis=axis)


#: The functions of `keras.metrics`: the metric grows with the similarity, the loss falls.
METRICS: dict[str, Any] = {"cosine": _cosine_proximity, "cosine_proximity": _cosine_proximity}
