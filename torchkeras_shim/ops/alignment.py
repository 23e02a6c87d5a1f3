"""How Keras brings targets, predictions and weights together: conversion, equal ranks, masks as weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import config, device, dtypes


def as_tensor(value: Any, dtype: torch.dtype | None = None, like: torch.Tensor | None = None) -> torch.Tensor:
    """Returns a tensor of anything array-like, without a copy where none is needed.

    Args:
        value: A tensor, array, number or nested list of numbers.
        dtype: The wanted type. Without it arrays keep theirs and Python floats become `floatx()`.
        like: A tensor on whose device the result has to be; the default device for arrays without it.

    Example:
        >>> as_tensor([1.0, 2.0]).dtype
        torch.float32
    """
    if isinstance(value, torch.Tensor):
        tensor: torch.Tensor = value
        if like is not None and tensor.device != like.device:
            tensor = tensor.to(like.device)
        return tensor if dtype is None or tensor.dtype is dtype else tensor.to(dtype)
    array = value if isinstance(value, np.ndarray) else np.asarray(value)
    if dtype is None and array.dtype == np.float64 and not isinstance(value, (np.ndarray, np.generic)):
        dtype = dtypes.to_torch_dtype(config.floatx())
    place = device.default_device() if like is None else like.device
    if not array.flags.writeable:  # torch warns about read-only memory, which nobody writes to here
        array = array.copy()
    return torch.as_tensor(array).to(place, dtype)


def as_float_tensor(value: Any) -> torch.Tensor:
    """Returns `as_tensor(value)`, integers and booleans turned into `floatx()`."""
    tensor = as_tensor(value)
    return tensor if tensor.is_floating_point() else tensor.to(dtypes.to_torch_dtype(config.floatx()))


def squeeze_or_expand_to_same_rank(
    x1: torch.Tensor, x2: torch.Tensor, expand_rank_1: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """Adds or drops a last dimension of size 1 where the ranks differ by one, so that nothing broadcasts by accident.

    Example:
        >>> a, b = squeeze_or_expand_to_same_rank(torch.zeros(4), torch.zeros(4, 1))
        >>> a.shape
        torch.Size([4, 1])
    """
    difference = x1.ndim - x2.ndim
    if difference == 1 and x1.shape[-1] == 1:
        if x2.ndim == 1 and expand_rank_1:
            return x1, x2.unsqueeze(-1)
        return x1.squeeze(-1), x2
    if difference == -1 and x2.shape[-1] == 1:
        if x1.ndim == 1 and expand_rank_1:
            return x1.unsqueeze(-1), x2
        return x1, x2.squeeze(-1)
    return x1, x2


def class_indices(rows: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Returns the index of the largest value along an axis, the first of several; rows may be one-hot booleans.

    Example:
        >>> class_indices(torch.tensor([[False, True], [True, False]]))
        tensor([1, 0])
    """
    return (rows.to(torch.uint8) if rows.dtype is torch.bool else rows).argmax(dim)


def divide_no_nan(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Returns `x / y`, and 0 where `y` is 0.

    Example:
        >>> divide_no_nan(torch.tensor([1.0, 1.0]), torch.tensor([2.0, 0.0]))
        tensor([0.5000, 0.0000])
    """
    empty = y == 0
    return torch.where(empty, 0.0, x / torch.where(empty, 1.0, y))


def apply_mask(
    sample_weight: torch.Tensor | None, mask: torch.Tensor | None, dtype: torch.dtype, reduction: str | None
) -> torch.Tensor | None:
    """Turns a mask into weights and multiplies them into the sample weights.

    For mean reductions the valid entries weigh `total / valid`, so that the mean over everything becomes the mean over
    what is valid.

    Raises:
        ValueError: If sample weights and mask do not fit each other.
    """
    if mask is None:
        return sample_weight
    weights = mask.to(dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        valid = weights.sum()
        share = divide_no_nan(torch.full_like(valid, mask.numel()), valid)
        weights = torch.where(mask.to(torch.bool), share, 0.0)
    if sample_weight is None:
        return weights
    weights, sample_weight = squeeze_or_expand_to_same_rank(weights, sample_weight.to(dtype))
    try:
        return sample_weight * weights
    except RuntimeError as error:
        raise ValueError(
            f"`sample_weight` of shape {tuple(sample_weight.shape)} does not fit the mask of the predictions, of shape "
            f"{tuple(weights.shape)}. A weight for each sample of masked sequences needs an axis for the steps: write "
            "`sample_weight=weights[:, None]`. A weight for each step has the shape of the mask."
        ) from error


def check_broadcast(name: str, y_true: torch.Tensor, y_pred: torch.Tensor) -> None:
    """Raises a ValueError that shows both shapes where targets and predictions do not fit each other."""
    for left, right in zip(reversed(y_true.shape), reversed(y_pred.shape), strict=False):
        if left != right and 1 not in (left, right):
            raise ValueError(
                f"{name}: `y_true` and `y_pred` must have the same shape. "
                f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}. "
                f"The width of the last layer must be that of the targets: "
                f"{_width_hint(y_true, y_pred)}"
            )


def _width_hint(y_true: torch.Tensor, y_pred: torch.Tensor) -> str:
    if y_true.ndim == 1 and y_pred.ndim == 2 and y_true.shape[0] == y_pred.shape[0]:
        return (
            "for one number per sample end the model with `Dense(1)`; for class labels use "
            '`loss="sparse_categorical_crossentropy"` or `y = keras.utils.to_categorical(y)`.'
        )
    if y_pred.ndim > 2 and y_true.shape in (y_pred.shape[:-1], (*y_pred.shape[:-1], 1)):
        return (
            "for one value per place end the model with a layer of 1 unit or filter; for class labels write "
            f"`y = keras.utils.to_categorical(y, num_classes={y_pred.shape[-1]})`."
        )
    if y_true.ndim == y_pred.ndim and y_true.ndim and y_true.shape[:-1] == y_pred.shape[:-1]:
        return f"end the model with `Dense({y_true.shape[-1]})`."
    return "check that both have as many samples and as many values per sample."
