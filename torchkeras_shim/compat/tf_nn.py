"""`tf.nn` of the zero-change mode: TensorFlow's activation functions, with TensorFlow's arguments.

Each is also an activation of a layer, and is saved in a config as Keras's function of the same name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torchkeras_shim import activations, ops
from torchkeras_shim.activations.functions import KERNELS
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.tables import PUBLIC_NAMES

Function = TypeVar("Function", bound=Callable[..., Any])

__all__ = [
    "elu",
    "gelu",
    "leaky_relu",
    "log_softmax",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
]


def _like(activation: Callable[..., Any]) -> Callable[[Function], Function]:
    """Lets configs show one of the functions below as Keras's own, and layers call what that one would call."""

    def decorate(function: Function) -> Function:
        PUBLIC_NAMES[function] = PUBLIC_NAMES[activation]
        KERNELS[function] = KERNELS.get(activation, activation)
        return function

    return decorate


def _tensor(x: Any) -> Any:
    return x if isinstance(x, KerasTensor) else ops.convert_to_tensor(x)


@_like(activations.relu)
def relu(features: Any, name: str | None = None) -> Any:
    """`max(features, 0)`."""
    return activations.relu(_tensor(features))


@_like(activations.relu6)
def relu6(features: Any, name: str | None = None) -> Any:
    """`min(max(features, 0), 6)`."""
    return activations.relu6(_tensor(features))


@_like(activations.elu)
def elu(features: Any, name: str | None = None) -> Any:
    """The exponential linear unit."""
    return activations.elu(_tensor(features))


@_like(activations.selu)
def selu(features: Any, name: str | None = None) -> Any:
    """The scaled exponential linear unit."""
    return activations.selu(_tensor(features))


@_like(activations.leaky_relu)
def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Any:
    """`features` where positive, `alpha * features` elsewhere."""
    return activations.leaky_relu(_tensor(features), negative_slope=alpha)


@_like(activations.gelu)
def gelu(features: Any, approximate: bool = False, name: str | None = None) -> Any:
    """The Gaussian error linear unit."""
    return activations.gelu(_tensor(features), approximate=approximate)


@_like(activations.silu)
def silu(features: Any, beta: float = 1.0) -> Any:
    """`features * sigmoid(beta * features)`."""
    if beta == 1.0:
        return activations.silu(_tensor(features))
    features = _tensor(features)
    return features * activations.sigmoid(beta * features)


swish = silu


@_like(activations.softmax)
def softmax(logits: Any, axis: int | None = None, name: str | None = None) -> Any:
    """Exponentials that sum to one along `axis`, the last one by default."""
    return activations.softmax(_tensor(logits), axis=-1 if axis is None else axis)


@_like(activations.log_softmax)
def log_softmax(logits: Any, axis: int | None = None, name: str | None = None) -> Any:
    """The logarithm of `softmax`."""
    return activations.log_softmax(_tensor(logits), axis=-1 if axis is None else axis)


@_like(activations.sigmoid)
def sigmoid(x: Any, name: str | None = None) -> Any:
    """`1 / (1 + exp(-x))`."""
    return activations.sigmoid(_tensor(x))


@_like(activations.tanh)
def tanh(x: Any, name: str | None = None) -> Any:
    """The hyperbolic tangent."""
    return activations.tanh(_tensor(x))


@_like(activations.softplus)
def softplus(features: Any, name: str | None = None) -> Any:
    """`log(1 + exp(features))`."""
    return activations.softplus(_tensor(features))


@_like(activations.softsign)
def softsign(features: Any, name: str | None = None) -> Any:
    """`features / (1 + abs(features))`."""
    return activations.softsign(_tensor(features))
