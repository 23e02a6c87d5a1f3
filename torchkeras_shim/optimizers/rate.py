"""The learning rate: a variable, a schedule or a callable, always a plain number to the step."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.core import serialization
from torchkeras_shim.optimizers.host import HostNumber
from torchkeras_shim.optimizers.schedules.base import FormulaSchedule, LearningRateSchedule


class LearningRate:
    """Where an optimizer's learning rate comes from.

    Args:
        value: A float, a 0-d tensor, a `LearningRateSchedule` or a callable.
        dtype: The type of the variable, if there is one.
        path: The path of the variable.

    Raises:
        ValueError: If it is anything else.
    """

    __slots__ = ("_on_host", "_takes_step", "number", "source")

    def __init__(self, value: Any, dtype: str, path: str) -> None:
        self.number: HostNumber | None = None
        self.source: Callable[..., Any] | None = None
        if callable(value):
            self._use(value)
            return
        if not isinstance(value, float) and not (isinstance(value, torch.Tensor) and value.dim() == 0):
            raise ValueError(
                "Argument `learning_rate` should be float, or an instance of LearningRateSchedule, or a callable (that "
                "takes in the current iteration value and returns the corresponding learning rate value). "
                f"Received instead: learning_rate={value}"
            )
        self.number = HostNumber(float(value), dtype, "learning_rate", path)

    def _use(self, source: Callable[..., Any]) -> None:
        self.number = None
        self.source = source
        self._on_host = isinstance(source, FormulaSchedule) and (
            type(source).__call__ is FormulaSchedule.__call__ or type(source).__module__ == FormulaSchedule.__module__
        )
        self._takes_step = isinstance(source, LearningRateSchedule) or _needs_argument(source)

    def set(self, value: Any) -> None:
        """Replaces the rate.

        Raises:
            TypeError: If it is a number, and the rate comes from a schedule.
        """
        if callable(value):
            self._use(value)
        elif self.number is not None:
            self.number.variable.assign(value)
        else:
            kind = "LearningRateSchedule" if isinstance(self.source, LearningRateSchedule) else "callable"
            raise TypeError(
                f"This optimizer was created with a `{kind}` object as its `learning_rate` constructor argument, hence "
                "its learning rate is not settable. If you need the learning rate to be settable, you should "
                f"instantiate the optimizer with a float `learning_rate` argument. Received: learning_rate={value}"
            )

    def value_at(self, step: int) -> float:
        """Returns the rate of a step as a Python number."""
        if self.number is not None:
            return float(self.number.read())
        assert self.source is not None
        if self._on_host:
            return self.source.rate_at(step)  # type: ignore[attr-defined, no-any-return]
        return float(self.source(torch.tensor(step)) if self._takes_step else self.source())

    def current(self, steps: HostNumber) -> Any:
        """Returns the rate as the user sees it: the variable, or what the schedule or callable gives."""
        if self.number is not None:
            return self.number.synced()
        assert self.source is not None
        return self.source(steps.synced().detach().clone()) if self._takes_step else self.source()

    def get_config(self) -> Any:
        """Returns the rate for an optimizer's config."""
        return self.number.read() if self.number is not None else serialization.serialize_keras_object(self.source)


def _needs_argument(function: Callable[..., Any]) -> bool:
    """Returns whether a callable wants the step: Keras calls it without, its own message promises it one."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(
        parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        for parameter in parameters
    )
