"""Results under the names that older versions gave them."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

from torchkeras_shim.callbacks import CallbackList, History
from torchkeras_shim.compat.legacy import once

#: What results are called today, by the name that they had.
TODAY = {"acc": "accuracy", "val_acc": "val_accuracy", "lr": "learning_rate"}
#: The other name of a result.
OTHER = {**TODAY, **{new: old for old, new in TODAY.items()}}


class Results(dict):  # type: ignore[type-arg]
    """Results by name, found under their other name, too.

    Example:
        >>> results = Results(val_accuracy=[0.5])
        >>> results.get("val_loss"), list(results)
        (None, ['val_accuracy'])
        >>> "val_acc" in results
        True
    """

    def __missing__(self, key: Any) -> Any:
        other = OTHER.get(key)
        if other is None or not dict.__contains__(self, other):
            raise KeyError(key)
        once.say(f'history["{key}"]', f'history["{other}"]')
        return dict.__getitem__(self, other)

    def __contains__(self, key: object) -> bool:
        return dict.__contains__(self, key) or dict.__contains__(self, OTHER.get(str(key), key))

    def get(self, key: Any, default: Any = None) -> Any:
        """Returns a result, or the default."""
        try:
            return self[key]
        except KeyError:
            return default

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


def recording(init: Callable[..., None]) -> Callable[..., None]:
    """Returns the `__init__` of a `History` whose results have both names."""

    def recorded(self: History) -> None:
        init(self)
        self.history = Results(self.history)

    return recorded


def telling(on_epoch_end: Callable[..., None]) -> Callable[..., None]:
    """Returns the `on_epoch_end` of a `CallbackList` whose logs have both names."""

    def told(self: CallbackList, epoch: int, logs: Any = None) -> None:
        on_epoch_end(self, epoch, Results(logs) if type(logs) is dict else logs)

    return told


def directed(find_direction: Callable[..., Any]) -> Callable[..., Any]:
    """Returns what finds out whether a monitored quantity should grow, by its name if no metric says so.

    Args:
        find_direction: The one that raises a ValueError then.
    """

    @functools.wraps(find_direction)
    def found(self: Any) -> Callable[[Any, Any], Any]:
        try:
            direction: Callable[[Any, Any], Any] = find_direction(self)
        except ValueError:
            grows = self.monitor.endswith(("acc", "accuracy", "auc"))
            mode = "max" if grows else "min"
            once.say(f'{type(self).__name__}(monitor="{self.monitor}")', f'mode="{mode}"` beside it')
            return operator.gt if grows else operator.lt
        return direction

    return found
