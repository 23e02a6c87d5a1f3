"""What every learning-rate schedule is, and the table of their names."""

from __future__ import annotations

import math
from typing import Any

import torch

from torchkeras_shim.core import dtypes
from torchkeras_shim.core.config import floatx
from torchkeras_shim.core.registry import Registry

SCHEDULES = Registry("learning rate schedule", "keras.optimizers.schedules")


@SCHEDULES.register()
class LearningRateSchedule:
    """A learning rate that depends on the step: subclass it and write `__call__(self, step)`.

    An optimizer calls it with the number of steps done so far, as a 0-d integer tensor on the CPU, and takes the result
    as a number.

    Example:
        >>> class Halving(LearningRateSchedule):
        ...     def __call__(self, step):
        ...         return 0.1 / 2.0**step
        ...     def get_config(self):
        ...         return {}
        >>> Halving()(1)
        0.05
    """

    def __call__(self, step: Any) -> Any:
        """Returns the learning rate of a step.

        Args:
            step: How many steps were done before.

        Raises:
            NotImplementedError: If a subclass does not define it.
        """
        raise NotImplementedError(
            f"Learning rate schedule '{self.__class__.__name__}' must override `__call__(self, step)`."
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments.

        Raises:
            NotImplementedError: If a subclass does not define it.
        """
        raise NotImplementedError(
            f"Learning rate schedule '{self.__class__.__name__}' must override `get_config()` in order to be "
            "serializable."
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        """Rebuilds a schedule from `get_config()`."""
        return cls(**config)


class HostMath:
    """The few functions that formulas need, on Python numbers."""

    floor = staticmethod(math.floor)
    ceil = staticmethod(math.ceil)
    cos = staticmethod(math.cos)
    log = staticmethod(math.log)
    minimum = staticmethod(min)

    @staticmethod
    def where(condition: bool, yes: float, no: float) -> float:
        return yes if condition else no


class TensorMath:
    """The same functions on tensors, wherever they live."""

    floor = staticmethod(torch.floor)
    ceil = staticmethod(torch.ceil)
    cos = staticmethod(torch.cos)
    log = staticmethod(torch.log)

    @staticmethod
    def minimum(value: torch.Tensor, limit: float) -> torch.Tensor:
        return value.clamp(max=limit)

    @staticmethod
    def where(condition: torch.Tensor, yes: Any, no: Any) -> torch.Tensor:
        return torch.where(condition, yes, no)


class FormulaSchedule(LearningRateSchedule):
    """A schedule given by one formula, evaluated on the host for a number and on the device for a tensor.

    Subclasses write `_rate(step, xp)`, where `xp` is `HostMath` or `TensorMath`.
    """

    name: str

    def __call__(self, step: Any) -> torch.Tensor:
        """Returns the learning rate of a step as a 0-d tensor.

        Args:
            step: How many steps were done before: a number or a tensor on any device.
        """
        dtype = dtypes.to_torch_dtype(floatx())
        if not isinstance(step, torch.Tensor):
            return torch.tensor(self.rate_at(step), dtype=dtype)
        # Double precision: the step itself may be larger than what float32 counts exactly. MPS has no doubles.
        work = torch.float32 if step.device.type == "mps" else torch.float64
        rate: torch.Tensor = torch.as_tensor(self._rate(step.detach().to(work), TensorMath), device=step.device)
        return rate.to(dtype)

    def rate_at(self, step: float) -> float:
        """Returns the learning rate of a step as a Python number, without any tensor."""
        return float(self._rate(float(step), HostMath))

    def _rate(self, step: Any, xp: Any) -> Any:
        raise NotImplementedError

    def _require_positive(self, argument: str, value: float) -> None:
        if value <= 0:
            raise ValueError(f"Argument `{argument}` must be > 0. Received: {argument}={value}")


def serialize(learning_rate_schedule: LearningRateSchedule) -> Any:
    """Returns the config of a schedule.

    Args:
        learning_rate_schedule: The schedule.

    Example:
        >>> from torchkeras_shim.optimizers.schedules import ExponentialDecay
        >>> serialize(ExponentialDecay(0.1, 10, 0.5))["class_name"]
        'ExponentialDecay'
    """
    return SCHEDULES.serialize(learning_rate_schedule)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Rebuilds a schedule from what `serialize` returned.

    Args:
        config: The config dict.
        custom_objects: The user's own schedules by name.

    Example:
        >>> from torchkeras_shim.optimizers import schedules
        >>> config = schedules.serialize(schedules.ExponentialDecay(0.1, 100, 0.9))
        >>> type(schedules.deserialize(config)).__name__
        'ExponentialDecay'
    """
    return SCHEDULES.deserialize(config, custom_objects)
