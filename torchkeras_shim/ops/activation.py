"""Activation functions, as tensor functions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_float, as_tensor
from torchkeras_shim.ops.reductions import Axis, axes_of

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh_shrink",
    "threshold",
]


@op
def relu(x: Any) -> Any:
    """Returns `max(x, 0)`.

    Example:
        >>> relu([-1.0, 2.0])
        tensor([0., 2.])
    """
    return torch.relu(as_tensor(x))


@op
def relu6(x: Any) -> Any:
    """Returns `min(max(x, 0), 6)`.

    Example:
        >>> relu6([-1.0, 8.0])
        tensor([0., 6.])
    """
    return F.relu6(as_tensor(x))


@op
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """Returns `x` where positive, `negative_slope * x` elsewhere.

    Example:
        >>> leaky_relu([-1.0, 2.0])
        tensor([-0.2000,  2.0000])
    """
    return F.leaky_relu(as_float(x), negative_slope)


@op
def elu(x: Any, alpha: float = 1.0) -> Any:
    """Returns `x` where positive, `alpha * (exp(x) - 1)` elsewhere.

    Example:
        >>> elu([0.0, 2.0])
        tensor([0., 2.])
    """
    return F.elu(as_float(x), alpha)


@op
def selu(x: Any) -> Any:
    """Returns the scaled exponential linear unit, which keeps mean 0 and variance 1 through layers.

    Example:
        >>> selu([0.0, 1.0])
        tensor([0.0000, 1.0507])
    """
    return torch.selu(as_float(x))


@op
def celu(x: Any, alpha: float = 1.0) -> Any:
    """Returns `max(x, 0) + alpha * (exp(min(x, 0) / alpha) - 1)`.

    Example:
        >>> celu([0.0, 2.0])
        tensor([0., 2.])
    """
    return F.celu(as_float(x), alpha)


@op
def gelu(x: Any, approximate: bool = True) -> Any:
    """Returns `x * P(X <= x)` of a standard normal `X`.

    Args:
        x: A tensor.
        approximate: Whether to use the approximation by tanh.

    Example:
        >>> gelu([1.0], approximate=False)
        tensor([0.8413])
    """
    return F.gelu(as_float(x), approximate="tanh" if approximate else "none")


@op
def silu(x: Any) -> Any:
    """Returns `x * sigmoid(x)`.

    Example:
        >>> silu([0.0, 1.0])
        tensor([0.0000, 0.7311])
    """
    return F.silu(as_float(x))


swish = silu


@op
def glu(x: Any, axis: int = -1) -> Any:
    """Splits in two along an axis and returns `a * sigmoid(b)`.

    Raises:
        ValueError: If the axis has an odd size.

    Example:
        >>> glu([2.0, 0.0])
        tensor([1.])
    """
    x = as_float(x)
    if x.shape[axis] % 2:
        raise ValueError(f"axis size must be divisible by 2. Received: x.shape={tuple(x.shape)} with axis={axis}")
    return F.glu(x, dim=axis)


@op
def softplus(x: Any) -> Any:
    """Returns `log(exp(x) + 1)`.

    Example:
        >>> softplus([0.0])
        tensor([0.6931])
    """
    # torch's own softplus is linear from 20 on; log(e^x + e^0) is exact everywhere in one formula.
    x = as_float(x)
    return torch.logaddexp(x, torch.zeros_like(x)) if x.dtype == torch.float64 else F.softplus(x)


@op
def softsign(x: Any) -> Any:
    """Returns `x / (|x| + 1)`.

    Example:
        >>> softsign([1.0, -1.0])
        tensor([ 0.5000, -0.5000])
    """
    return F.softsign(as_float(x))


@op
def squareplus(x: Any, b: float = 4) -> Any:
    """Returns `(x + sqrt(x^2 + b)) / 2`.

    Example:
        >>> squareplus([0.0])
        tensor([1.])
    """
    x = as_float(x)
    return (x + torch.sqrt(torch.square(x) + b)) / 2


@op
def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """Moves values towards zero by `threshold`; the smaller ones become zero.

    Example:
        >>> soft_shrink([-1.0, 0.2, 1.0])
        tensor([-0.5000,  0.0000,  0.5000])
    """
    x = as_float(x)
    if threshold >= 0:
        return F.softshrink(x, threshold)
    return torch.where(x > threshold, x - threshold, torch.where(x < -threshold, x + threshold, torch.zeros_like(x)))


@op
def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """Returns `x` where `|x| > threshold`, zero elsewhere.

    Example:
        >>> hard_shrink([-1.0, 0.2, 1.0])
        tensor([-1.,  0.,  1.])
    """
    return F.hardshrink(as_float(x), threshold)


@op
def tanh_shrink(x: Any) -> Any:
    """Returns `x - tanh(x)`.

    Example:
        >>> tanh_shrink([1.0])
        tensor([0.2384])
    """
    return F.tanhshrink(as_float(x))


@op
def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """Returns `x` where `x > threshold`, `default_value` elsewhere.

    Example:
        >>> threshold([1.0, 3.0], 2.0, 0.0)
        tensor([0., 3.])
    """
    return F.threshold(as_tensor(x), threshold, default_value)


@op
def sparse_plus(x: Any) -> Any:
    """Returns 0 up to -1, `(x + 1)^2 / 4` up to 1, `x` beyond.

    Example:
        >>> sparse_plus([-2.0, 0.0, 2.0])
        tensor([0.0000, 0.2500, 2.0000])
    """
    x = as_float(x)
    return torch.where(x <= -1, torch.zeros_like(x), torch.where(x < 1, torch.square(x + 1) / 4, x))


@op
def sparse_sigmoid(x: Any) -> Any:
    """Returns 0 up to -1, `(x + 1) / 2` up to 1, 1 beyond.

    Example:
        >>> sparse_sigmoid([-2.0, 0.0, 2.0])
        tensor([0.0000, 0.5000, 1.0000])
    """
    return torch.clamp((as_float(x) + 1) / 2, 0, 1)


@op
def sigmoid(x: Any) -> Any:
    """Returns `1 / (1 + exp(-x))`; the result remembers `x` for cross-entropies.

    Example:
        >>> sigmoid([0.0])
        tensor([0.5000])
    """
    x = as_float(x)
    result = torch.sigmoid(x)
    result._keras_logits = x  # type: ignore[attr-defined]
    return result


@op
def log_sigmoid(x: Any) -> Any:
    """Returns `log(sigmoid(x))`, without overflow.

    Example:
        >>> log_sigmoid([0.0])
        tensor([-0.6931])
    """
    return F.logsigmoid(as_float(x))


@op
def hard_sigmoid(x: Any) -> Any:
    """Returns `x / 6 + 0.5`, kept within 0 and 1.

    Example:
        >>> hard_sigmoid([-3.0, 0.0, 3.0])
        tensor([0.0000, 0.5000, 1.0000])
    """
    return F.hardsigmoid(as_float(x))


@op
def hard_silu(x: Any) -> Any:
    """Returns `x * hard_sigmoid(x)`.

    Example:
        >>> hard_silu([-3.0, 0.0, 3.0])
        tensor([-0.,  0.,  3.])
    """
    return F.hardswish(as_float(x))


hard_swish = hard_silu


@op
def hard_tanh(x: Any) -> Any:
    """Returns `x` kept within -1 and 1.

    Example:
        >>> hard_tanh([-3.0, 0.5, 3.0])
        tensor([-1.0000,  0.5000,  1.0000])
    """
    return F.hardtanh(as_float(x))


@op
def softmax(x: Any, axis: Axis = -1) -> Any:
    """Returns `exp(x)` divided by its sum along an axis; along the last one it remembers `x` for cross-entropies.

    Args:
        x: A tensor.
        axis: The axis that sums to one; several that do so together, all if `None`.

    Example:
        >>> softmax([0.0, 0.0])
        tensor([0.5000, 0.5000])
    """
    x = as_float(x)
    if axis is None or not isinstance(axis, int):
        return _over_axes(torch.softmax, x, axis)
    if -x.dim() <= axis < x.dim() and x.shape[axis] == 1:
        warnings.warn(
            f"You are using a softmax over axis {axis} of a tensor of shape {tuple(x.shape)}. This axis has size 1. "
            "The softmax operation will always return the value 1, which is likely not what you intended. "
            "Did you mean to use a sigmoid instead?",
            stacklevel=3,
        )
    result = torch.softmax(x, dim=axis)
    if axis == -1 or axis == x.dim() - 1:
        result._keras_logits = x  # type: ignore[attr-defined]
    return result


@op
def log_softmax(x: Any, axis: Axis = -1) -> Any:
    """Returns `log(softmax(x))`, without overflow.

    Args:
        x: A tensor.
        axis: The axis; several together, all if `None`.

    Example:
        >>> log_softmax([0.0, 0.0])
        tensor([-0.6931, -0.6931])
    """
    x = as_float(x)
    if axis is None or not isinstance(axis, int):
        return _over_axes(torch.log_softmax, x, axis)
    return torch.log_softmax(x, dim=axis)


def _over_axes(function: Callable[..., torch.Tensor], x: torch.Tensor, axis: Axis) -> torch.Tensor:
    """Returns a function of one axis of `x`, with several axes as one."""
    axes = axes_of(x, axis)
    last = list(range(x.dim() - len(axes), x.dim()))
    moved = x.movedim(axes, last)
    flat = moved.reshape(*moved.shape[: x.dim() - len(axes)], -1)
    return function(flat, dim=-1).reshape(moved.shape).movedim(last, axes)


@op
def sparsemax(x: Any, axis: int = -1) -> Any:
    """Returns a softmax-like transformation with exact zeros, with the values that Keras computes.

    Where more than one entry stays positive these are below those of the published sparsemax: Keras subtracts a larger
    threshold (see the comment inside).

    Args:
        x: A tensor.
        axis: The axis of the classes.

    Example:
        >>> sparsemax([1.0, 3.0])
        tensor([0., 1.])
    """
    x = as_float(x)
    ordered = torch.sort(x, dim=axis, descending=True).values
    sums = torch.cumsum(ordered, dim=axis)
    ranks_shape = [1] * x.dim()
    ranks_shape[axis] = -1
    ranks = torch.arange(1, x.shape[axis] + 1, dtype=x.dtype, device=x.device).reshape(ranks_shape)
    support = ordered - (sums - 1) / ranks > 0
    count = support.sum(dim=axis, keepdim=True).to(x.dtype)
    # The published threshold takes the last running sum of the support only. Keras adds all of them up, on every
    # backend, and what Keras computes is the specification here.
    tau = (torch.where(support, sums, torch.zeros_like(sums)).sum(dim=axis, keepdim=True) - 1) / count
    return torch.clamp_min(x - tau, 0)
