"""Focal crossentropies: easy examples weigh less, by the power `gamma` of how wrong they are."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops import crossentropy
from torchkeras_shim.ops.alignment import as_float_tensor, as_tensor


@op
def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Computes the mean binary crossentropy of each sample, each element times `(1 - p) ** gamma` of its true class.

    Args:
        y_true: The true probabilities, 0 or 1.
        y_pred: Predicted probabilities, or logits with `from_logits=True`.
        apply_class_balancing: Whether class 1 weighs `alpha` and class 0 weighs `1 - alpha`.
        alpha: The weight of class 1.
        gamma: How much easy examples lose of their weight; 0 is the plain crossentropy.
        from_logits: Whether `y_pred` holds logits.
        label_smoothing: How far labels are pulled towards 0.5, from 0 to 1.
        axis: The axis that is averaged.

    Returns:
        One value per sample.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> binary_focal_crossentropy(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.5]]))
        tensor([0.1733])
    """
    y_pred = as_float_tensor(y_pred)
    y_true = as_tensor(y_true, y_pred.dtype, like=y_pred)
    crossentropy.check_same_shape("binary_focal_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if from_logits:
        losses = F.binary_cross_entropy_with_logits(y_pred, y_true, reduction="none")
        y_pred = y_pred.sigmoid()
    else:
        losses = crossentropy.binary_crossentropy.__wrapped__(y_true, y_pred)  # type: ignore[attr-defined]
    of_true_class = y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred)
    losses = (1.0 - of_true_class).pow(gamma) * losses
    if apply_class_balancing:
        losses = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * losses
    return losses.mean(dim=axis)


@functools.lru_cache(maxsize=64)
def _weights(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Returns weights of classes on the device, where they are brought once and not in every step."""
    return torch.tensor(values, dtype=dtype, device=device)


@op
def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Computes the crossentropy between one-hot labels and predictions, each class times `alpha * (1 - p) ** gamma`.

    Args:
        y_true: One-hot labels.
        y_pred: Predicted probabilities, or logits with `from_logits=True`.
        alpha: The weight of all classes, or one weight per class.
        gamma: How much easy examples lose of their weight.
        from_logits: Whether `y_pred` holds logits.
        label_smoothing: How far labels are pulled towards the uniform distribution, from 0 to 1.
        axis: The axis of the classes.

    Returns:
        One value per sample.

    Raises:
        ValueError: If labels are not one-hot.

    Example:
        >>> categorical_focal_crossentropy(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.5]]))
        tensor([0.0433])
    """
    if isinstance(axis, bool):
        raise ValueError(f"`axis` must be of type `int`. Received: axis={axis} of type {type(axis)}")
    y_pred = as_float_tensor(y_pred)
    y_true = as_tensor(y_true, y_pred.dtype, like=y_pred)
    if y_pred.ndim and y_pred.shape[-1] == 1:
        warnings.warn(
            "In loss categorical_focal_crossentropy, expected y_pred.shape to be (batch_size, num_classes) with "
            f"num_classes > 1. Received: y_pred.shape={tuple(y_pred.shape)}. Consider using 'binary_focal_crossentropy'"
            " if you only have 2 classes.",
            SyntaxWarning,
            stacklevel=2,
        )
    crossentropy.check_one_hot(y_true, y_pred, axis, "categorical_focal_crossentropy")
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[-1]
    if from_logits:
        y_pred = y_pred.softmax(dim=axis)
    output = crossentropy.clip(y_pred / y_pred.sum(dim=axis, keepdim=True))
    weight: Any = alpha
    if isinstance(alpha, (list, tuple)):
        weight = _weights(tuple(alpha), y_pred.dtype, y_pred.device)
    elif not isinstance(alpha, (int, float)):
        weight = as_tensor(alpha, y_pred.dtype, like=y_pred)
    return ((1.0 - output).pow(gamma) * weight * (-y_true * output.log())).sum(dim=axis)
