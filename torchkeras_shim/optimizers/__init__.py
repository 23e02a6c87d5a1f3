"""Optimizers with Keras's exact update rules, and torch's behind the same interface."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import torch

from torchkeras_shim.optimizers import legacy, schedules
from torchkeras_shim.optimizers.adadelta import Adadelta
from torchkeras_shim.optimizers.adafactor import Adafactor
from torchkeras_shim.optimizers.adagrad import Adagrad
from torchkeras_shim.optimizers.adam import Adam, AdamW
from torchkeras_shim.optimizers.adamax import Adamax
from torchkeras_shim.optimizers.base import Optimizer
from torchkeras_shim.optimizers.ftrl import Ftrl
from torchkeras_shim.optimizers.lamb import Lamb
from torchkeras_shim.optimizers.lion import Lion
from torchkeras_shim.optimizers.loss_scale_optimizer import LossScaleOptimizer
from torchkeras_shim.optimizers.multi_optimizer import MultiOptimizer, OptimizerMap
from torchkeras_shim.optimizers.muon import Muon
from torchkeras_shim.optimizers.nadam import Nadam
from torchkeras_shim.optimizers.rmsprop import RMSprop
from torchkeras_shim.optimizers.schedule_free_adamw import ScheduleFreeAdamW
from torchkeras_shim.optimizers.sgd import SGD
from torchkeras_shim.optimizers.table import OPTIMIZERS
from torchkeras_shim.optimizers.torch_wrapper import TorchOptimizer

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "OptimizerMap",
    "RMSprop",
    "ScheduleFreeAdamW",
    "TorchOptimizer",
    "as_optimizer",
    "deserialize",
    "get",
    "legacy",
    "schedules",
    "serialize",
]


def serialize(optimizer: Optimizer) -> Any:
    """Returns the config of an optimizer.

    Args:
        optimizer: The optimizer.

    Example:
        >>> serialize(SGD())["class_name"]
        'SGD'
    """
    return OPTIMIZERS.serialize(optimizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Rebuilds an optimizer, without its state, from what `serialize` returned.

    Args:
        config: The config dict; its class name may be in any letter case.
        custom_objects: The user's own classes by name.

    Example:
        >>> deserialize({"class_name": "SGD", "config": {"learning_rate": 0.5}}).name
        'sgd'
    """
    return OPTIMIZERS.deserialize(config, custom_objects)


def get(identifier: Any) -> Any:
    """Returns an optimizer for a name in any letter case, a config, a class or an instance.

    Args:
        identifier: One of these, or `None`, which gives `None`.

    Raises:
        ValueError: If it is anything else; for an unknown name the message shows the nearest ones.

    Example:
        >>> get("RMSprop").name
        'rm_sprop'
    """
    if isinstance(identifier, torch.optim.Optimizer):
        return TorchOptimizer(identifier)
    known = identifier is None or isinstance(identifier, (str, dict)) or _is_subclass(identifier, Optimizer)
    result = OPTIMIZERS.get(identifier) if known else identifier
    if result is None or isinstance(result, Optimizer):
        return result
    raise ValueError(
        f"Could not interpret optimizer identifier: {identifier}. Expected a name such as 'adam', a config, an "
        "instance or a class of `keras.optimizers`, or an instance of a torch optimizer."
    )


def as_optimizer(identifier: Any, parameters: Iterable[torch.Tensor]) -> Any:
    """Returns an optimizer for anything that `compile(optimizer=...)` takes.

    Args:
        identifier: What `get` takes, or an instance of a torch optimizer, its class, or a function that makes one of
            the parameters, such as `functools.partial(torch.optim.SGD, lr=0.1)`.
        parameters: The model's parameters, used by the class or function only.

    Raises:
        ValueError: If it is anything else.

    Example:
        >>> w = torch.nn.Parameter(torch.ones(2))
        >>> as_optimizer(torch.optim.Adam, [w])
        <TorchOptimizer Adam>
    """
    makes_one = _is_subclass(identifier, torch.optim.Optimizer) or (
        callable(identifier) and not inspect.isclass(identifier) and not isinstance(identifier, Optimizer)
    )
    if not makes_one or isinstance(identifier, torch.optim.Optimizer):
        return get(identifier)
    made = identifier(list(parameters))
    return get(made)


def _is_subclass(candidate: Any, base: type) -> bool:
    return inspect.isclass(candidate) and issubclass(candidate, base)
