"""How weights start: initializers, and what stands for one: names, configs, arrays, functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import device as devices
from torchkeras_shim.core import dtypes
from torchkeras_shim.initializers.base import INITIALIZERS, Initializer
from torchkeras_shim.initializers.constant import STFT, Constant, Identity, Ones, Zeros
from torchkeras_shim.initializers.random import Orthogonal, RandomNormal, RandomUniform, TruncatedNormal
from torchkeras_shim.initializers.scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
    compute_fans,
)
from torchkeras_shim.ops.promotion import as_tensor

__all__ = [
    "INITIALIZERS",
    "STFT",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "STFTInitializer",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "compute_fans",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "stft",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]

constant = Constant
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
identity = IdentityInitializer = Identity
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
ones = Ones
orthogonal = OrthogonalInitializer = Orthogonal
random_normal = RandomNormal
random_uniform = RandomUniform
stft = STFTInitializer = STFT
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros

#: Factory functions of torch: `torch.zeros(shape, dtype=...)` wants torch's types and our device.
_TORCH_FACTORIES = (torch.zeros, torch.ones, torch.empty, torch.rand, torch.randn)


def get(identifier: Any) -> Callable[..., Any] | None:
    """Returns the initializer that an identifier stands for.

    Args:
        identifier: `None`, a name, a config, a class, an initializer, a function `(shape, dtype)`, a factory function
            of torch such as `torch.zeros`, or a tensor or array of initial values.

    Raises:
        ValueError: If nothing has that name; the message shows the nearest names.

    Example:
        >>> get("he_normal").get_config()["seed"] is None
        True
        >>> get(torch.ones)((2,), dtype="float32")
        tensor([1., 1.])
    """
    if isinstance(identifier, (torch.Tensor, np.ndarray, np.generic)):
        return _Given(identifier)
    if inspect.isbuiltin(identifier) and identifier in _TORCH_FACTORIES:
        return _TorchFactory(identifier)
    found: Callable[..., Any] | None = INITIALIZERS.get(identifier)
    return found


class _Given:
    """Initial values given as a tensor or array."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        if tuple(shape) != tuple(self.values.shape):
            raise ValueError(
                f"Expected `shape` to be {tuple(self.values.shape)} for direct tensor as initializer. "
                f"Received shape={tuple(shape)}"
            )
        target = dtypes.to_torch_dtype(dtypes.standardize_dtype(dtype))
        return as_tensor(self.values, target).detach().to(devices.default_device()).clone()


class _TorchFactory:
    """One of torch's factory functions, called with Keras's arguments."""

    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        self.function = function

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        target = dtypes.to_torch_dtype(dtypes.standardize_dtype(dtype))
        return self.function(tuple(shape), dtype=target, device=devices.default_device())


def serialize(initializer: Any) -> Any:
    """Returns the config of an initializer.

    Raises:
        ValueError: If something has no config, such as initial values given as a tensor.

    Example:
        >>> serialize(Zeros())["class_name"]
        'Zeros'
    """
    if isinstance(initializer, _TorchFactory):
        replacement = {torch.zeros: Zeros, torch.ones: Ones}.get(initializer.function)
        if replacement is None:
            raise ValueError(
                f"torch.{initializer.function.__name__} as an initializer cannot be saved. Use "
                "`keras.initializers.RandomUniform(0, 1)` for torch.rand, `RandomNormal(0, 1)` for torch.randn."
            )
        initializer = replacement()
    if isinstance(initializer, _Given):
        raise ValueError(
            "An initializer given as a tensor of values cannot be saved in a config. The trained weights are saved "
            "with the model: give another initializer, such as 'zeros', to a model that is to be saved."
        )
    return INITIALIZERS.serialize(initializer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Rebuilds an initializer from what `serialize` returned.

    Args:
        config: A config, or a name.
        custom_objects: Classes and functions of your own by name.

    Example:
        >>> deserialize({"class_name": "Constant", "config": {"value": 2.0}})((1,))
        tensor([2.])
    """
    return INITIALIZERS.deserialize(config, custom_objects)
