"""`R2Score`: how much of the targets' variance the predictions explain."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from torchkeras_shim.metrics.base import Metric
from torchkeras_shim.metrics.table import METRICS
from torchkeras_shim.ops.alignment import as_tensor, check_broadcast, squeeze_or_expand_to_same_rank

_AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")
#: What each output keeps: the names of the attributes and of the variables.
_PER_OUTPUT = {"squared_sum": "squared_sum", "sum": "sum", "total_mse": "residual", "count": "count"}


@METRICS.register("r2_score")
class R2Score(Metric):
    """Coefficient of determination: 1 for exact predictions, 0 for those no better than the mean.

    Args:
        class_aggregation: `None` for one score per output, `"uniform_average"` or `"variance_weighted_average"`.
        num_regressors: How many independent regressors the adjusted score assumes, 0 for the plain score.
        name: The name.
        dtype: The type of the result.

    Raises:
        ValueError: If an argument is outside these.

    Example:
        >>> R2Score()([[1], [4], [3]], [[2], [4], [4]])
        tensor(0.5714)
    """

    _direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if class_aggregation not in _AGGREGATIONS:
            raise ValueError(
                f"Invalid value for argument `class_aggregation`. Expected one of {_AGGREGATIONS}. "
                f"Received: class_aggregation={class_aggregation}"
            )
        if num_regressors < 0:
            raise ValueError(
                "Invalid value for argument `num_regressors`. Expected a value >= 0. "
                f"Received: num_regressors={num_regressors}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable((), "zeros", name="num_samples")
        self._built = False

    def _build(self, y_true: torch.Tensor, y_pred: torch.Tensor) -> None:
        if y_pred.ndim != 2 or y_true.ndim != 2:
            advice = ""
            if y_pred.ndim == y_true.ndim == 1:
                advice = " Write `y.reshape(-1, 1)`, and end the model with `Dense(1)`."
            raise ValueError(
                "R2Score expects 2D inputs with shape (batch_size, output_dim). Received input shapes: "
                f"y_pred.shape={tuple(y_pred.shape)} and y_true.shape={tuple(y_true.shape)}.{advice}"
            )
        for attribute, name in _PER_OUTPUT.items():
            setattr(self, attribute, self.add_variable((y_pred.shape[-1],), "zeros", name=name))
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes in a batch.

        Args:
            y_true: The targets, of shape `(batch_size, outputs)`.
            y_pred: The predictions, of the same shape.
            sample_weight: The weights of the samples.
        """
        with torch.no_grad():
            y_pred = as_tensor(y_pred, self._torch_dtype)
            y_true = as_tensor(y_true, self._torch_dtype, like=y_pred)
            y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
            if not self._built:
                self._build(y_true, y_pred)
            check_broadcast(self.name, y_true, y_pred)
            if self.num_samples.device != y_pred.device:
                self.to(y_pred.device)
            weight = torch.ones_like(y_true)
            if sample_weight is not None:
                sample_weight = as_tensor(sample_weight, self._torch_dtype, like=y_pred)
                if sample_weight.ndim == 1:
                    sample_weight = sample_weight.unsqueeze(1)
                weight = sample_weight.broadcast_to(y_true.shape)
            weighted = y_true * weight
            values = (y_true * weighted, weighted, (y_true - y_pred).square() * weight, weight)
            for attribute, value in zip(_PER_OUTPUT, values, strict=True):
                getattr(self, attribute).add_(value.sum(dim=0))
            self.num_samples.add_(y_true.numel())

    def result(self) -> torch.Tensor:
        """Returns the score so far.

        Raises:
            ValueError: before the first batch.
        """
        if not self._built:
            raise ValueError(f"The metric '{self.name}' has no result before its first `update_state()`.")
        squares, total, residual, count = (getattr(self, attribute) for attribute in _PER_OUTPUT)
        variance = squares - total * (total / count)
        scores = 1.0 - residual / variance
        scores = torch.where(scores.isinf(), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = scores.mean()
        elif self.class_aggregation == "variance_weighted_average":
            scores = (variance * scores).sum() / variance.sum()
        return self._adjusted(scores) if self.num_regressors else scores

    def _adjusted(self, score: torch.Tensor) -> torch.Tensor:
        # The one place that reads the device, as Keras does, to tell why there is no adjusted score; no step gets here.
        samples = float(self.num_samples)
        if self.num_regressors > samples - 1:
            reason = "More independent predictors than datapoints in adjusted R2 score."
        elif self.num_regressors == samples - 1:
            reason = "Division by zero in Adjusted R2 score."
        else:
            return 1.0 - (1.0 - score) * (samples - 1.0) / (samples - self.num_regressors - 1.0)
        warnings.warn(f"{reason} Falling back to standard R2 score.", stacklevel=3)
        return score

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
