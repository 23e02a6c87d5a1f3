"""Torch's own losses called with Keras's data: argument order, target types and ranks."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core.torch_private import TorchLoss
from torchkeras_shim.ops.alignment import check_broadcast, squeeze_or_expand_to_same_rank

#: Losses whose targets may be class indices, and the one whose targets may be probabilities as well.
_CLASS_INDEX = {"CrossEntropyLoss", "NLLLoss", "NLLLoss2d", "MultiMarginLoss", "MultiLabelMarginLoss"}
_CLASS_INDEX_FUNCTIONS = {"cross_entropy", "nll_loss", "multi_margin_loss", "multilabel_margin_loss"}
_MAY_BE_PROBABILITIES = {"CrossEntropyLoss", "cross_entropy"}
_LABELS_PER_CLASS = {"MultiLabelMarginLoss", "multilabel_margin_loss"}


def is_torch_loss(value: Any) -> bool:
    """Returns whether something is a loss of torch: a module, its class, or a function of `torch.nn.functional`.

    Example:
        >>> is_torch_loss(torch.nn.MSELoss), is_torch_loss(F.l1_loss), is_torch_loss(torch.nn.ReLU())
        (True, True, False)
    """
    if inspect.isclass(value):
        return issubclass(value, TorchLoss)
    if isinstance(value, torch.nn.Module):
        return isinstance(value, TorchLoss)
    function: Any = value.func if isinstance(value, functools.partial) else value
    if not inspect.isfunction(function):
        return False
    takes_reduction = "reduction" in inspect.signature(function).parameters
    return takes_reduction and getattr(F, function.__name__, None) is function


def name_of(loss: Any) -> str:
    """Returns torch's name of one of its losses, such as `"MSELoss"` or `"mse_loss"`."""
    if isinstance(loss, torch.nn.Module):
        return next(cls.__name__ for cls in type(loss).__mro__ if cls.__module__ == TorchLoss.__module__)
    function = loss.func if isinstance(loss, functools.partial) else loss
    return str(function.__name__)


def check_two_arguments(loss: Any) -> None:
    """Raises a ValueError for a torch loss that needs more than predictions and targets."""
    function: Callable[..., Any] = loss.forward if isinstance(loss, torch.nn.Module) else loss
    required = [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is inspect.Parameter.empty and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    if len(required) != 2:
        raise ValueError(
            f"The torch loss {name_of(loss)} takes {len(required)} tensors ({', '.join(required)}), and a Keras loss "
            "has two, targets and predictions. Wrap it in a function of your own:\n"
            "    def my_loss(y_true, y_pred): ..."
        )


def prepare_target(name: str, y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
    """Returns targets as torch's loss of that name expects them for these predictions.

    Args:
        name: Torch's name of the loss.
        y_true: The targets.
        y_pred: The predictions; torch has the classes in dimension 1.
    """
    if name in _CLASS_INDEX or name in _CLASS_INDEX_FUNCTIONS:
        if y_true.shape == y_pred.shape and name in _MAY_BE_PROBABILITIES:
            return y_true.to(y_pred.dtype)
        if name not in _LABELS_PER_CLASS and y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
            y_true = y_true.squeeze(-1)
        return y_true.long()
    y_true = y_true.to(y_pred.dtype)
    if y_true.shape == y_pred.shape:
        return y_true
    if y_true.numel() == y_pred.numel() and abs(y_true.ndim - y_pred.ndim) == 1:
        aligned, prediction = squeeze_or_expand_to_same_rank(y_true, y_pred)
        if aligned.shape == prediction.shape:
            return aligned.reshape(y_pred.shape)
    check_broadcast(name, y_true, y_pred)
    return y_true


def mean_divisor(loss: Any, name: str, y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor | None:
    """Returns what torch's loss divides a mean by, if that is something else than a number of values.

    Args:
        loss: The loss.
        name: Torch's name of it.
        y_true: The targets.
        y_pred: The predictions.

    Example:
        >>> loss = torch.nn.CrossEntropyLoss(ignore_index=0)
        >>> mean_divisor(loss, "CrossEntropyLoss", torch.tensor([0, 1]), torch.zeros(2, 3))
        tensor(1.)
    """
    keywords = loss.keywords if isinstance(loss, functools.partial) else vars(loss)
    if name not in ("CrossEntropyLoss", "cross_entropy", "NLLLoss", "nll_loss"):
        return None
    target = prepare_target(name, y_true, y_pred)
    if keywords.get("reduction", "mean") != "mean" or target.is_floating_point():
        return None
    weight: Any = loss.weight if isinstance(loss, torch.nn.Module) else keywords.get("weight")
    counts: torch.Tensor = target != keywords.get("ignore_index", -100)
    weights: torch.Tensor = (
        counts.to(y_pred.dtype) if weight is None else weight[torch.where(counts, target, 0)] * counts
    )
    return weights.sum()


def call_torch_loss(loss: Callable[..., Any], name: str, y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
    """Calls a torch loss as `(prediction, target)`, the target in the type it expects."""
    result: torch.Tensor = loss(y_pred, prepare_target(name, y_true, y_pred))
    return result
