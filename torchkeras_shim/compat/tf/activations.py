"""`tf.nn`'s activation functions: TensorFlow's, with TensorFlow's arguments.

Each is also an activation of a layer, and is saved in a config as Keras's function of the same name.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from torchkeras_shim import activations
from torchkeras_shim.activations.functions import KERNELS
from torchkeras_shim.compat.tf.api import FOR_RAGGED, NAMES, holds_ragged
from torchkeras_shim.compat.tf.math import on_flat_values
from torchkeras_shim.compat.tf.tensors import like
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.tables import PUBLIC_NAMES

Function = TypeVar("Function", bound=Callable[..., Any])


def _like(activation: Callable[..., Any], *paths: str) -> Callable[[Function], Function]:
    """Lets configs show one of the functions below as Keras's own, and layers call what that one would call."""

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if holds_ragged(args) or (kwargs and holds_ragged(kwargs.values())):
                return FOR_RAGGED.get(paths[0], functools.partial(on_flat_values, function))(*args, **kwargs)
            return function(*args, **kwargs)

        for path in paths:
            NAMES[path] = call
        PUBLIC_NAMES[call] = PUBLIC_NAMES[activation]
        KERNELS[call] = KERNELS.get(activation, activation)
        return call  # type: ignore[return-value]

    return decorate


def _tensor(x: Any) -> Any:
    return x if isinstance(x, KerasTensor) else like(x)


@_like(activations.relu, "nn.relu")
def relu(features: Any, name: str | None = None) -> Any:
    """`max(features, 0)`."""
    return activations.relu(_tensor(features))


@_like(activations.relu6, "nn.relu6")
def relu6(features: Any, name: str | None = None) -> Any:
    """`min(max(features, 0), 6)`."""
    return activations.relu6(_tensor(features))


@_like(activations.elu, "nn.elu")
def elu(features: Any, name: str | None = None) -> Any:
    """The exponential linear unit."""
    return activations.elu(_tensor(features))


@_like(activations.selu, "nn.selu")
def selu(features: Any, name: str | None = None) -> Any:
    """The scaled exponential linear unit."""
    return activations.selu(_tensor(features))


@_like(activations.leaky_relu, "nn.leaky_relu")
def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Any:
    """`features` where positive, `alpha * features` elsewhere."""
    return activations.leaky_relu(_tensor(features), negative_slope=alpha)


@_like(activations.gelu, "nn.gelu")
def gelu(features: Any, approximate: bool = False, name: str | None = None) -> Any:
    """The Gaussian error linear unit."""
    return activations.gelu(_tensor(features), approximate=approximate)


@_like(activations.silu, "nn.silu", "nn.swish")
def silu(features: Any, beta: float = 1.0, name: str | None = None) -> Any:
    """`features * sigmoid(beta * features)`."""
    if beta == 1.0:
        return activations.silu(_tensor(features))
    features = _tensor(features)
    return features * activations.sigmoid(beta * features)


@_like(activations.softmax, "nn.softmax", "math.softmax")
def softmax(logits: Any, axis: int | None = None, name: str | None = None) -> Any:
    """Exponentials that sum to one along `axis`, the last one by default."""
    return activations.softmax(_tensor(logits), axis=-1 if axis is None else axis)


@_like(activations.log_softmax, "nn.log_softmax", "math.log_softmax")
def log_softmax(logits: Any, axis: int | None = None, name: str | None = None) -> Any:
    """The logarithm of `softmax`."""
    return activations.log_softmax(_tensor(logits), axis=-1 if axis is None else axis)


@_like(activations.sigmoid, "nn.sigmoid", "math.sigmoid", "sigmoid")
def sigmoid(x: Any, name: str | None = None) -> Any:
    """`1 / (1 + exp(-x))`."""
    return activations.sigmoid(_tensor(x))


@_like(activations.tanh, "nn.tanh", "math.tanh", "tanh")
def tanh(x: Any, name: str | None = None) -> Any:
    """The hyperbolic tangent."""
    return activations.tanh(_tensor(x))


@_like(activations.softplus, "nn.softplus", "math.softplus")
def softplus(features: Any, name: str | None = None) -> Any:
    """`log(1 + exp(features))`."""
    return activations.softplus(_tensor(features))


@_like(activations.softsign, "nn.softsign", "math.softsign")
def softsign(features: Any, name: str | None = None) -> Any:
    """`features / (1 + abs(features))`."""
    return activations.softsign(_tensor(features))
