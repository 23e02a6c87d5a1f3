"""Area under the ROC, the precision-recall and the precision-recall-gain curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import config
from torchkeras_shim.core.errors import did_you_mean
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.metrics.base import Metric
from torchkeras_shim.metrics.table import METRICS
from torchkeras_shim.ops import confusion
from torchkeras_shim.ops.alignment import as_tensor, divide_no_nan

_CURVES = ("ROC", "PR", "PRGAIN")
_METHODS = ("interpolation", "majoring", "minoring")
_COUNTS = ("true_positives", "false_positives", "true_negatives", "false_negatives")


def _choice(kind: str, value: Any, allowed: tuple[str, ...], spellings: Sequence[str]) -> str:
    key = getattr(value, "value", value)  # an enum member of Keras's
    if key in spellings:
        return allowed[[name.lower() for name in allowed].index(key.lower())]
    raise ValueError(
        f'Invalid AUC {kind} value: "{value}". Expected values are {list(allowed)}.{did_you_mean(value, allowed)}'
    )


@METRICS.register("auc")
class AUC(Metric):
    """Area under a curve of rates, approximated with a number of thresholds.

    Args:
        num_thresholds: How many thresholds, more than 1.
        curve: `"ROC"`, `"PR"` (precision against recall) or `"PRGAIN"`.
        summation_method: `"interpolation"`, `"majoring"` or `"minoring"`: the height of each slice.
        name: The name.
        dtype: The type of the result.
        thresholds: Thresholds of your own in [0, 1]; 0 and 1 are added.
        multi_label: Whether each label has an area of its own, which are then averaged.
        num_labels: How many labels there are, with `multi_label` only.
        label_weights: The weights of the labels.
        from_logits: Whether predictions are logits.

    Raises:
        ValueError: If the curve or method is unknown, there are too few thresholds or some outside [0, 1], or
            `num_labels` comes without `multi_label`.

    Example:
        >>> AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9])
        tensor(0.7500)
    """

    _direction = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ):
        self.curve = _choice("curve", curve, _CURVES, ("pr", "PR", "roc", "ROC", "prgain", "PRGAIN"))
        spellings = [*_METHODS, *(method.capitalize() for method in _METHODS)]
        self.summation_method = _choice("summation method", summation_method, _METHODS, spellings)
        self._init_from_thresholds = thresholds is not None
        if thresholds is not None:
            inner = sorted(float(value) for value in confusion.parse_thresholds(thresholds, 0.5))
            self._evenly = confusion.evenly_distributed([0.0, *inner, 1.0])
        elif num_thresholds <= 1:
            raise ValueError(
                f"Argument `num_thresholds` must be an integer > 1. Received: num_thresholds={num_thresholds}"
            )
        else:
            inner = [step / (num_thresholds - 1) for step in range(1, num_thresholds - 1)]
            self._evenly = True
        epsilon = config.epsilon()
        self._thresholds = np.array([0.0 - epsilon, *inner, 1.0 + epsilon])
        self.num_thresholds = len(self._thresholds)
        super().__init__(name=name, dtype=dtype)
        if num_labels and not multi_label:
            raise ValueError("`num_labels` is needed only when `multi_label` is True.")
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = None if label_weights is None else as_tensor(label_weights, self._torch_dtype)
        self._from_logits = from_logits
        self._on_device: torch.Tensor | None = None
        self._counts: dict[str, Variable] = {}
        if num_labels or not multi_label:
            self._build((None, num_labels) if multi_label else None)

    @property
    def thresholds(self) -> list[float]:
        """All thresholds, the first just below 0 and the last just above 1."""
        return list(self._thresholds)

    def _build(self, shape: Sequence[int | None] | None) -> None:
        if self.multi_label and (shape is None or len(shape) != 2):
            raise ValueError(
                f"`y_pred` must have rank 2 when `multi_label=True`. Found rank {len(shape or ())}. Full shape "
                f"received for `y_pred`: {shape}"
            )
        variable_shape = [self.num_thresholds]
        if shape is not None:
            variable_shape.append(int(shape[1] or 0))
        for key in _COUNTS:
            self._counts[key] = self.add_variable(variable_shape, "zeros", name=key)
            setattr(self, key, self._counts[key])

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes in a batch.

        Args:
            y_true: Labels 0 and 1.
            y_pred: The predictions, of the same shape.
            sample_weight: The weights of the samples.
        """
        y_pred = as_tensor(y_pred)
        if not self._counts:
            self._build(tuple(y_pred.shape))
        accumulator = self._counts["true_positives"]
        if y_pred.device != accumulator.device:
            self.to(y_pred.device)
        with torch.no_grad():
            y_pred = y_pred.to(accumulator.dtype)
            if self._from_logits:
                y_pred = y_pred.sigmoid()
            y_true = as_tensor(y_true, like=y_pred)
            if sample_weight is not None:
                sample_weight = as_tensor(sample_weight, accumulator.dtype, like=y_pred)
            y_true, y_pred, sample_weight = confusion.prepare(y_true, y_pred, sample_weight)
            weights = confusion.merge_weights(y_pred, sample_weight, None if self.multi_label else self.label_weights)
            if not self.multi_label:
                y_true, y_pred = y_true.reshape(-1), y_pred.reshape(-1)
                weights = None if weights is None else weights.reshape(-1)
            if self._evenly:
                counts = confusion.counts_in_buckets(_COUNTS, y_true, y_pred, self.num_thresholds, True, weights)
            else:
                counts = confusion.counts_at_thresholds(_COUNTS, y_true, y_pred, self._thresholds_like(y_pred), weights)
            for key, variable in self._counts.items():
                variable.add_(counts[key])

    def _thresholds_like(self, y_pred: torch.Tensor) -> torch.Tensor:
        if self._on_device is None or self._on_device.device != y_pred.device:
            self._on_device = as_tensor(self._thresholds, y_pred.dtype, like=y_pred)
        return self._on_device

    def to(self, device: torch.device | str) -> Metric:
        """Moves the state to a device, in place."""
        if self.label_weights is not None:
            self.label_weights = self.label_weights.to(device)
        return super().to(device)

    def result(self) -> torch.Tensor:
        """Returns the area so far."""
        if not self._counts:
            return torch.zeros((), dtype=self._torch_dtype)
        with torch.no_grad():
            if self.curve == "PR" and self.summation_method == "interpolation":
                return self._total(self._interpolated_slices())
            x, y = self._points()
            left, right = y[:-1], y[1:]
            if self.summation_method == "interpolation":
                heights = (left + right) / 2.0
            elif self.summation_method == "minoring":
                heights = torch.minimum(left, right)
            else:
                heights = torch.maximum(left, right)
            return self._total((x[:-1] - x[1:]) * heights)

    def _points(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the curve's points, one per threshold."""
        tp, fp, tn, fn = (self._counts[key] for key in _COUNTS)
        recall = divide_no_nan(tp, tp + fn)
        if self.curve == "ROC":
            return divide_no_nan(fp, fp + tn), recall
        if self.curve == "PR":
            return recall, divide_no_nan(tp, tp + fp)
        odds = divide_no_nan(tp + fn, tn + fp)
        none_found = tp == 0.0
        recall_gain = torch.where(none_found, 0.0, 1.0 - odds * divide_no_nan(fn, tp))
        precision_gain = torch.where(none_found, 1.0, 1.0 - odds * divide_no_nan(fp, tp))
        return recall_gain.clamp(min=0.0), precision_gain

    def _interpolated_slices(self) -> torch.Tensor:
        """Returns the slices under the PR curve between points; precision is not a straight line there.

        Within a slice true positives grow linearly with the positive predictions, and the area is their logarithmic
        integral (Davis and Goadrich, "The relationship between precision-recall and ROC curves", 2006).
        """
        tp, fp, _, fn = (self._counts[key] for key in _COUNTS)
        positives = tp + fp
        gained = tp[:-1] - tp[1:]
        slope = divide_no_nan(gained, (positives[:-1] - positives[1:]).clamp(min=0.0))
        intercept = tp[1:] - slope * positives[1:]
        both = (positives[:-1] > 0) & (positives[1:] > 0)
        ratio = torch.where(both, divide_no_nan(positives[:-1], positives[1:].clamp(min=0.0)), 1.0)
        return divide_no_nan(slope * (gained + intercept * ratio.log()), (tp[1:] + fn[1:]).clamp(min=0.0))

    def _total(self, slices: torch.Tensor) -> torch.Tensor:
        if not self.multi_label:
            return slices.sum()
        areas = slices.sum(dim=0)
        if self.label_weights is None:
            return areas.mean()
        return divide_no_nan((areas * self.label_weights).sum(), self.label_weights.sum())

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        config = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self._from_logits,
        }
        if self._init_from_thresholds:
            config["thresholds"] = self.thresholds[1:-1]
        return config
