"""Batch, layer and root-mean-square normalization."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core import config
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_float, as_tensor

__all__ = ["batch_normalization", "layer_normalization", "rms_normalization"]

_HALF = (torch.float16, torch.bfloat16)


@op
def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Any:
    """Returns `(x - mean) / sqrt(variance + epsilon) * scale + offset`, the statistics lying along one axis.

    Args:
        x: A tensor.
        mean: One mean per entry of the axis.
        variance: One variance per entry of the axis.
        axis: The axis of the statistics.
        offset: What to add per entry, or `None`.
        scale: What to multiply with per entry, or `None`.
        epsilon: What keeps the division finite.

    Example:
        >>> batch_normalization(torch.tensor([[3.0]]), [1.0], [4.0], axis=-1, epsilon=0.0)
        tensor([[1.]])
    """
    x = as_float(x)
    shape = [1] * x.ndim
    shape[axis] = -1

    def broadcast(value: Any) -> torch.Tensor:
        return as_tensor(value, x.dtype, x.device).reshape(shape)

    factor = torch.rsqrt(broadcast(variance) + epsilon)
    if scale is not None:
        factor = factor * broadcast(scale)
    shift = -broadcast(mean) * factor
    if offset is not None:
        shift = shift + broadcast(offset)
    return torch.addcmul(shift, x, factor)


@op
def layer_normalization(
    x: Any,
    gamma: Any = None,
    beta: Any = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
    **kwargs: Any,
) -> Any:
    """Normalizes each sample over some axes.

    Args:
        x: A tensor.
        gamma: What to multiply with, of the shape of the axes, or `None`.
        beta: What to add, of the shape of the axes, or `None`.
        axis: The axis or axes.
        epsilon: What keeps the division finite; `keras.config.epsilon()` by default.
        **kwargs: `rms_scaling=True` (deprecated in Keras) only divides by the standard deviation.

    Example:
        >>> layer_normalization(torch.tensor([1.0, 3.0]))
        tensor([-1.,  1.])
    """
    rms_scaling = kwargs.pop("rms_scaling", False)
    if kwargs:
        raise TypeError(f"layer_normalization() got unexpected keyword arguments: {sorted(kwargs)}")
    if rms_scaling:
        warnings.warn(
            "You passed `rms_scaling=True`, which is deprecated: it scales by the variance, not the root mean square. "
            "Use `keras.ops.rms_normalization` instead.",
            stacklevel=3,
        )
    x = as_float(x)
    gamma = None if gamma is None else as_tensor(gamma, x.dtype, x.device)
    beta = None if beta is None else as_tensor(beta, x.dtype, x.device)
    axes = sorted(axis) if isinstance(axis, (list, tuple)) else [axis]
    epsilon = config.epsilon() if epsilon is None else epsilon
    return normalize_layer(x, gamma, beta, axes, epsilon, rms_scaling)


def normalize_layer(
    x: torch.Tensor,
    gamma: torch.Tensor | None,
    beta: torch.Tensor | None,
    axes: Sequence[Any],
    epsilon: float,
    rms_scaling: bool = False,
) -> torch.Tensor:
    """Layer normalization with every argument in its final form. `axes` is sorted, as Keras sorts it."""
    if not rms_scaling and are_trailing(axes, x.ndim):
        return F.layer_norm(x, [x.shape[axis] for axis in axes], gamma, beta, epsilon)
    values = x.float() if x.dtype in _HALF else x
    variance, mean = torch.var_mean(values, dim=list(axes), correction=0, keepdim=True)
    factor = torch.rsqrt(variance + epsilon)
    shape = [1] * x.ndim
    for axis in axes:
        shape[axis] = x.shape[axis]
    if gamma is not None:
        factor = factor * gamma.reshape(shape)
    if rms_scaling:
        return (values * factor).to(x.dtype)
    shift = -mean * factor
    if beta is not None:
        shift = shift + beta.reshape(shape)
    return torch.addcmul(shift, values, factor).to(x.dtype)


def are_trailing(axes: Sequence[Any], rank: int) -> bool:
    """Returns whether sorted axes are the last ones, in order: what torch's fused kernels can do.

    Example:
        >>> are_trailing([-2, -1], 4), are_trailing([1, 2], 4)
        (True, False)
    """
    return [axis % rank for axis in axes] == list(range(rank - len(axes), rank))


@op
def rms_normalization(x: Any, scale: Any = None, axis: int | Sequence[int] = -1, epsilon: float | None = None) -> Any:
    """Divides by the root of the mean square over some axes.

    Args:
        x: A tensor.
        scale: What to multiply with, or `None`.
        axis: The axis or axes.
        epsilon: What keeps the division finite; `keras.config.epsilon()` by default.

    Example:
        >>> rms_normalization(torch.tensor([3.0, 3.0]))
        tensor([1., 1.])
    """
    x = as_float(x)
    scale = None if scale is None else as_tensor(scale, x.dtype, x.device)
    epsilon = config.epsilon() if epsilon is None else epsilon
    axes = sorted(axis) if isinstance(axis, (list, tuple)) else [axis]
    if x.ndim == 0:
        x = x.unsqueeze(0)
    if are_trailing(axes, x.ndim) and (scale is None or scale.ndim == len(axes)):
        return F.rms_norm(x, [x.shape[a] for a in axes], scale, epsilon)
    values = x.float() if x.dtype in _HALF else x
    outputs = values * torch.rsqrt(values.square().mean(dim=axes, keepdim=True) + epsilon)
    return (outputs if scale is None else outputs * scale).to(x.dtype)
