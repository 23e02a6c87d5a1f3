"""`Sum`, `Mean`, and `MeanMetricWrapper`, which averages any function `(y_true, y_pred)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.core import custom_objects, serialization
from torchkeras_shim.core.tables import PUBLIC_NAMES
from torchkeras_shim.metrics.base import Metric
from torchkeras_shim.metrics.table import METRICS
from torchkeras_shim.ops import (
    accuracy,
    agreement,
    focal_losses,
    loss_functions,
    robust_losses,
    segmentation_losses,
    sequence_losses,
    similarity_losses,
)
from torchkeras_shim.ops.alignment import apply_mask, as_tensor, divide_no_nan, squeeze_or_expand_to_same_rank


def _trailing(values: torch.Tensor, first: int) -> tuple[int, ...]:
    return tuple(range(first, values.ndim))


def reduce_to_samplewise_values(
    values: Any, sample_weight: Any, mean: bool, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Weighs values and reduces them to one per sample, as Keras does.

    Args:
        values: The values, the samples in the first dimension.
        sample_weight: Their weights, or `None`.
        mean: Whether further dimensions are averaged; they are summed otherwise.
        dtype: The type to compute in.

    Returns:
        The weighted values, and the weights per sample or `None`.
    """
    reduce: Callable[..., torch.Tensor] = torch.mean if mean else torch.sum
    mask = getattr(values, "_keras_mask", None)
    values = as_tensor(values, dtype)
    if values.requires_grad:  # state is not part of a graph
        values = values.detach()
    if sample_weight is not None:
        weight = as_tensor(sample_weight, dtype, like=values)
        if mask is not None:
            weight = apply_mask(weight, mask, dtype, "sum")  # type: ignore[assignment]
        values, weight = squeeze_or_expand_to_same_rank(values, weight)
        rank = weight.ndim
        if values.ndim > rank:
            values = reduce(values, dim=_trailing(values, rank))
        weight = weight.broadcast_to(values.shape)
        values = values * weight
        sample_weight = reduce(weight, dim=_trailing(weight, 1)) if rank > 1 else weight
    if values.ndim > 1:
        values = reduce(values, dim=_trailing(values, 1))
    return values, sample_weight


@METRICS.register("sum")
class Sum(Metric):
    """The (weighted) sum of all values.

    Args:
        name: The name.
        dtype: The type of the result.

    Example:
        >>> Sum()([1.0, 3.0, 5.0], sample_weight=[1, 1, 0])
        tensor(4.)
    """

    def __init__(self, name: str | None = "sum", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", dtype=self.dtype, name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Adds values.

        Args:
            values: The values.
            sample_weight: Their weights.
        """
        values, _ = reduce_to_samplewise_values(values, sample_weight, False, self._torch_dtype)
        if values.device != self.total.device:
            self.to(values.device)
        self.total.add_(values.sum())

    def result(self) -> torch.Tensor:
        """Returns the sum so far."""
        return self.total.clone()


@METRICS.register("mean")
class Mean(Metric):
    """The (weighted) mean of all values.

    Args:
        name: The name.
        dtype: The type of the result.

    Example:
        >>> Mean()([1.0, 3.0, 5.0], sample_weight=[1, 1, 0])
        tensor(2.)
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", dtype=self.dtype, name="total")
        self.count = self.add_variable((), "zeros", dtype=self.dtype, name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Adds values.

        Args:
            values: The values, the samples in the first dimension.
            sample_weight: Their weights.
        """
        values, sample_weight = reduce_to_samplewise_values(values, sample_weight, True, self._torch_dtype)
        total = self.total
        if values.device != total.device:
            self.to(values.device)
        total.add_(values.sum() if values.ndim else values)
        if sample_weight is not None:
            self.count.add_(sample_weight.sum())
        else:
            self.count.add_(len(values) if values.ndim else 1)

    def result(self) -> torch.Tensor:
        """Returns the mean so far, 0 before the first value."""
        return divide_no_nan(self.total, self.count)


@METRICS.register("mean_metric_wrapper")
class MeanMetricWrapper(Mean):
    """The mean of a function of targets and predictions.

    Args:
        fn: The function `fn(y_true, y_pred, **kwargs)`; it returns one value per sample.
        name: The name.
        dtype: The type of the result.
        **kwargs: Further arguments of the function.

    Example:
        >>> MeanMetricWrapper(lambda y_true, y_pred: (y_true - y_pred).abs())(torch.ones(2), torch.zeros(2))
        tensor(1.)
    """

    #: What the built-in classes have in their config besides name and dtype; `None`: the function and its arguments.
    _config_fields: tuple[str, ...] | None = None

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any):
        super().__init__(name=name, dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs
        if type(self)._direction is None and _is_loss(fn):
            self._direction = "down"

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Takes in a batch.

        Args:
            y_true: The targets.
            y_pred: The predictions.
            sample_weight: The weights of the samples.
        """
        mask = getattr(y_pred, "_keras_mask", None)
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        if mask is not None:
            if sample_weight is not None:
                sample_weight = as_tensor(sample_weight, self._torch_dtype, like=mask)
            sample_weight = apply_mask(sample_weight, mask, self._torch_dtype, "sum")
        super().update_state(values, sample_weight=sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        config = super().get_config()
        if self._config_fields is not None:
            return {**config, **{field: getattr(self, field) for field in self._config_fields}}
        arguments = {key: serialization.serialize_keras_object(value) for key, value in self._fn_kwargs.items()}
        return {**config, "fn": serialization.serialize_keras_object(self._fn), **arguments}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """Rebuilds a metric from `get_config()`."""
        if "fn" in config:
            arguments = {key: value for key, value in config.items() if key != "fn"}
            config = {"fn": _function(config["fn"]), **serialization.deserialize_keras_object(arguments)}
        return cls(**config)


_LOSSES = (
    loss_functions,
    focal_losses,
    robust_losses,
    segmentation_losses,
    sequence_losses,
    similarity_losses,
)
#: The functions of this package by name; in the table of metrics most of these names are classes.
_FUNCTIONS = {
    name: function
    for module in (*_LOSSES, accuracy, agreement)
    for name, function in vars(module).items()
    if getattr(function, "__module__", None) == module.__name__ and hasattr(function, "__wrapped__")
}


def _function(config: Any) -> Any:
    """Returns the function of a config: the user's own by that name, one of this package, or any other object."""
    if isinstance(config, dict) and config.get("class_name") == "function" and config.get("config") in _FUNCTIONS:
        return custom_objects.find(config["config"]) or _FUNCTIONS[config["config"]]
    return serialization.deserialize_keras_object(config)


def _is_loss(fn: Any) -> bool:
    """Returns whether a function or object belongs to `keras.losses`: less is better, then."""
    if fn in _FUNCTIONS.values():
        return fn.__module__ in [module.__name__ for module in _LOSSES]
    return PUBLIC_NAMES.get(type(fn), ("", ""))[0] == "keras.losses"
