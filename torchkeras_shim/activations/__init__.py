"""Activation functions by Keras's names, and what stands for one: names, configs, torch functions and modules."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from torch import nn

from torchkeras_shim.activations.counterparts import REPLACED, counterpart, is_torchs, module_counterpart
from torchkeras_shim.activations.functions import (
    ACTIVATIONS,
    KERNELS,
    celu,
    elu,
    exponential,
    gelu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    leaky_relu,
    legacy_hard_sigmoid,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    swish,
    tanh,
    tanh_shrink,
    threshold,
)
from torchkeras_shim.core import serialization
from torchkeras_shim.core.tables import PUBLIC_NAMES

__all__ = [
    "ACTIVATIONS",
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "kernel_of",
    "leaky_relu",
    "legacy_hard_sigmoid",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
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
    "tanh",
    "tanh_shrink",
    "threshold",
]


def get(identifier: Any) -> Callable[..., Any]:
    """Returns the activation function that an identifier stands for.

    Args:
        identifier: `None` (no activation), a name, a config, any callable, a torch function, a torch module
            or its class.

    Raises:
        ValueError: If nothing has that name; the message shows the nearest names.

    Example:
        >>> import torch
        >>> get("relu") is relu, get(None) is linear, get(torch.relu) is torch.relu
        (True, True, True)
    """
    if identifier is None:
        return linear
    ours = counterpart(identifier)
    if ours in REPLACED:
        return ours
    found: Callable[..., Any] = ACTIVATIONS.get(identifier)
    if not callable(found):
        raise ValueError(f"Could not interpret activation function identifier: {identifier!r}: it is not callable.")
    return found


def serialize(activation: Any) -> Any:
    """Returns the name of a built-in activation function, or the config of another callable.

    torch functions and modules are written as the built-in function that computes the same.

    Raises:
        ValueError: If there is none, or it is a lambda.

    Example:
        >>> import torch
        >>> serialize(relu), serialize(torch.tanh), serialize(nn.ReLU())
        ('relu', 'tanh', 'relu')
    """
    if activation is legacy_hard_sigmoid:
        # Not a function of Keras 3, which takes those of `custom_objects` for whole configs only, not for bare names.
        return serialization.serialize_keras_object(activation)
    ours = counterpart(activation)
    if isinstance(activation, nn.Module) and type(activation).__module__.startswith("torch."):
        ours = module_counterpart(activation)
    if ours is not None:
        return ACTIVATIONS.serialize(ours)
    if is_torchs(activation):
        name = getattr(activation, "__name__", repr(activation))
        raise ValueError(
            f"The torch activation {name} has no counterpart of the same settings in `keras.activations`, so it "
            "cannot be saved by name. Wrap it: write `def my_activation(x): return ...`, decorate it with "
            "`@keras.saving.register_keras_serializable()`, and pass that function."
        )
    return ACTIVATIONS.serialize(activation)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Callable[..., Any]:
    """Returns the activation function that `serialize` described.

    Args:
        config: A name or a config.
        custom_objects: Functions of your own by name.

    Example:
        >>> deserialize("relu") is relu
        True
    """
    found: Callable[..., Any] = ACTIVATIONS.deserialize(config, custom_objects)
    return found


def keeps_shape(activation: Callable[..., Any] | None) -> bool:
    """Returns whether an activation is known to return tensors of its input's shape and type.

    Example:
        >>> keeps_shape(relu), keeps_shape(glu), keeps_shape(lambda x: x)
        (True, False, False)
    """
    return activation is None or (activation in PUBLIC_NAMES and activation not in (glu, threshold))


def kernel_of(activation: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the torch function that does the same on plain tensors, else the activation itself.

    Layers call it instead in their hot path: it saves a Python frame per call.

    Example:
        >>> import torch
        >>> kernel_of(relu) is torch.relu
        True
    """
    return KERNELS.get(activation, activation) if inspect.isfunction(activation) else activation
