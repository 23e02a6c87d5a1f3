"""Optimizers as older versions made them: `lr`, `decay`, and a rate that can be set all the same."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from torchkeras_shim.backend import floatx
from torchkeras_shim.compat.legacy import once
from torchkeras_shim.core.tables import PUBLIC_NAMES
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.optimizers import Optimizer, schedules
from torchkeras_shim.optimizers.host import HostNumber
from torchkeras_shim.saving.legacy_config import DECAY


class Decay(schedules.InverseTimeDecay):
    """The `decay=` of an optimizer: its rate divided by `1 + decay * iterations`, where the rate can be set.

    Args:
        rate: The rate at step 0.
        decay: By what the denominator grows in each step.

    Example:
        >>> decay = Decay(0.5, 1.0)
        >>> _ = decay.base.assign(1.0)
        >>> decay(1)
        tensor(0.5000)
    """

    def __init__(self, rate: float, decay: float) -> None:
        self._number = HostNumber(float(rate), floatx(), "learning_rate", "learning_rate")
        super().__init__(rate, decay_steps=1, decay_rate=float(decay), name=DECAY)

    @property
    def initial_learning_rate(self) -> float:
        """The rate at step 0, as it is now."""
        return float(self._number.read())

    @initial_learning_rate.setter
    def initial_learning_rate(self, value: float) -> None:
        self._number.write(value)

    @property
    def base(self) -> Variable:
        """The variable with the rate at step 0."""
        return self._number.synced()


PUBLIC_NAMES[Decay] = ("keras.optimizers.schedules", "InverseTimeDecay")  # what files call it


def of_optimizer(old: dict[str, Any]) -> dict[str, Any]:
    """Returns the keywords of an optimizer: `lr` is its learning rate; `decay` is left to `decaying`."""
    new = {"learning_rate" if key == "lr" else key: value for key, value in old.items()}
    new.pop("schedule_decay", None)  # Nadam's own decay of its momentum is the same as today's default
    return new


def decaying(init: Callable[..., None]) -> Callable[..., None]:
    """Returns the `__init__` of an optimizer that takes `decay` and an `epsilon` of `None`.

    Args:
        init: The `__init__`, which takes a learning rate first.
    """
    default = inspect.signature(init).parameters["learning_rate"].default

    @functools.wraps(init)
    def decayed(self: Optimizer, *args: Any, **kwargs: Any) -> None:
        if "epsilon" in kwargs and kwargs["epsilon"] is None:  # the backend's, which is the default
            del kwargs["epsilon"]
        decay = kwargs.pop("decay", None)
        rate = args[0] if args else kwargs.get("learning_rate", default)
        old = rate if isinstance(rate, schedules.InverseTimeDecay) and rate.name == DECAY else None
        if decay:
            once.say("optimizer(decay=)", "learning_rate=keras.optimizers.schedules.InverseTimeDecay(rate, 1, decay)")
            if callable(rate):
                raise TypeError(
                    f"decay={decay} is for a learning rate that is a number. Received: learning_rate={rate}. Leave "
                    "`decay` out: the schedule decays the rate."
                )
            rate = Decay(rate, decay)
        elif old is not None:  # of a file
            rate = Decay(old.initial_learning_rate, old.decay_rate)
        kwargs.pop("learning_rate", None)
        init(self, rate, *args[1:], **kwargs)
        self.__dict__["_decay"] = rate if isinstance(rate, Decay) else None

    return decayed


def settable(learning_rate: property) -> property:
    """Returns the property `learning_rate` of optimizers whose rate can be set although it decays.

    Args:
        learning_rate: The property.
    """

    def get(self: Optimizer) -> Any:
        decay = self.__dict__.get("_decay")
        return learning_rate.__get__(self) if decay is None else decay.base

    def put(self: Optimizer, value: Any) -> None:
        decay = self.__dict__.get("_decay")
        if decay is not None and not callable(value):
            decay.base.assign(value)
            return
        self.__dict__["_decay"] = None
        learning_rate.__set__(self, value)

    return property(get, put, doc=learning_rate.__doc__)


def _lr(self: Optimizer) -> Any:
    once.say("optimizer.lr", "optimizer.learning_rate")
    return self.learning_rate


def _set_lr(self: Optimizer, value: Any) -> None:
    once.say("optimizer.lr", "optimizer.learning_rate")
    self.learning_rate = value


def _decay(self: Optimizer) -> float:
    decay = self.__dict__.get("_decay")
    return 0.0 if decay is None else float(decay.decay_rate)


def _weights(self: Optimizer) -> list[Variable]:
    once.say("optimizer.weights", "optimizer.variables")
    return [variable for variable in self.variables if not variable.path.endswith("/learning_rate")]


def _get_weights(self: Optimizer) -> list[np.ndarray]:
    once.say("optimizer.get_weights()", "[variable.numpy() for variable in optimizer.variables]")
    return [variable.numpy() for variable in _weights(self)]


def restoring(set_weights: Callable[..., None]) -> Callable[..., None]:
    """Returns the `set_weights` of an optimizer that takes what `get_weights` returned, too: all but the rate.

    Args:
        set_weights: The one that takes the values of all variables.
    """

    @functools.wraps(set_weights)
    def restored(self: Optimizer, weights: Any) -> None:
        if self.built and len(weights) == len(_weights(self)) != len(self.variables):
            given = iter(weights)
            own = {id(variable) for variable in _weights(self)}
            weights = [next(given) if id(one) in own else one.numpy() for one in self.variables]
        set_weights(self, weights)

    return restored


#: What optimizers had.
OPTIMIZER: dict[str, Any] = {
    "decay": property(_decay),
    "get_weights": _get_weights,
    "lr": property(_lr, _set_lr),
    "weights": property(_weights),
}
