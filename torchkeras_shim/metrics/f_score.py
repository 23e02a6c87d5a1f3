"""F scores: harmonic means of precision and recall."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import config
from torchkeras_shim.metrics.base import Metric
from torchkeras_shim.metrics.table import METRICS
from torchkeras_shim.ops.alignment import as_tensor

_COUNTS = ("true_positives", "false_positives", "false_negatives", "intermediate_weights")


def _advice(y_true: torch.Tensor, y_pred: torch.Tensor) -> str:
    if y_pred.ndim == y_true.ndim == 1:
        return " Write `y.reshape(-1, 1)`, and end the model with `Dense(1, activation='sigmoid')`."
    if y_pred.ndim == 2 and y_true.ndim == 1 and y_pred.shape[-1] > 1:
        return f" For integer labels write `y = keras.utils.to_categorical(y, num_classes={y_pred.shape[-1]})`."
    return ""


@METRICS.register("f_beta_score")
class FBetaScore(Metric):
    """F score with recall weighing `beta` times as much as precision.

    Args:
        average: `None` for one score per class, `"micro"`, `"macro"` or `"weighted"`.
        beta: The weight of recall, a float above 0.
        threshold: Predictions above it are positive; `None`: the largest prediction of each sample is.
        name: The name.
        dtype: The type of the result.

    Raises:
        ValueError: If an argument is outside these.

    Example:
        >>> FBetaScore(beta=2.0, threshold=0.5)([[1, 1], [1, 0]], [[0.2, 0.6], [0.6, 0.6]])
        tensor([0.5556, 0.8333])
    """

    _direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                "Invalid `average` argument value. Expected one of: {None, 'micro', 'macro', 'weighted'}. "
                f"Received: average={average}"
            )
        _check_float("beta", beta)
        if beta <= 0.0:
            raise ValueError(f"Invalid `beta` argument value. It should be > 0. Received: beta={beta}")
        if threshold is not None:
            _check_float("threshold", threshold)
            if threshold > 1.0 or threshold <= 0.0:
                raise ValueError(
                    "Invalid `threshold` argument value. It should verify 0 < threshold <= 1. "
                    f"Received: threshold={threshold}"
                )
        self.average = average
        self.beta = beta
        self.threshold = threshold

    def _build(self, y_true: torch.Tensor, y_pred: torch.Tensor) -> None:
        if y_pred.ndim != 2 or y_true.ndim != 2:
            raise ValueError(
                "FBetaScore expects 2D inputs with shape (batch_size, output_dim). Received input shapes: "
                f"y_pred.shape={tuple(y_pred.shape)} and y_true.shape={tuple(y_true.shape)}.{_advice(y_true, y_pred)}"
            )
        shape = () if self.average == "micro" else (y_pred.shape[-1],)
        for key in _COUNTS:
            setattr(self, key, self.add_variable(shape, "zeros", dtype=self.dtype, name=key))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes in a batch.

        Args:
            y_true: Labels 0 and 1, of shape `(batch_size, classes)`.
            y_pred: The predictions, of the same shape.
            sample_weight: One weight per sample.
        """
        with torch.no_grad():
            y_pred = as_tensor(y_pred, self._torch_dtype)
            y_true = as_tensor(y_true, self._torch_dtype, like=y_pred)
            if not self._variables:
                self._build(y_true, y_pred)
            if self._variables[0].device != y_pred.device:
                self.to(y_pred.device)
            if self.threshold is None:
                y_pred = (y_pred >= y_pred.amax(dim=-1, keepdim=True)) & (y_pred.abs() > 1e-9)
            else:
                y_pred = y_pred > self.threshold
            y_pred = y_pred.to(self._torch_dtype)
            weight = None if sample_weight is None else as_tensor(sample_weight, self._torch_dtype, like=y_pred)
            values = (y_pred * y_true, y_pred * (1.0 - y_true), (1.0 - y_pred) * y_true, y_true)
            for variable, value in zip(self._variables, values, strict=True):
                weighted = value if weight is None else value * weight.unsqueeze(1)
                variable.add_(weighted.sum() if self.average == "micro" else weighted.sum(dim=0))

    def result(self) -> torch.Tensor:
        """Returns the score so far."""
        if not self._variables:
            raise ValueError(f"The metric '{self.name}' has no result before its first `update_state()`.")
        epsilon = config.epsilon()
        found, false_positives, false_negatives, positives = self._variables
        precision = found / (found + false_positives + epsilon)
        recall = found / (found + false_negatives + epsilon)
        square = self.beta**2
        score = precision * recall / (square * precision + recall + epsilon) * (1 + square)
        if self.average == "weighted":
            return (score * (positives / (positives.sum() + epsilon))).sum()
        return score if self.average is None else score.mean()

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "average": self.average, "beta": self.beta, "threshold": self.threshold}


def _check_float(name: str, value: Any) -> None:
    if not isinstance(value, float):
        raise ValueError(
            f"Invalid `{name}` argument value. It should be a Python float. "
            f"Received: {name}={value} of type '{type(value)}'"
        )


@METRICS.register("f1_score")
class F1Score(FBetaScore):
    """Harmonic mean of precision and recall.

    Args:
        average: `None` for one score per class, `"micro"`, `"macro"` or `"weighted"`.
        threshold: Predictions above it are positive; `None`: the largest prediction of each sample is.
        name: The name.
        dtype: The type of the result.

    Example:
        >>> F1Score(threshold=0.5)([[1, 1], [1, 0]], [[0.2, 0.6], [0.6, 0.6]])
        tensor([0.6667, 0.6667])
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ):
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        config = super().get_config()
        del config["beta"]
        return config
