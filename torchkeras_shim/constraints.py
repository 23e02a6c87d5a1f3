"""Projections of weights that an optimizer applies after each update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim.core import config
from torchkeras_shim.core.registry import Registry
from torchkeras_shim.ops.promotion import as_tensor

__all__ = [
    "CONSTRAINTS",
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]

CONSTRAINTS = Registry("constraint", "keras.constraints")
Axis = int | Sequence[int]


@CONSTRAINTS.register("constraint")
class Constraint:
    """Base class of constraints: a subclass returns the projected weight from `__call__(w)`.

    Example:
        >>> class AtMostOne(Constraint):
        ...     def __call__(self, w):
        ...         return w.clamp(max=1.0)
        >>> AtMostOne()(torch.tensor([0.5, 2.0]))
        tensor([0.5000, 1.0000])
    """

    def __call__(self, w: Any) -> Any:
        """Returns the projected weight: here the weight itself."""
        return w

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constraint:
        """Rebuilds a constraint from `get_config()`."""
        return cls(**config)


def _norms(w: torch.Tensor, axis: Axis) -> torch.Tensor:
    dims = [axis] if isinstance(axis, int) else list(axis)
    return torch.sqrt(torch.sum(torch.square(w), dim=dims, keepdim=True))


@CONSTRAINTS.register("max_norm")
class MaxNorm(Constraint):
    """Keeps the norm of the weights of each unit at or below a value.

    Args:
        max_value: The value.
        axis: The axis, or axes, that the norm is taken along: `0` for a kernel `(in, out)`, `[0, 1, 2]` for `HWIO`.

    Example:
        >>> MaxNorm(1.0)(torch.tensor([[3.0], [4.0]]))
        tensor([[0.6000],
                [0.8000]])
    """

    def __init__(self, max_value: float = 2, axis: Axis = 0) -> None:
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w: Any) -> torch.Tensor:
        """Returns the projected weight."""
        weight = as_tensor(w)
        norms = _norms(weight, self.axis)
        return weight * (norms.clamp(0, self.max_value) / (config.epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"max_value": self.max_value, "axis": self.axis}


@CONSTRAINTS.register("non_neg")
class NonNeg(Constraint):
    """Sets negative weights to zero.

    Example:
        >>> NonNeg()(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    def __call__(self, w: Any) -> torch.Tensor:
        """Returns the projected weight."""
        return torch.clamp_min(as_tensor(w), 0)


@CONSTRAINTS.register("unit_norm")
class UnitNorm(Constraint):
    """Keeps the norm of the weights of each unit at one.

    Args:
        axis: The axis, or axes, that the norm is taken along.

    Example:
        >>> UnitNorm()(torch.tensor([[3.0], [4.0]]))
        tensor([[0.6000],
                [0.8000]])
    """

    def __init__(self, axis: Axis = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> torch.Tensor:
        """Returns the projected weight."""
        weight = as_tensor(w)
        return weight / (config.epsilon() + _norms(weight, self.axis))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"axis": self.axis}


@CONSTRAINTS.register("min_max_norm")
class MinMaxNorm(Constraint):
    """Keeps, or slowly moves, the norm of the weights of each unit between two values.

    Args:
        min_value: The lower value.
        max_value: The upper value.
        rate: How much of the way is gone at each update; `1.0` is all of it.
        axis: The axis, or axes, that the norm is taken along.

    Example:
        >>> MinMaxNorm(1.0, 2.0)(torch.tensor([[0.3], [0.4]]))
        tensor([[0.6000],
                [0.8000]])
    """

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axis = 0) -> None:
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w: Any) -> torch.Tensor:
        """Returns the projected weight."""
        weight = as_tensor(w)
        norms = _norms(weight, self.axis)
        desired = self.rate * norms.clamp(self.min_value, self.max_value) + (1 - self.rate) * norms
        return weight * (desired / (config.epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            "axis": self.axis,
        }


max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm


def get(identifier: Any) -> Callable[..., Any] | None:
    """Returns the constraint that an identifier stands for.

    Args:
        identifier: `None`, a name, a config, a class, a constraint, or a function of a weight.

    Raises:
        ValueError: If nothing has that name; the message shows the nearest names.

    Example:
        >>> type(get("non_neg")).__name__
        'NonNeg'
    """
    found: Callable[..., Any] | None = CONSTRAINTS.get(identifier)
    return found


def serialize(constraint: Any) -> Any:
    """Returns the config of a constraint.

    Example:
        >>> serialize(UnitNorm())["config"]
        {'axis': 0}
    """
    return CONSTRAINTS.serialize(constraint)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Rebuilds a constraint from what `serialize` returned.

    Args:
        config: A config, or a name.
        custom_objects: Classes and functions of your own by name.

    Example:
        >>> deserialize({"class_name": "MaxNorm", "config": {"max_value": 3, "axis": 0}}).max_value
        3
    """
    return CONSTRAINTS.deserialize(config, custom_objects)
