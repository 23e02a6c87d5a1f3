"""Callbacks made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchkeras_shim.callbacks.callback import HOOKS, Callback
from torchkeras_shim.core.errors import did_you_mean


class LambdaCallback(Callback):
    """A callback made of functions given on the spot.

    Args:
        on_epoch_begin: Called as `(epoch, logs)` at the start of every epoch.
        on_epoch_end: Called as `(epoch, logs)` at the end of every epoch.
        on_train_begin: Called as `(logs)` when training begins.
        on_train_end: Called as `(logs)` when training ends.
        on_train_batch_begin: Called as `(batch, logs=logs)` before every training batch.
        on_train_batch_end: Called as `(batch, logs=logs)` after every training batch.
        **kwargs: Any other method of `Callback` by its name; other names become attributes.

    Raises:
        TypeError: If a keyword begins with `on_` and is not a method of `Callback`.

    Example:
        >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))
        >>> callback.on_epoch_end(0, {"loss": 1.0})
        0 {'loss': 1.0}
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        for name in kwargs:
            if name.startswith("on_") and name not in HOOKS:
                raise TypeError(
                    f"LambdaCallback got an unexpected keyword argument '{name}'.{did_you_mean(name, HOOKS)} "
                    f"It accepts: {', '.join(HOOKS)}."
                )
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        self.__dict__.update(kwargs)
        self.__dict__.update((name, function) for name, function in given.items() if function is not None)
