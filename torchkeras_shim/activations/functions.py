"""The activation functions. On a plain tensor each of the common ones is one call of torch.

Everything else (symbolic tensors, arrays, lists) takes the way through `ops`. `softmax` and `sigmoid` leave their input
on the result, where cross-entropies find it (`_keras_logits`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from torchkeras_shim import ops
from torchkeras_shim.core.registry import Registry
from torchkeras_shim.core.symbolic import op

ACTIVATIONS = Registry("activation function", "keras.activations")


@ACTIVATIONS.register()
def linear(x: Any) -> Any:
    """Returns its input, unmodified.

    Example:
        >>> linear(3.0)
        3.0
    """
    return x


@ACTIVATIONS.register()
def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """Applies the rectified linear unit, `max(x, 0)` with default arguments.

    Args:
        x: A tensor.
        negative_slope: The slope for values below the threshold.
        max_value: The largest value returned.
        threshold: The value below which inputs are damped.

    Example:
        >>> relu(torch.tensor([-10.0, 5.0, 10.0]), negative_slope=0.5, max_value=6.0)
        tensor([-5.,  5.,  6.])
    """
    if negative_slope == 0.0 and max_value is None and threshold == 0.0:
        return torch.relu(x) if type(x) is Tensor else ops.relu(x)
    return _general_relu(x, negative_slope, max_value, threshold)


@op
def _general_relu(x: Any, negative_slope: float, max_value: float | None, threshold: float) -> Any:
    x = ops.convert_to_tensor(x)
    if max_value is None and threshold == 0.0:
        return F.leaky_relu(x, negative_slope)
    if max_value is not None and threshold == negative_slope == 0.0 and x.is_floating_point():
        return F.hardtanh(x, 0.0, max_value)  # one kernel each way: `relu` and `clamp` took twice MobileNetV2's time
    positive = torch.where(x > threshold, x, 0) if threshold != 0.0 else torch.relu(x)
    if max_value is not None:
        positive = positive.clamp(0, max_value)
    if negative_slope == 0.0:
        return positive
    return positive - negative_slope * torch.relu(threshold - x)


@ACTIVATIONS.register()
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """Returns `x` where positive, `negative_slope * x` elsewhere.

    Example:
        >>> leaky_relu(torch.tensor([-1.0, 2.0]))
        tensor([-0.2000,  2.0000])
    """
    return F.leaky_relu(x, negative_slope) if type(x) is Tensor else ops.leaky_relu(x, negative_slope)


@ACTIVATIONS.register()
def relu6(x: Any) -> Any:
    """Returns `min(max(x, 0), 6)`.

    Example:
        >>> relu6(torch.tensor([-1.0, 8.0]))
        tensor([0., 6.])
    """
    return F.relu6(x) if type(x) is Tensor else ops.relu6(x)


@ACTIVATIONS.register()
def softmax(x: Any, axis: int | Sequence[int] = -1) -> Any:
    """Turns scores into probabilities that sum to one along an axis.

    Args:
        x: A tensor.
        axis: The axis, or several that sum to one together.

    Example:
        >>> softmax(torch.tensor([0.0, 0.0]))
        tensor([0.5000, 0.5000])
    """
    if type(x) is not Tensor or axis != -1:
        return ops.softmax(x, axis)
    result = torch.softmax(x, -1)
    result._keras_logits = x  # type: ignore[attr-defined]
    return result


@ACTIVATIONS.register()
def sigmoid(x: Any) -> Any:
    """Returns `1 / (1 + exp(-x))`.

    Example:
        >>> sigmoid(torch.tensor([0.0]))
        tensor([0.5000])
    """
    if type(x) is not Tensor:
        return ops.sigmoid(x)
    result = torch.sigmoid(x)
    result._keras_logits = x  # type: ignore[attr-defined]
    return result


@ACTIVATIONS.register()
def celu(x: Any, alpha: float = 1.0) -> Any:
    """Returns `max(x, 0) + alpha * (exp(min(x, 0) / alpha) - 1)`.

    Example:
        >>> celu(torch.tensor([0.0, 2.0]))
        tensor([0., 2.])
    """
    return F.celu(x, alpha) if type(x) is Tensor else ops.celu(x, alpha)


@ACTIVATIONS.register()
def elu(x: Any, alpha: float = 1.0) -> Any:
    """Returns `x` where positive, `alpha * (exp(x) - 1)` elsewhere.

    Example:
        >>> elu(torch.tensor([0.0, 2.0]))
        tensor([0., 2.])
    """
    return F.elu(x, alpha) if type(x) is Tensor else ops.elu(x, alpha)


@ACTIVATIONS.register()
def selu(x: Any) -> Any:
    """Returns the scaled exponential linear unit; use it with `lecun_normal` weights.

    Example:
        >>> selu(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 1.0507])
    """
    return torch.selu(x) if type(x) is Tensor else ops.selu(x)


@ACTIVATIONS.register()
def softplus(x: Any) -> Any:
    """Returns `log(exp(x) + 1)`.

    Example:
        >>> softplus(torch.tensor([0.0]))
        tensor([0.6931])
    """
    return ops.softplus(x)


@ACTIVATIONS.register()
def softsign(x: Any) -> Any:
    """Returns `x / (|x| + 1)`.

    Example:
        >>> softsign(torch.tensor([1.0]))
        tensor([0.5000])
    """
    return ops.softsign(x)


@ACTIVATIONS.register()
def squareplus(x: Any, b: float = 4) -> Any:
    """Returns `(x + sqrt(x^2 + b)) / 2`.

    Args:
        x: A tensor.
        b: How smooth the bend at zero is.

    Example:
        >>> squareplus(torch.tensor([0.0]))
        tensor([1.])
    """
    return ops.squareplus(x, b)


@ACTIVATIONS.register()
def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """Moves values towards zero by `threshold`; the smaller ones become zero.

    Example:
        >>> soft_shrink(torch.tensor([-1.0, 0.2, 1.0]))
        tensor([-0.5000,  0.0000,  0.5000])
    """
    return ops.soft_shrink(x, threshold)


@ACTIVATIONS.register()
def sparse_plus(x: Any) -> Any:
    """Returns 0 up to -1, `(x + 1)^2 / 4` up to 1, `x` beyond.

    Example:
        >>> sparse_plus(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([0.0000, 0.2500, 2.0000])
    """
    return ops.sparse_plus(x)


@ACTIVATIONS.register("swish")
def silu(x: Any) -> Any:
    """Returns `x * sigmoid(x)`, also known as swish.

    Example:
        >>> silu(torch.tensor([1.0]))
        tensor([0.7311])
    """
    return F.silu(x) if type(x) is Tensor else ops.silu(x)


swish = silu


@ACTIVATIONS.register()
def gelu(x: Any, approximate: bool = False) -> Any:
    """Returns `x * P(X <= x)` of a standard normal `X`.

    Args:
        x: A tensor.
        approximate: Whether to use the approximation by tanh.

    Example:
        >>> gelu(torch.tensor([1.0]))
        tensor([0.8413])
    """
    if type(x) is Tensor:
        return F.gelu(x, approximate="tanh" if approximate else "none")
    return ops.gelu(x, approximate)


@ACTIVATIONS.register()
def glu(x: Any, axis: int = -1) -> Any:
    """Splits in two along an axis and returns `a * sigmoid(b)`.

    Example:
        >>> glu(torch.tensor([2.0, 0.0]))
        tensor([1.])
    """
    return ops.glu(x, axis)


@ACTIVATIONS.register()
def tanh(x: Any) -> Any:
    """Returns the hyperbolic tangent.

    Example:
        >>> tanh(torch.tensor([0.0]))
        tensor([0.])
    """
    return torch.tanh(x) if type(x) is Tensor else ops.tanh(x)


@ACTIVATIONS.register()
def tanh_shrink(x: Any) -> Any:
    """Returns `x - tanh(x)`.

    Example:
        >>> tanh_shrink(torch.tensor([1.0]))
        tensor([0.2384])
    """
    return ops.tanh_shrink(x)


@ACTIVATIONS.register()
def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """Returns `x` where `x > threshold`, `default_value` elsewhere.

    Example:
        >>> threshold(torch.tensor([1.0, 3.0]), 2.0, 0.0)
        tensor([0., 3.])
    """
    return ops.threshold(x, threshold, default_value)


@ACTIVATIONS.register()
def exponential(x: Any) -> Any:
    """Returns `exp(x)`.

    Example:
        >>> exponential(torch.tensor([0.0]))
        tensor([1.])
    """
    return torch.exp(x) if type(x) is Tensor else ops.exp(x)


@ACTIVATIONS.register()
def hard_sigmoid(x: Any) -> Any:
    """Returns `x / 6 + 0.5`, kept within 0 and 1.

    Example:
        >>> hard_sigmoid(torch.tensor([-3.0, 0.0, 3.0]))
        tensor([0.0000, 0.5000, 1.0000])
    """
    return F.hardsigmoid(x) if type(x) is Tensor else ops.hard_sigmoid(x)


@ACTIVATIONS.register()
def legacy_hard_sigmoid(x: Any) -> Any:
    """Returns `0.2 * x + 0.5`, kept within 0 and 1: what Keras 1 and 2 called `hard_sigmoid`.

    Models out of their files compute with it. Keras 3 does not know the name, and so refuses what it would compute
    wrongly, unless it is told: `load_model(path, custom_objects={"legacy_hard_sigmoid": lambda x: keras.ops.clip(0.2 *
    x + 0.5, 0, 1)})`.

    Example:
        >>> legacy_hard_sigmoid(torch.tensor([-2.5, 0.0, 3.0]))
        tensor([0.0000, 0.5000, 1.0000])
    """
    return torch.clamp(x * 0.2 + 0.5, 0.0, 1.0) if type(x) is Tensor else _legacy_hard_sigmoid(x)


@op
def _legacy_hard_sigmoid(x: Any) -> Any:
    return torch.clamp(ops.convert_to_tensor(x) * 0.2 + 0.5, 0.0, 1.0)


@ACTIVATIONS.register("hard_swish")
def hard_silu(x: Any) -> Any:
    """Returns `x * hard_sigmoid(x)`, also known as hard swish.

    Example:
        >>> hard_silu(torch.tensor([0.0, 3.0]))
        tensor([0., 3.])
    """
    return F.hardswish(x) if type(x) is Tensor else ops.hard_silu(x)


hard_swish = hard_silu


@ACTIVATIONS.register()
def hard_tanh(x: Any) -> Any:
    """Returns `x` kept within -1 and 1.

    Example:
        >>> hard_tanh(torch.tensor([-3.0, 0.5]))
        tensor([-1.0000,  0.5000])
    """
    return ops.hard_tanh(x)


@ACTIVATIONS.register()
def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """Returns `x` where `|x| > threshold`, zero elsewhere.

    Example:
        >>> hard_shrink(torch.tensor([-1.0, 0.2]))
        tensor([-1.,  0.])
    """
    return ops.hard_shrink(x, threshold)


@ACTIVATIONS.register()
def mish(x: Any) -> Any:
    """Returns `x * tanh(softplus(x))`.

    Example:
        >>> mish(torch.tensor([1.0]))
        tensor([0.8651])
    """
    return F.mish(x) if type(x) is Tensor else _mish(x)


@op
def _mish(x: Any) -> Any:
    return F.mish(ops.convert_to_tensor(x))


@ACTIVATIONS.register()
def log_softmax(x: Any, axis: int | Sequence[int] = -1) -> Any:
    """Returns `log(softmax(x))`, without overflow.

    Args:
        x: A tensor.
        axis: The axis, or several that sum to one together.

    Example:
        >>> log_softmax(torch.tensor([0.0, 0.0]))
        tensor([-0.6931, -0.6931])
    """
    return ops.log_softmax(x, axis)


@ACTIVATIONS.register()
def log_sigmoid(x: Any) -> Any:
    """Returns `log(sigmoid(x))`, without overflow.

    Example:
        >>> log_sigmoid(torch.tensor([0.0]))
        tensor([-0.6931])
    """
    return ops.log_sigmoid(x)


@ACTIVATIONS.register()
def sparsemax(x: Any, axis: int = -1) -> Any:
    """Returns a softmax-like transformation with exact zeros (see `keras.ops.sparsemax`).

    Args:
        x: A tensor.
        axis: The axis of the classes.

    Example:
        >>> sparsemax(torch.tensor([1.0, 3.0]))
        tensor([0., 1.])
    """
    return ops.sparsemax(x, axis)


@ACTIVATIONS.register()
def sparse_sigmoid(x: Any) -> Any:
    """Returns 0 up to -1, `(x + 1) / 2` up to 1, 1 beyond.

    Example:
        >>> sparse_sigmoid(torch.tensor([-2.0, 0.0, 2.0]))
        tensor([0.0000, 0.5000, 1.0000])
    """
    return ops.sparse_sigmoid(x)


#: torch functions that do the same on plain tensors, with default arguments.
KERNELS: dict[Any, Callable[..., Any]] = {relu: torch.relu, tanh: torch.tanh, selu: torch.selu, exponential: torch.exp}
