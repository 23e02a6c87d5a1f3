"""`tf.train.ExponentialMovingAverage`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torchkeras_shim.compat.tf.api import public
from torchkeras_shim.compat.tf.variable import _Variable


@public("train.ExponentialMovingAverage")
class ExponentialMovingAverage:
    """Averages of variables in which what is older counts less.

    Args:
        decay: What the average keeps of itself in an update.
        num_updates: The number of updates so far: while it is small, the average keeps less of itself.
        zero_debias: Nothing of variables, whose averages begin at their value: in TensorFlow, too.
        name: How the names of averages end.

    Example:
        >>> v, average = _Variable(1.0), ExponentialMovingAverage(decay=0.75)
        >>> average.apply([v])
        >>> _ = v.assign(5.0)
        >>> average.apply([v])
        >>> float(average.average(v))
        2.0
    """

    def __init__(
        self, decay: Any, num_updates: Any = None, zero_debias: bool = False, name: str = "ExponentialMovingAverage"
    ) -> None:
        self._decay, self._num_updates, self.name = decay, num_updates, name
        self._averages: dict[int, tuple[Any, _Variable]] = {}  # a variable and its average, by the number of the former

    def apply(self, var_list: Sequence[Any] | None = None) -> None:
        """Updates the averages of variables; the first call makes them.

        Raises:
            ValueError: If no variables are given: there is no list of all of them.
            TypeError: If a variable is not of floats.
        """
        if var_list is None:
            raise ValueError("`var_list` must be given: write average.apply(model.trainable_variables).")
        decay = float(self._decay)
        if self._num_updates is not None:
            updates = float(self._num_updates)
            decay = min(decay, (1.0 + updates) / (10.0 + updates))
        for one in var_list:
            if not one.is_floating_point():
                raise TypeError(f"The variables must be half, float, or double: {one!r}")
            if id(one) not in self._averages:
                average = _Variable(one.detach(), trainable=False, name=self.average_name(one))
                self._averages[id(one)] = one, average
            average = self._averages[id(one)][1]
            average.assign_add((1 - decay) * (one.detach() - average))

    def average(self, var: Any) -> Any:
        """Returns the variable that holds the average of another one, `None` if there is none."""
        found = self._averages.get(id(var))
        return None if found is None else found[1]

    def average_name(self, var: Any) -> str:
        """Returns the name of the variable that holds the average of another one."""
        return f"{var.name.removesuffix(':0')}/{self.name}"
