"""The short way: mean losses of plain tensors in about one call of torch.

Each function returns `None` if it does not apply (masks, unusual shapes, anything wrong): the general way then
computes the same number, or raises the error that explains.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.ops import loss_functions
from torchkeras_shim.ops.crossentropy import NO_IGNORED_LABEL, class_indices, clip


def _sparse_categorical(
    y_true: torch.Tensor, y_pred: torch.Tensor, *, from_logits: bool, dtype: torch.dtype
) -> torch.Tensor | None:
    logits = getattr(y_pred, "_keras_logits", None)
    if hasattr(y_pred, "_keras_mask") or (from_logits and logits is not None):
        return None
    if logits is None:
        logits = y_pred if y_pred.dtype is dtype else y_pred.to(dtype)
        if not from_logits:
            logits = clip(logits).log()
    elif logits.dtype is not dtype:
        logits = logits.to(dtype)
    if y_true.dtype is not torch.int64:
        y_true = class_indices(y_true)
    if logits.ndim != 2 or y_true.ndim != 1:
        if logits.ndim < 2 or y_true.shape not in (logits.shape[:-1], (*logits.shape[:-1], 1)):
            return None
        y_true = y_true.reshape(-1)
        if logits.ndim != 2:
            logits = logits.reshape(-1, logits.shape[-1])
    try:
        return F.cross_entropy(logits, y_true, ignore_index=NO_IGNORED_LABEL)
    except (IndexError, ValueError):  # labels outside the classes, other batch sizes: the general way explains
        return None


def _categorical(
    y_true: torch.Tensor, y_pred: torch.Tensor, *, from_logits: bool, label_smoothing: float, dtype: torch.dtype
) -> torch.Tensor | None:
    logits = getattr(y_pred, "_keras_logits", None)
    if logits is None:
        if not from_logits:
            return None
        logits = y_pred
    elif from_logits:
        return None
    if y_true.shape != logits.shape or logits.ndim != 2 or logits.shape[-1] == 1 or hasattr(y_pred, "_keras_mask"):
        return None
    if logits.dtype is not dtype:
        logits = logits.to(dtype)
    if y_true.dtype is not dtype:
        y_true = y_true.to(dtype)
    return F.cross_entropy(logits, y_true, label_smoothing=label_smoothing)


def _binary(
    y_true: torch.Tensor, y_pred: torch.Tensor, *, from_logits: bool, label_smoothing: float, dtype: torch.dtype
) -> torch.Tensor | None:
    logits = getattr(y_pred, "_keras_logits", None)
    if logits is None:
        if not from_logits:
            return None
        logits = y_pred
    elif from_logits:
        return None
    if y_true.shape != logits.shape:
        if y_true.ndim != 1 or logits.shape != (len(y_true), 1):
            return None
        y_true = y_true.unsqueeze(-1)
    if hasattr(y_pred, "_keras_mask") or logits.ndim == 0:
        return None
    if logits.dtype is not dtype:
        logits = logits.to(dtype)
    if y_true.dtype is not dtype:
        y_true = y_true.to(dtype)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return F.binary_cross_entropy_with_logits(logits, y_true)


def _elementwise(
    y_true: torch.Tensor, y_pred: torch.Tensor, *, function: Any, dtype: torch.dtype
) -> torch.Tensor | None:
    if y_true.shape != y_pred.shape:
        if y_true.ndim != 1 or y_pred.shape != (len(y_true), 1):
            return None
        y_true = y_true.unsqueeze(-1)
    if hasattr(y_pred, "_keras_mask") or y_pred.ndim == 0:
        return None
    if y_pred.dtype is not dtype:
        y_pred = y_pred.to(dtype)
    if y_true.dtype is not dtype:
        y_true = y_true.to(dtype)
    result: torch.Tensor = function(y_pred, y_true)
    return result


def choose(fn: Any, arguments: dict[str, Any], dtype: torch.dtype) -> Any:
    """Returns the short way of a loss function with a mean reduction, or `None` if there is none.

    Args:
        fn: The loss function.
        arguments: The keyword arguments that it is called with.
        dtype: The type of the computation.
    """
    arguments = dict(arguments)
    if fn is loss_functions.mean_squared_error:
        return partial(_elementwise, function=F.mse_loss, dtype=dtype)
    if fn is loss_functions.mean_absolute_error:
        return partial(_elementwise, function=F.l1_loss, dtype=dtype)
    if fn is loss_functions.huber:
        delta = arguments.get("delta", 1.0)
        return partial(_elementwise, function=partial(F.huber_loss, delta=delta), dtype=dtype) if delta > 0 else None
    if arguments.pop("axis", -1) != -1:
        return None
    from_logits = bool(arguments.get("from_logits", False))
    smoothing = float(arguments.get("label_smoothing", 0.0))
    if fn is loss_functions.sparse_categorical_crossentropy and arguments.get("ignore_class") is None:
        return partial(_sparse_categorical, from_logits=from_logits, dtype=dtype)
    if fn is loss_functions.categorical_crossentropy and 0.0 <= smoothing <= 1.0:
        return partial(_categorical, from_logits=from_logits, label_smoothing=smoothing, dtype=dtype)
    if fn is loss_functions.binary_crossentropy:
        return partial(_binary, from_logits=from_logits, label_smoothing=smoothing, dtype=dtype)
    return None
