"""Several callbacks as one, called in the order and with the arguments that Keras uses."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch.optim.lr_scheduler import LRScheduler

from torchkeras_shim.callbacks.callback import Callback, Logs
from torchkeras_shim.callbacks.history import History
from torchkeras_shim.callbacks.progress import ProgbarLogger
from torchkeras_shim.core import tree

_logger = logging.getLogger("torchkeras_shim")
_BATCH_HOOKS = (
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_batch_begin",
    "on_test_batch_end",
    "on_predict_batch_begin",
    "on_predict_batch_end",
)


class CallbackList(Callback):
    """Calls a list of callbacks all at once.

    Args:
        callbacks: `Callback` instances, possibly nested in lists.
        add_history: Whether to append a `History` if there is none.
        add_progbar: Whether to append a `ProgbarLogger` if there is none.
        model: The model that the callbacks are used with.
        **params: Settings handed to each callback by `set_params`.

    Attributes:
        wants_train_batch_begin: Whether any callback uses that hook: a loop need not call a hook that nobody wants.
            There is one such attribute for the beginning and end of train, test and predict batches.

    Raises:
        TypeError: If something in the list is not a callback.

    Example:
        >>> callbacks = CallbackList([], add_history=True, epochs=1)
        >>> callbacks.wants_train_batch_end
        False
    """

    wants_train_batch_begin: bool
    wants_train_batch_end: bool
    wants_test_batch_begin: bool
    wants_test_batch_end: bool
    wants_predict_batch_begin: bool
    wants_predict_batch_end: bool

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        self.callbacks: list[Any] = tree.flatten(callbacks) if callbacks else []
        for callback in self.callbacks:
            _check(callback)
        self._history: History | None = None
        self._progbar: ProgbarLogger | None = None
        self._open_blocks = 0
        self._batch_hooks: dict[str, tuple[Any, ...]] = {}  # who uses which hook
        self._add_default_callbacks(add_history, add_progbar)
        self.set_model(model)
        self.set_params(params)

    def _add_default_callbacks(self, add_history: bool, add_progbar: bool) -> None:
        for callback in self.callbacks:
            if isinstance(callback, ProgbarLogger):
                self._progbar = callback
            elif isinstance(callback, History):
                self._history = callback
        if self._history is None and add_history:
            self._history = History()
            self.callbacks.append(self._history)
        if self._progbar is None and add_progbar:
            self._progbar = ProgbarLogger()
            self.callbacks.append(self._progbar)

    def append(self, callback: Callback) -> None:
        """Adds a callback at the end of the list."""
        _check(callback)
        self.callbacks.append(callback)
        if self.model is not None:
            callback.set_model(self.model)
        if self.params:
            callback.set_params(self.params)
        self._find_batch_hooks()

    def set_params(self, params: dict[str, Any]) -> None:
        """Hands the settings of the call to every callback."""
        self.params = params
        if params:
            for callback in self.callbacks:
                callback.set_params(params)
        self._find_batch_hooks()

    def set_model(self, model: Any) -> None:
        """Hands the model to every callback."""
        if model is None:
            return
        super().set_model(model)
        if self._history is not None:
            model.history = self._history
        for callback in self.callbacks:
            callback.set_model(model)

    def _find_batch_hooks(self) -> None:
        for hook in _BATCH_HOOKS:
            users = tuple(callback for callback in self.callbacks if _uses(callback, hook))
            self._batch_hooks[hook] = users
            setattr(self, "wants_" + hook.removeprefix("on_"), bool(users))

    def heeds_batches(self, kind: str) -> bool:
        """Returns whether a callback looks at the logs of batches, or may stop the loop after one.

        Args:
            kind: `"train"`, `"test"` or `"predict"`.
        """
        users = (*self._batch_hooks[f"on_{kind}_batch_begin"], *self._batch_hooks[f"on_{kind}_batch_end"])
        return any(not isinstance(callback, Callback) or callback._heeds_batches() for callback in users)

    def saves_within_epochs(self) -> bool:
        """Returns whether a callback writes the optimizer's state between two batches."""
        return any(isinstance(callback, Callback) and callback._saves_within_epochs() for callback in self.callbacks)

    def acting(self) -> list[str]:
        """Returns which callbacks each of several processes must have, by the names of their classes."""
        needed = (one for one in self.callbacks if getattr(one, "needed_in_every_process", False))
        return [type(one).__name__ for one in needed]

    def batch_hooks(
        self, kind: str, logs_of: Callable[[Any], Any]
    ) -> tuple[Callable[[int], None] | None, Callable[[int, Any], None] | None]:
        """Returns what a loop is to call before and after each batch; `None` if no callback looks.

        Args:
            kind: `"train"`, `"test"` or `"predict"`.
            logs_of: Returns the logs of a batch for what its step has returned.
        """
        begin, end = (getattr(self, f"on_{kind}_batch_{when}") for when in ("begin", "end"))

        def on_end(index: int, returned: Any) -> None:
            end(index, logs_of(returned))

        return (
            begin if getattr(self, f"wants_{kind}_batch_begin") else None,
            on_end if getattr(self, f"wants_{kind}_batch_end") else None,
        )

    def _call(self, hook: str, logs: Logs) -> None:
        logs = python_logs(logs)
        for callback in self.callbacks:
            getattr(callback, hook)(logs)

    def _call_batch(self, hook: str, batch: int, logs: Logs) -> None:
        users = self._batch_hooks[hook]
        if users:
            logs = python_logs(logs)
            for callback in users:
                getattr(callback, hook)(batch, logs=logs)  # looked up now: hooks may be assigned while `fit` runs

    def _uses_hook(self, hook: str) -> bool:
        return any(_uses(callback, hook) for callback in self.callbacks)

    @contextlib.contextmanager
    def told_of_failure(self) -> Iterator[None]:
        """Lets every callback let go of what it holds where an error or Ctrl-C ends a `with` block."""
        try:
            yield
        except BaseException:
            self._open_blocks = 0
            for callback in self.callbacks:
                if isinstance(callback, Callback):
                    try:
                        callback._on_failure()
                    except Exception as error:  # the first error is the one to be seen
                        _logger.warning("%s could not clean up: %s", type(callback).__name__, error)
            raise

    # Stages ---------------------------------------------------------------------------------------------------------

    def _begin(self, hook: str, logs: Logs) -> None:
        self._open_blocks += 1
        self._call(hook, logs)
        # A callback may take up or give up a batch hook when it learns what is going on.
        self._find_batch_hooks()

    def _end(self, hook: str, logs: Logs) -> None:
        self._call(hook, logs)
        self._open_blocks -= 1
        if self._open_blocks < 0:
            raise ValueError("`on_xxx_end` called without corresponding `on_xxx_begin`")

    def on_train_begin(self, logs: Logs = None) -> None:
        """Tells every callback that `fit` begins."""
        self._begin("on_train_begin", logs)

    def on_train_end(self, logs: Logs = None) -> None:
        """Tells every callback that `fit` ends."""
        self._end("on_train_end", logs)

    def on_test_begin(self, logs: Logs = None) -> None:
        """Tells every callback that an evaluation begins."""
        self._begin("on_test_begin", logs)

    def on_test_end(self, logs: Logs = None) -> None:
        """Tells every callback that an evaluation ends."""
        self._end("on_test_end", logs)

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Tells every callback that `predict` begins."""
        self._begin("on_predict_begin", logs)

    def on_predict_end(self, logs: Logs = None) -> None:
        """Tells every callback that `predict` ends."""
        self._end("on_predict_end", logs)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Tells every callback that an epoch begins."""
        logs = python_logs(logs)
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch, logs)
        self._find_batch_hooks()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Hands every callback the results of an epoch."""
        logs = python_logs(logs)
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)

    # Batches --------------------------------------------------------------------------------------------------------

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Calls the older name of `on_train_batch_begin`."""
        logs = python_logs(logs)
        for callback in self.callbacks:
            callback.on_batch_begin(batch, logs=logs)

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Calls the older name of `on_train_batch_end`."""
        logs = python_logs(logs)
        for callback in self.callbacks:
            callback.on_batch_end(batch, logs=logs)

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Tells the callbacks that use this hook."""
        self._call_batch("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Tells the callbacks that use this hook."""
        self._call_batch("on_train_batch_end", batch, logs)

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Tells the callbacks that use this hook."""
        self._call_batch("on_test_batch_begin", batch, logs)

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Tells the callbacks that use this hook."""
        self._call_batch("on_test_batch_end", batch, logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Tells the callbacks that use this hook."""
        self._call_batch("on_predict_batch_begin", batch, logs)

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Tells the callbacks that use this hook."""
        self._call_batch("on_predict_batch_end", batch, logs)


def python_logs(logs: Logs) -> Mapping[str, Any]:
    """Returns logs flat, sorted by name and in Python's own numbers, as Keras hands them to callbacks.

    A subclass of `dict` passes untouched: it is a lazy mapping, which reads the device when somebody looks at it.

    Example:
        >>> python_logs({"loss": 1, "a": {"accuracy": 0.5}})
        {'accuracy': 0.5, 'loss': 1.0}
    """
    if logs is None:
        return {}
    if type(logs) is not dict:
        return logs
    result: dict[str, Any] = {}
    for key, value in sorted(logs.items()):
        if isinstance(value, dict):
            result.update(python_logs(value))
        else:
            try:
                result[key] = float(value)
            except (TypeError, ValueError, RuntimeError):  # an array or tensor of several values stays what it is
                result[key] = value
    return result


def _uses(callback: Any, hook: str) -> bool:
    # Something with Keras's methods that does not derive from `Callback` gets every call.
    return callback._uses_hook(hook) if isinstance(callback, Callback) else True


def _check(callback: Any) -> None:
    if isinstance(callback, type):
        raise TypeError(
            f"Expected callbacks to be instances of `Callback`. Received the class {callback.__name__}. "
            f"Write `{callback.__name__}(...)`."
        )
    if isinstance(callback, LRScheduler):
        raise TypeError(
            f"Expected callbacks to be instances of `Callback`. Received a torch scheduler: {callback!r}. "
            "Write `keras.callbacks.TorchLRScheduler(scheduler)`."
        )
    if not hasattr(callback, "set_model"):
        raise TypeError(
            f"Expected callbacks to be instances of `Callback`. Received: {callback!r} (of type "
            f"{type(callback).__name__}). A function of your own becomes one by `keras.callbacks.LambdaCallback("
            "on_epoch_end=lambda epoch, logs: ...)`."
        )
