"""Stops a training whose loss is not a number any more."""

from __future__ import annotations

import math

from torchkeras_shim.callbacks.callback import Callback, Logs
from torchkeras_shim.core.console import print_msg


class TerminateOnNaN(Callback):
    """Stops training at the first batch whose running loss is NaN or infinite.

    It looks at the loss after every batch, which makes the host wait for the device each time: use it to find a fault
    rather than in every training.

    Args:
        raise_error: `False` sets `model.stop_training`, so that training ends in good order. `True` raises at once;
            `on_train_end` of other callbacks is then not called.

    Example:
        >>> callback = TerminateOnNaN(raise_error=True)
        >>> callback.on_batch_end(3, {"loss": float("nan")})
        Traceback (most recent call last):
        RuntimeError: NaN or Inf loss encountered at batch 3. Loss value: nan. Terminating training immediately.
    """

    needed_in_every_process = True

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Looks at the loss.

        Raises:
            RuntimeError: If the loss is NaN or infinite, and `raise_error` is set.
        """
        loss = None if logs is None else logs.get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                f"NaN or Inf loss encountered at batch {batch}. Loss value: {loss}. Terminating training immediately."
            )
        print_msg(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
