"""Schedules along a cosine: one descent with an optional warm-up, or descents with restarts."""

from __future__ import annotations

import math
from typing import Any

from torchkeras_shim.optimizers.schedules.base import SCHEDULES, FormulaSchedule

# How far below a whole number the logarithm of a restart may come out by rounding, and still be that number.
_RESTART_SLACK = 1e-9


@SCHEDULES.register()
class CosineDecay(FormulaSchedule):
    """Descends along half a cosine wave, after an optional linear warm-up.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: How many steps the descent takes.
        alpha: The rate at the end, as a fraction of the rate at the top.
        name: A name.
        warmup_target: The rate at the top of the warm-up; `None` for no warm-up.
        warmup_steps: How many steps the warm-up takes.

    Raises:
        ValueError: If `decay_steps` is not positive.

    Example:
        >>> schedule = CosineDecay(0.0, decay_steps=10, warmup_target=0.1, warmup_steps=2)
        >>> schedule(1), schedule(2), schedule(12)
        (tensor(0.0500), tensor(0.1000), tensor(0.))
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        self._require_positive("decay_steps", decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.alpha = alpha
        self.name = name
        self.warmup_steps = warmup_steps
        self.warmup_target = warmup_target

    def _rate(self, step: Any, xp: Any) -> Any:
        if self.warmup_target is None:
            return self._descent(xp.minimum(step, self.decay_steps), self.initial_learning_rate, xp)
        step = xp.minimum(step, self.decay_steps + self.warmup_steps)
        descent = self._descent(step - self.warmup_steps, self.warmup_target, xp)
        if not self.warmup_steps:
            return descent
        gain = self.warmup_target - self.initial_learning_rate
        return xp.where(
            step < self.warmup_steps, gain * (step / self.warmup_steps) + self.initial_learning_rate, descent
        )

    def _descent(self, step: Any, top: float, xp: Any) -> Any:
        wave = 0.5 * (1.0 + xp.cos(math.pi * (step / self.decay_steps)))
        return top * ((1.0 - self.alpha) * wave + self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "alpha": self.alpha,
            "name": self.name,
            "warmup_target": self.warmup_target,
            "warmup_steps": self.warmup_steps,
        }


@SCHEDULES.register()
class CosineDecayRestarts(FormulaSchedule):
    """Descends along half a cosine wave again and again, each time over a longer stretch and from a lower top.

    Args:
        initial_learning_rate: The rate at step 0.
        first_decay_steps: How many steps the first descent takes.
        t_mul: By how much each descent is longer than the one before.
        m_mul: By how much each top is scaled against the one before.
        alpha: The rate at the end of a descent, as a fraction of `initial_learning_rate`.
        name: A name.

    Raises:
        ValueError: If `first_decay_steps` is not positive.

    Example:
        >>> schedule = CosineDecayRestarts(0.1, first_decay_steps=10)
        >>> schedule(5), schedule(10)
        (tensor(0.0500), tensor(0.1000))
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self._require_positive("first_decay_steps", first_decay_steps)
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = first_decay_steps
        self._t_mul = t_mul
        self._m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def _rate(self, step: Any, xp: Any) -> Any:
        completed = step / self.first_decay_steps
        growth = float(self._t_mul)
        if growth == 1.0:
            restart = xp.floor(completed)
            completed = completed - restart
        else:
            restart = xp.floor(xp.log(1.0 - completed * (1.0 - growth)) / math.log(growth) + _RESTART_SLACK)
            length = growth**restart
            completed = (completed - (1.0 - length) / (1.0 - growth)) / length
        wave = 0.5 * float(self._m_mul) ** restart * (1.0 + xp.cos(math.pi * completed))
        return self.initial_learning_rate * ((1.0 - self.alpha) * wave + self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "t_mul": self._t_mul,
            "m_mul": self._m_mul,
            "alpha": self.alpha,
            "name": self.name,
        }
