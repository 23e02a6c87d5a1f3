"""The base class of callbacks: one method per stage of `fit`, `evaluate` and `predict`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.nn.parallel import DistributedDataParallel

Logs = Mapping[str, Any] | None


class Callback:
    """Base class of everything that hooks into `fit`, `evaluate` and `predict`.

    Subclass it and override the methods of the stages of interest. A hook that nobody overrides costs nothing. Batch
    logs are read from the device only when a callback looks at them: do not touch `logs` on every batch without need.

    Attributes:
        params: Dict of the call's settings: `verbose`, `epochs`, `steps`.
        model: The model that is trained, evaluated or used.

    Example:
        >>> class Collect(Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         print(epoch, logs["loss"])
        >>> Collect().on_epoch_end(0, {"loss": 0.5})
        0 0.5
    """

    #: Whether the first of several processes that train together is enough to call it: it only prints or writes files.
    only_in_first_process = False
    #: Whether it acts on the training, so that each of several processes must have it.
    needed_in_every_process = False
    #: Whether it may look at weights: where those are cut over processes, the others wait to hand their parts over.
    reads_weights = True

    params: dict[str, Any] | None = None
    _model: Any = None

    def __init__(self) -> None:
        self.params = None
        self._model = None

    def set_params(self, params: dict[str, Any]) -> None:
        """Receives the settings of the call that is about to start."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Receives the model of the call that is about to start."""
        # Callbacks speak to the model behind a data-parallel wrapper, which has none of Keras's methods.
        self._model = model.module if isinstance(model, DistributedDataParallel) else model

    @property
    def model(self) -> Any:
        """The model that this callback is used with."""
        return self._model

    @model.setter
    def model(self, model: Any) -> None:
        self.set_model(model)

    def _uses_hook(self, hook: str) -> bool:
        """Returns whether calling that hook would do anything."""
        return not is_default(self, hook)

    def _heeds_batches(self) -> bool:
        """Returns whether its batch hooks look at logs or stop the loop: several processes make both alike then."""
        return not self.only_in_first_process

    def _saves_within_epochs(self) -> bool:
        """Returns whether it writes the optimizer's state between two batches."""
        return False

    def _on_failure(self) -> None:
        """Lets go of files, threads and the like: an error or Ctrl-C has ended the call, and no other hook follows."""

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Older name of `on_train_batch_end`."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Called at the start of each epoch of `fit`.

        Args:
            epoch: Index of the epoch, from 0.
            logs: Empty.
        """

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Called at the end of each epoch of `fit`, after validation.

        Args:
            epoch: Index of the epoch, from 0.
            logs: The epoch's results; those of validation under keys that begin with `val_`.
        """

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before each training batch.

        Args:
            batch: Index of the batch within the epoch.
            logs: Empty.
        """
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after each training batch.

        Args:
            batch: Index of the batch within the epoch.
            logs: The running results of the epoch so far.
        """
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before each batch of `evaluate`, and of the validation inside `fit`.

        Args:
            batch: Index of the batch.
            logs: Empty.
        """

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after each batch of `evaluate`, and of the validation inside `fit`.

        Args:
            batch: Index of the batch.
            logs: The running results so far.
        """

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before each batch of `predict`.

        Args:
            batch: Index of the batch.
            logs: Empty.
        """

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after each batch of `predict`.

        Args:
            batch: Index of the batch.
            logs: The batch's outputs under the key `outputs`.
        """

    def on_train_begin(self, logs: Logs = None) -> None:
        """Called once when `fit` begins.

        Args:
            logs: Empty.
        """

    def on_train_end(self, logs: Logs = None) -> None:
        """Called once when `fit` ends.

        Args:
            logs: The results of the last epoch.
        """

    def on_test_begin(self, logs: Logs = None) -> None:
        """Called when `evaluate`, or the validation inside `fit`, begins.

        Args:
            logs: Empty.
        """

    def on_test_end(self, logs: Logs = None) -> None:
        """Called when `evaluate`, or the validation inside `fit`, ends.

        Args:
            logs: Its results.
        """

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Called when `predict` begins.

        Args:
            logs: Empty.
        """

    def on_predict_end(self, logs: Logs = None) -> None:
        """Called when `predict` ends.

        Args:
            logs: Empty.
        """


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))

# A training hook is in use too where only its older name is overridden.
_OLDER_NAMES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


def is_default(callback: Any, hook: str) -> bool:
    """Returns whether a hook is the empty one of `Callback`.

    Example:
        >>> is_default(Callback(), "on_epoch_end")
        True
    """
    function = getattr(getattr(callback, hook), "__func__", None)
    if function is not getattr(Callback, hook):
        return False
    older = _OLDER_NAMES.get(hook)
    return older is None or is_default(callback, older)
