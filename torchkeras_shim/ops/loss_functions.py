"""Losses per sample as plain functions `(y_true, y_pred)`, shared by `keras.losses` and `keras.metrics`."""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core import config
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops import crossentropy
from torchkeras_shim.ops.alignment import (
    as_float_tensor,
    as_tensor,
    check_broadcast,
    squeeze_or_expand_to_same_rank,
)


def _pair(y_true: Any, y_pred: Any) -> tuple[torch.Tensor, torch.Tensor]:
    y_pred = as_float_tensor(y_pred)
    return as_tensor(y_true, y_pred.dtype, like=y_pred), y_pred


def _fitting_pair(name: str, y_true: Any, y_pred: Any) -> tuple[torch.Tensor, torch.Tensor]:
    y_true, y_pred = _pair(y_true, y_pred)
    if y_true.shape != y_pred.shape:
        check_broadcast(name, y_true, y_pred)
    return y_true, y_pred


def _aligned_pair(name: str, y_true: Any, y_pred: Any) -> tuple[torch.Tensor, torch.Tensor]:
    y_true, y_pred = squeeze_or_expand_to_same_rank(*_pair(y_true, y_pred))
    if y_true.shape != y_pred.shape:
        check_broadcast(name, y_true, y_pred)
    return y_true, y_pred


@op
def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """Computes `mean(square(y_true - y_pred), axis=-1)`.

    Args:
        y_true: The true values.
        y_pred: The predicted values.

    Returns:
        One value per sample.

    Example:
        >>> mean_squared_error(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 3.0]]))
        tensor([2.])
    """
    y_true, y_pred = _aligned_pair("mean_squared_error", y_true, y_pred)
    return (y_true - y_pred).square().mean(dim=-1)


@op
def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """Computes `mean(abs(y_true - y_pred), axis=-1)`.

    Args:
        y_true: The true values.
        y_pred: The predicted values.

    Returns:
        One value per sample.

    Example:
        >>> mean_absolute_error(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 3.0]]))
        tensor([1.])
    """
    y_true, y_pred = _aligned_pair("mean_absolute_error", y_true, y_pred)
    return (y_true - y_pred).abs().mean(dim=-1)


@op
def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """Computes `100 * mean(abs((y_true - y_pred) / y_true), axis=-1)`, safe at zero.

    Args:
        y_true: The true values.
        y_pred: The predicted values.

    Returns:
        One value per sample.

    Example:
        >>> mean_absolute_percentage_error(torch.tensor([[2.0]]), torch.tensor([[3.0]]))
        tensor([50.])
    """
    y_true, y_pred = _aligned_pair("mean_absolute_percentage_error", y_true, y_pred)
    scale = y_true.abs().clamp(min=config.epsilon())
    return 100.0 * ((y_true - y_pred) / scale).abs().mean(dim=-1)


@op
def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """Computes `mean(square(log(y_true + 1) - log(y_pred + 1)), axis=-1)`; values below zero count as zero.

    Args:
        y_true: The true values.
        y_pred: The predicted values.

    Returns:
        One value per sample.

    Example:
        >>> mean_squared_logarithmic_error(torch.tensor([[0.0]]), torch.tensor([[1.0]]))
        tensor([0.4805])
    """
    y_true, y_pred = _aligned_pair("mean_squared_logarithmic_error", y_true, y_pred)
    epsilon = config.epsilon()
    difference = (y_pred.clamp(min=epsilon) + 1.0).log() - (y_true.clamp(min=epsilon) + 1.0).log()
    return difference.square().mean(dim=-1)


@op
def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Computes the Huber loss: squared near the target, linear beyond `delta`.

    Args:
        y_true: The true values.
        y_pred: The predicted values.
        delta: The distance at which the loss turns linear.

    Returns:
        One value per sample.

    Example:
        >>> huber(torch.tensor([[0.0]]), torch.tensor([[3.0]]))
        tensor([2.5000])
    """
    y_true, y_pred = _aligned_pair("huber", y_true, y_pred)
    error = (y_pred - y_true).abs()
    return torch.where(error <= delta, 0.5 * error.square(), delta * error - 0.5 * delta * delta).mean(dim=-1)


@op
def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """Computes `mean(log(cosh(y_pred - y_true)), axis=-1)`.

    Args:
        y_true: The true values.
        y_pred: The predicted values.

    Returns:
        One value per sample.

    Example:
        >>> log_cosh(torch.tensor([[0.0]]), torch.tensor([[1.0]]))
        tensor([0.4338])
    """
    y_true, y_pred = _aligned_pair("log_cosh", y_true, y_pred)
    error = y_pred - y_true
    return (error + F.softplus(-2.0 * error) - math.log(2.0)).mean(dim=-1)


@op
def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """Computes `sum(y_true * log(y_true / y_pred), axis=-1)`.

    Args:
        y_true: The true distribution.
        y_pred: The predicted distribution.

    Returns:
        One value per sample.

    Example:
        >>> kl_divergence(torch.tensor([[0.5, 0.5]]), torch.tensor([[0.25, 0.75]]))
        tensor([0.1438])
    """
    y_true, y_pred = _fitting_pair("kl_divergence", y_true, y_pred)
    y_true = y_true.clamp(config.epsilon(), 1.0)
    y_pred = y_pred.clamp(config.epsilon(), 1.0)
    return (y_true * (y_true / y_pred).log()).sum(dim=-1)


@op
def poisson(y_true: Any, y_pred: Any) -> Any:
    """Computes `mean(y_pred - y_true * log(y_pred), axis=-1)`.

    Args:
        y_true: The true counts.
        y_pred: The predicted rates.

    Returns:
        One value per sample.

    Example:
        >>> poisson(torch.tensor([[1.0]]), torch.tensor([[1.0]]))
        tensor([1.0000])
    """
    y_true, y_pred = _fitting_pair("poisson", y_true, y_pred)
    return (y_pred - y_true * (y_pred + config.epsilon()).log()).mean(dim=-1)


def _signed_labels(y_true: torch.Tensor) -> torch.Tensor:
    """Turns labels 0 and 1 into -1 and 1, and leaves labels that are anything else alone."""
    is_binary = ((y_true == 0) | (y_true == 1)).all()
    return torch.where(is_binary, 2.0 * y_true - 1.0, y_true)


@op
def hinge(y_true: Any, y_pred: Any) -> Any:
    """Computes `mean(maximum(1 - y_true * y_pred, 0), axis=-1)`.

    Args:
        y_true: Labels -1 and 1; 0 and 1 are converted.
        y_pred: The predicted values.

    Returns:
        One value per sample.

    Example:
        >>> hinge(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.5]]))
        tensor([1.])
    """
    y_true, y_pred = _fitting_pair("hinge", y_true, y_pred)
    return (1.0 - _signed_labels(y_true) * y_pred).clamp(min=0.0).mean(dim=-1)


@op
def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """Computes `mean(square(maximum(1 - y_true * y_pred, 0)), axis=-1)`.

    Args:
        y_true: Labels -1 and 1; 0 and 1 are converted.
        y_pred: The predicted values.

    Returns:
        One value per sample.

    Example:
        >>> squared_hinge(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.5]]))
        tensor([1.2500])
    """
    y_true, y_pred = _fitting_pair("squared_hinge", y_true, y_pred)
    return (1.0 - _signed_labels(y_true) * y_pred).clamp(min=0.0).square().mean(dim=-1)


@op
def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """Computes `maximum(neg - pos + 1, 0)`: the best wrong class against the right one.

    Args:
        y_true: One-hot labels.
        y_pred: The predicted values.

    Returns:
        One value per sample.

    Example:
        >>> categorical_hinge(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.5]]))
        tensor([1.])
    """
    y_true, y_pred = _fitting_pair("categorical_hinge", y_true, y_pred)
    positive = (y_true * y_pred).sum(dim=-1)
    negative = ((1.0 - y_true) * y_pred).amax(dim=-1)
    return (negative - positive + 1.0).clamp(min=0.0)


def similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Computes the cosine of the angle between vectors; vectors of zeros give 0."""
    y_true, y_pred = _aligned_pair("cosine_similarity", y_true, y_pred)
    return (_unit(y_true, axis) * _unit(y_pred, axis)).sum(dim=axis)


def _unit(x: torch.Tensor, axis: int) -> torch.Tensor:
    inverse = x.square().sum(dim=axis, keepdim=True).rsqrt()
    return x * inverse.clamp(max=min(1.0 / config.epsilon(), torch.finfo(x.dtype).max))


@op
def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Computes the negative cosine similarity: -1 for vectors of equal direction.

    Args:
        y_true: The true vectors.
        y_pred: The predicted vectors.
        axis: The axis of the vectors.

    Returns:
        One value per vector.

    Example:
        >>> cosine_similarity(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 3.0]]))
        tensor([-1.])
    """
    return -similarity(y_true, y_pred, axis)


@op
def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """Computes the mean binary crossentropy of each sample.

    Args:
        y_true: The true probabilities, 0 or 1.
        y_pred: Predicted probabilities, or logits with `from_logits=True`.
        from_logits: Whether `y_pred` holds logits.
        label_smoothing: How far labels are pulled towards 0.5, from 0 to 1.
        axis: The axis that is averaged.

    Returns:
        One value per sample.

    Example:
        >>> binary_crossentropy(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.5]]))
        tensor([0.6931])
    """
    y_true, y_pred = _pair(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return crossentropy.binary_crossentropy.__wrapped__(y_true, y_pred, from_logits).mean(dim=axis)  # type: ignore[attr-defined]


@op
def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """Computes the crossentropy between one-hot labels and predictions.

    Args:
        y_true: One-hot labels.
        y_pred: Predicted probabilities, or logits with `from_logits=True`.
        from_logits: Whether `y_pred` holds logits.
        label_smoothing: How far labels are pulled towards the uniform distribution, from 0 to 1.
        axis: The axis of the classes.

    Returns:
        One value per sample.

    Raises:
        ValueError: If labels are not one-hot.

    Example:
        >>> categorical_crossentropy(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.5]]))
        tensor([0.6931])
    """
    if isinstance(axis, bool):
        raise ValueError(f"`axis` must be of type `int`. Received: axis={axis} of type {type(axis)}")
    y_true, y_pred = _pair(y_true, y_pred)
    if y_pred.ndim and y_pred.shape[-1] == 1:
        warnings.warn(
            "In loss categorical_crossentropy, expected y_pred.shape to be (batch_size, num_classes) with "
            f"num_classes > 1. Received: y_pred.shape={tuple(y_pred.shape)}. Consider using 'binary_crossentropy' if "
            "you only have 2 classes.",
            SyntaxWarning,
            stacklevel=2,
        )
    if label_smoothing:
        crossentropy.check_one_hot(y_true, y_pred, axis)
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[-1]
    return crossentropy.categorical_crossentropy.__wrapped__(y_true, y_pred, from_logits, axis)  # type: ignore[attr-defined]


def _only(valid: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
    """Makes ignored predictions 0, so that nothing in them (NaN) reaches a gradient."""
    kept = torch.where(valid, y_pred, 0.0)
    logits = getattr(y_pred, "_keras_logits", None)
    if logits is not None:
        kept._keras_logits = torch.where(valid, logits, 0.0)  # type: ignore[attr-defined]
    return kept


@op
def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Any:
    """Computes the crossentropy between integer labels and predictions.

    Args:
        y_true: Integer labels, of any numeric type.
        y_pred: Predicted probabilities, or logits with `from_logits=True`.
        from_logits: Whether `y_pred` holds logits.
        ignore_class: A label whose samples have no loss.
        axis: The axis of the classes.

    Returns:
        One value per sample.

    Raises:
        ValueError: If the shapes do not fit, or a label is outside the number of classes.

    Example:
        >>> sparse_categorical_crossentropy(torch.tensor([1]), torch.tensor([[0.5, 0.5]]))
        tensor([0.6931])
    """
    y_pred = as_float_tensor(y_pred)
    y_true = as_tensor(y_true, like=y_pred)
    if y_true.ndim == y_pred.ndim and y_true.shape[axis] == 1:
        y_true = y_true.squeeze(axis)
    per_sample = crossentropy.sparse_categorical_crossentropy.__wrapped__  # type: ignore[attr-defined]
    if ignore_class is None:
        return per_sample(y_true, y_pred, from_logits, axis)
    valid = y_true != ignore_class
    crossentropy.check_labels_shape(y_true, y_pred, axis)
    losses = per_sample(torch.where(valid, y_true, 0), _only(valid.unsqueeze(axis), y_pred), from_logits, axis)
    losses = torch.where(valid, losses, 0.0)
    losses._keras_mask = valid  # type: ignore[attr-defined]
    return losses
