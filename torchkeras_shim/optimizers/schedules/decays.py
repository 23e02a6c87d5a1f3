"""Schedules that decay by a power, a fraction, a polynomial or in pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core import dtypes
from torchkeras_shim.core.config import floatx
from torchkeras_shim.optimizers.schedules.base import SCHEDULES, FormulaSchedule


@SCHEDULES.register()
class ExponentialDecay(FormulaSchedule):
    """Multiplies the rate by `decay_rate` once per `decay_steps`: `initial * decay_rate ** (step / decay_steps)`.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: After how many steps the rate has fallen by `decay_rate`.
        decay_rate: The factor.
        staircase: Whether the rate falls in jumps, at every multiple of `decay_steps`.
        name: A name.

    Raises:
        ValueError: If `decay_steps` is not positive.

    Example:
        >>> ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)(10)
        tensor(0.0500)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        self._require_positive("decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def _rate(self, step: Any, xp: Any) -> Any:
        periods = step / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (xp.floor(periods) if self.staircase else periods)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


@SCHEDULES.register()
class InverseTimeDecay(FormulaSchedule):
    """Divides the rate by a denominator that grows linearly: `initial / (1 + decay_rate * step / decay_steps)`.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: After how many steps the denominator has grown by `decay_rate`.
        decay_rate: The growth.
        staircase: Whether the rate falls in jumps, at every multiple of `decay_steps`.
        name: A name.

    Raises:
        ValueError: If `decay_steps` is not positive.

    Example:
        >>> InverseTimeDecay(0.1, decay_steps=10, decay_rate=1.0)(10)
        tensor(0.0500)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        self._require_positive("decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def _rate(self, step: Any, xp: Any) -> Any:
        periods = step / self.decay_steps
        return self.initial_learning_rate / (1.0 + self.decay_rate * (xp.floor(periods) if self.staircase else periods))

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


@SCHEDULES.register()
class PolynomialDecay(FormulaSchedule):
    """Goes from one rate to another along a polynomial, straight with `power=1`.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: The step at which the end is reached.
        end_learning_rate: The rate at the end.
        power: The exponent.
        cycle: Whether the decay starts over, each time over a longer stretch, instead of staying at the end.
        name: A name.

    Raises:
        ValueError: If `decay_steps` is not positive.

    Example:
        >>> PolynomialDecay(0.1, decay_steps=10, end_learning_rate=0.0)(5)
        tensor(0.0500)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self._require_positive("decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def _rate(self, step: Any, xp: Any) -> Any:
        if self.cycle:
            length = self.decay_steps * xp.where(step == 0, 1.0, xp.ceil(step / self.decay_steps))
        else:
            length = self.decay_steps
            step = xp.minimum(step, length)
        remaining = 1.0 - step / length
        return (self.initial_learning_rate - self.end_learning_rate) * remaining**self.power + self.end_learning_rate

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "end_learning_rate": self.end_learning_rate,
            "power": self.power,
            "cycle": self.cycle,
            "name": self.name,
        }


@SCHEDULES.register()
class PiecewiseConstantDecay(FormulaSchedule):
    """Uses one rate up to and including each boundary, and the next one after it.

    Args:
        boundaries: The last step of each piece but the last one, ascending.
        values: The rates, one more than boundaries.
        name: A name.

    Raises:
        ValueError: If the lengths do not fit.

    Example:
        >>> schedule = PiecewiseConstantDecay([2], [0.1, 0.01])
        >>> schedule(2), schedule(3)
        (tensor(0.1000), tensor(0.0100))
    """

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant") -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "The length of boundaries should be 1 less than the length of values. "
                f"Received: boundaries={boundaries} of length {len(boundaries)}, "
                f"and values={values} of length {len(values)}."
            )
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def __call__(self, step: Any) -> torch.Tensor:
        if not isinstance(step, torch.Tensor):
            return super().__call__(step)
        rate = torch.full(step.shape, float(self.values[0]), device=step.device)
        for boundary, value in zip(self.boundaries, self.values[1:], strict=True):
            # A whole-number step is compared with the boundary's whole part, as in Keras.
            limit = boundary if step.is_floating_point() else int(boundary)
            rate = torch.where(step > limit, float(value), rate)
        return rate.to(dtypes.to_torch_dtype(floatx()))

    def rate_at(self, step: float) -> float:
        limits = [int(boundary) for boundary in self.boundaries] if isinstance(step, int) else self.boundaries
        passed = sum(step > limit for limit in limits)
        return float(self.values[passed])

    def get_config(self) -> dict[str, Any]:
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}
