"""Penalties on weights and activations that training adds to the loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from torchkeras_shim.core import config
from torchkeras_shim.core.registry import Registry
from torchkeras_shim.ops.promotion import as_tensor

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "REGULARIZERS",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]

REGULARIZERS = Registry("regularizer", "keras.regularizers")


@REGULARIZERS.register("regularizer")
class Regularizer:
    """Base class of regularizers: a subclass returns a scalar from `__call__(x)`.

    Example:
        >>> class Sum(Regularizer):
        ...     def __call__(self, x):
        ...         return 0.1 * x.sum()
        >>> Sum()(torch.ones(2))
        tensor(0.2000)
    """

    def __call__(self, x: Any) -> Any:
        """Returns the penalty of a tensor."""
        return 0.0

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments.

        Raises:
            NotImplementedError: If a subclass does not define it.
        """
        raise NotImplementedError(f"{self} does not implement get_config()")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        """Rebuilds a regularizer from `get_config()`."""
        return cls(**config)


@REGULARIZERS.register("l1")
class L1(Regularizer):
    """Adds `l1 * sum(|x|)`.

    Args:
        l1: The factor, not negative.

    Raises:
        ValueError: If a factor is negative or not finite.

    Example:
        >>> L1(0.1)(torch.tensor([1.0, -2.0]))
        tensor(0.3000)
    """

    def __init__(self, l1: float | None = 0.01) -> None:
        self.l1 = _factor(0.01 if l1 is None else l1, "l1")

    def __call__(self, x: Any) -> torch.Tensor:
        """Returns the penalty of a tensor."""
        return self.l1 * torch.sum(torch.abs(as_tensor(x)))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"l1": self.l1}


@REGULARIZERS.register("l2")
class L2(Regularizer):
    """Adds `l2 * sum(x^2)`.

    Args:
        l2: The factor, not negative.

    Raises:
        ValueError: If a factor is negative or not finite.

    Example:
        >>> L2(0.1)(torch.tensor([1.0, -2.0]))
        tensor(0.5000)
    """

    def __init__(self, l2: float | None = 0.01) -> None:
        self.l2 = _factor(0.01 if l2 is None else l2, "l2")

    def __call__(self, x: Any) -> torch.Tensor:
        """Returns the penalty of a tensor."""
        return self.l2 * torch.sum(torch.square(as_tensor(x)))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"l2": self.l2}


@REGULARIZERS.register("l1_l2", "l1l2")
class L1L2(Regularizer):
    """Adds `l1 * sum(|x|) + l2 * sum(x^2)`.

    Args:
        l1: The first factor, not negative.
        l2: The second factor, not negative.

    Raises:
        ValueError: If a factor is negative or not finite.

    Example:
        >>> L1L2(l1=0.1, l2=0.1)(torch.tensor([1.0, -2.0]))
        tensor(0.8000)
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = _factor(0.0 if l1 is None else l1, "l1")
        self.l2 = _factor(0.0 if l2 is None else l2, "l2")

    def __call__(self, x: Any) -> torch.Tensor:
        """Returns the penalty of a tensor."""
        x = as_tensor(x)
        penalty = torch.zeros((), dtype=x.dtype, device=x.device)
        if self.l1:
            penalty = penalty + self.l1 * torch.sum(torch.abs(x))
        if self.l2:
            penalty = penalty + self.l2 * torch.sum(torch.square(x))
        return penalty

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"l1": self.l1, "l2": self.l2}


@REGULARIZERS.register("orthogonal_regularizer")
class OrthogonalRegularizer(Regularizer):
    """Adds `factor` times the mean absolute cosine between the rows, or the columns, of a matrix.

    Args:
        factor: The factor, not negative.
        mode: `"rows"` or `"columns"`.

    Raises:
        ValueError: If a factor is negative or not finite, the mode is unknown, or an input is not a matrix.

    Example:
        >>> OrthogonalRegularizer(0.1)(torch.eye(2))
        tensor(0.)
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        if mode not in ("rows", "columns"):
            raise ValueError(
                f'Invalid value for argument `mode`. Expected one of {{"rows", "columns"}}. Received: mode={mode}'
            )
        self.factor = _factor(factor, "factor")
        self.mode = mode

    def __call__(self, inputs: Any) -> torch.Tensor:
        """Returns the penalty of a matrix."""
        inputs = as_tensor(inputs)
        if inputs.dim() != 2:
            raise ValueError(
                f"Inputs to OrthogonalRegularizer must have rank 2. Received: inputs.shape={tuple(inputs.shape)}"
            )
        vectors = inputs if self.mode == "rows" else inputs.T
        count = vectors.shape[0]
        units: torch.Tensor = F.normalize(vectors, dim=1, eps=config.epsilon())
        cosines = units @ units.T
        off_diagonal = cosines - torch.diag(torch.diagonal(cosines))
        pairs = count * (count - 1.0) / 2.0
        penalty: torch.Tensor = self.factor * 0.5 * torch.sum(torch.abs(off_diagonal)) / pairs
        return penalty

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"factor": self.factor, "mode": self.mode}


l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer


def _factor(value: Any, name: str) -> float:
    value = value.item() if isinstance(value, np.generic) else value
    if not isinstance(value, (float, int)) or not math.isfinite(value) or value < 0:
        raise ValueError(
            f"Invalid value for argument {name}: expected a non-negative float. Received: {name}={value!r}"
        )
    return float(value)


def get(identifier: Any) -> Callable[..., Any] | None:
    """Returns the regularizer that an identifier stands for.

    Args:
        identifier: `None`, a name, a config, a class, a regularizer, or a function of a tensor.

    Raises:
        ValueError: If nothing has that name; the message shows the nearest names.

    Example:
        >>> get("l2").get_config()
        {'l2': 0.01}
    """
    found: Callable[..., Any] | None = REGULARIZERS.get(identifier)
    return found


def serialize(regularizer: Any) -> Any:
    """Returns the config of a regularizer.

    Example:
        >>> serialize(L2(0.5))["config"]
        {'l2': 0.5}
    """
    return REGULARIZERS.serialize(regularizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Rebuilds a regularizer from what `serialize` returned.

    Args:
        config: A config, or a name.
        custom_objects: Classes and functions of your own by name.

    Example:
        >>> deserialize({"class_name": "L1", "config": {"l1": 0.5}}).l1
        0.5
    """
    return REGULARIZERS.deserialize(config, custom_objects)
