"""Looks at the values of the first batch for the mistakes that shapes do not show."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from torchkeras_shim.core import tree
from torchkeras_shim.losses import label_checks
from torchkeras_shim.losses.base import Loss
from torchkeras_shim.losses.torch_loss import TorchLoss
from torchkeras_shim.losses.wrapper import LossFunctionWrapper
from torchkeras_shim.ops import (
    crossentropy,
    focal_losses,
    loss_functions,
    robust_losses,
    segmentation_losses,
    sequence_losses,
    similarity_losses,
)

#: How far a row of probabilities may be from 1: half precision sums badly.
_TOLERANCE = 0.02

#: What the last layer of each of these losses ends with.
_ACTIVATIONS = {
    loss_functions.binary_crossentropy: "sigmoid",
    loss_functions.categorical_crossentropy: "softmax",
    loss_functions.sparse_categorical_crossentropy: "softmax",
    focal_losses.binary_focal_crossentropy: "sigmoid",
    focal_losses.categorical_focal_crossentropy: "softmax",
    robust_losses.categorical_generalized_cross_entropy: "softmax",
    segmentation_losses.dice: "sigmoid",
    segmentation_losses.tversky: "sigmoid",
}
_WITHOUT_LOGITS = {
    robust_losses.categorical_generalized_cross_entropy,
    segmentation_losses.dice,
    segmentation_losses.tversky,
}
_SPARSE = {loss_functions.sparse_categorical_crossentropy, robust_losses.categorical_generalized_cross_entropy}
_BINARY = {
    loss_functions.binary_crossentropy,
    focal_losses.binary_focal_crossentropy,
    segmentation_losses.dice,
    segmentation_losses.tversky,
}
_ONE_HOT = {loss_functions.categorical_crossentropy, focal_losses.categorical_focal_crossentropy}
_SIGNED = {loss_functions.hinge, loss_functions.squared_hinge}


def check_first_batch(loss: Any, y_true: Any, y_pred: Any, output_name: str | None = None) -> None:
    """Checks the values of one batch; it reads the device, so it is called once and not in every step.

    Args:
        loss: The loss that the batch is for.
        y_true: The targets.
        y_pred: The predictions.
        output_name: The name of the model's output, for the messages.

    Raises:
        ValueError: If labels are outside the number of classes, or class labels go to a loss of two classes.

    Warns:
        UserWarning: If predictions are logits and the loss expects probabilities, or the other way round, and where
            labels are of a kind that the loss is not made for.

    Example:
        >>> from torchkeras_shim.losses import SparseCategoricalCrossentropy
        >>> check_first_batch(SparseCategoricalCrossentropy(), torch.tensor([1]), torch.tensor([[0.5, 0.5]]))
    """
    if tree.is_nested(y_true) or tree.is_nested(y_pred) or not isinstance(loss, Loss):
        return
    if not isinstance(y_true, torch.Tensor) or not isinstance(y_pred, torch.Tensor) or not y_pred.numel():
        return
    if not y_true.numel():
        return
    with torch.no_grad():
        if isinstance(loss, TorchLoss):
            _check_torch_labels(loss, y_true, y_pred, output_name)
        elif isinstance(loss, LossFunctionWrapper) and y_pred.is_floating_point():
            _check_function(loss.fn, loss._fn_kwargs, y_true, y_pred, output_name)


def _check_function(
    fn: Any, arguments: dict[str, Any], y_true: torch.Tensor, y_pred: torch.Tensor, output_name: str | None
) -> None:
    try:
        known = fn in _ACTIVATIONS
    except TypeError:  # somebody's unhashable callable
        return
    if known:
        axis = arguments.get("axis", -1)
        if fn in _SPARSE:
            _check_labels(y_true, y_pred, axis, arguments.get("ignore_class"), output_name, fn.__name__)
        elif fn in _BINARY:
            label_checks.check_two_classes(fn.__name__, y_true, y_pred, output_name)
        elif fn in _ONE_HOT:
            label_checks.check_one_class_each(fn.__name__, y_true, y_pred, axis, output_name)
        _check_predictions(fn, y_pred, axis, bool(arguments.get("from_logits", False)), output_name)
    elif fn in _SIGNED:
        label_checks.check_two_classes(fn.__name__, y_true, y_pred, output_name, signed=True)
    elif fn is sequence_losses.ctc:
        label_checks.check_spelling(y_true, y_pred, output_name)
    elif fn is similarity_losses.circle:
        label_checks.check_unit_length(y_pred, output_name)
    elif fn is loss_functions.poisson:
        label_checks.check_not_negative(y_pred, output_name)


def _check_labels(
    labels: torch.Tensor,
    y_pred: torch.Tensor,
    axis: int,
    ignored: int | None,
    output_name: str | None,
    name: str = "sparse_categorical_crossentropy",
) -> None:
    if labels.ndim == y_pred.ndim and labels.shape[axis] == 1:
        labels = labels.squeeze(axis)
    crossentropy.check_labels_shape(labels, y_pred, axis, name)
    if ignored is not None:
        labels = torch.where(labels == ignored, 0, labels)
    smallest, largest = (int(value) for value in torch.stack(torch.aminmax(labels.long())).tolist())
    classes = y_pred.shape[axis]
    if smallest < 0 or largest >= classes:
        raise crossentropy.labels_error(smallest, largest, classes, output_name, name)


def _check_torch_labels(loss: TorchLoss, y_true: torch.Tensor, y_pred: torch.Tensor, output_name: str | None) -> None:
    if loss._torch_name not in ("CrossEntropyLoss", "cross_entropy", "NLLLoss", "nll_loss") or y_pred.ndim < 2:
        return
    if y_true.shape == y_pred.shape:  # probabilities
        return
    labels = y_true.squeeze(-1) if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1 else y_true
    if labels.shape == (y_pred.shape[0], *y_pred.shape[2:]):
        ignored = getattr(loss.loss, "ignore_index", -100)
        _check_labels(labels, y_pred, 1, ignored, output_name)


def _check_predictions(fn: Any, y_pred: torch.Tensor, axis: Any, from_logits: bool, output_name: str | None) -> None:
    """Warns where predictions are not what `from_logits` says; predictions that carry their logits need no look."""
    name, activation = fn.__name__, _ACTIVATIONS[fn]
    if hasattr(y_pred, "_keras_logits"):
        if activation == "sigmoid" and y_pred.shape[-1] == 1 and y_pred.numel() > 1 and bool((y_pred == 1.0).all()):
            where = f" (output '{output_name}')" if output_name else ""
            warnings.warn(
                f"{name}{where}: every prediction is exactly 1, as a softmax over a single unit gives. Write "
                "`Dense(1, activation='sigmoid')`.",
                stacklevel=4,
            )
        return
    low, high = torch.aminmax(y_pred)
    values = [low, high]
    categorical = activation == "softmax" and y_pred.shape[axis] > 1
    if categorical:
        values.append((y_pred.sum(dim=axis) - 1.0).abs().amax())
    smallest, largest, *distance = torch.stack(values).tolist()
    inside = smallest >= -1e-6 and largest <= 1.0 + _TOLERANCE
    sums_to_one = not distance or distance[0] <= _TOLERANCE
    if from_logits:
        if categorical and inside and sums_to_one:
            crossentropy.warn_activation_with_logits(name, activation, output_name)
        return
    if not inside:
        found = f"values outside [0, 1] (smallest {smallest:.3g}, largest {largest:.3g}): these look like logits"
    elif not sums_to_one:
        found = "rows that do not sum to 1"
    else:
        return
    crossentropy.warn_logits_without_flag(name, found, activation, output_name, has_flag=fn not in _WITHOUT_LOGITS)
