"""Evaluates, predicts and saves with the moving average of the weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.callbacks.callback import Callback, Logs


class SwapEMAWeights(Callback):
    """Gives the model the moving averages of its weights for evaluation and prediction, and its own back afterwards.

    The optimizer must keep the averages: `use_ema=True`. Weights and averages are exchanged in place, one at a time.

    Args:
        swap_on_epoch: Whether they are exchanged at the end of each epoch and back at the beginning of the next, so
            that callbacks behind this one, such as `ModelCheckpoint`, meet the averages.

    Example:
        >>> SwapEMAWeights(swap_on_epoch=True).swap_on_epoch
        True
    """

    needed_in_every_process = True

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._ema_weights_in_model = False

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Gives the model its own weights back."""
        if self.swap_on_epoch:
            self._put_averages(False)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Gives the model the averages, where that is asked for per epoch."""
        if not self.swap_on_epoch:
            return
        self._put_averages(True)
        assert self.params is not None
        if epoch == self.params["epochs"] - 1:
            # `fit` ends by giving the model what the optimizer holds as averages; after the exchange that would be
            # the plain weights.
            self._for_each(lambda variable, average: average.copy_(variable))

    def on_test_begin(self, logs: Logs = None) -> None:
        """Gives the model the averages."""
        self._put_averages(True)

    def on_test_end(self, logs: Logs = None) -> None:
        """Gives the model its own weights back."""
        self._put_averages(False)

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Gives the model the averages."""
        self._put_averages(True)

    def on_predict_end(self, logs: Logs = None) -> None:
        """Gives the model its own weights back."""
        self._put_averages(False)

    def _on_failure(self) -> None:
        if self._ema_weights_in_model:
            self._put_averages(False)

    def _put_averages(self, wanted: bool) -> None:
        if self._ema_weights_in_model != wanted:
            self._for_each(_swap)
            self._ema_weights_in_model = wanted

    def _for_each(self, function: Callable[[torch.Tensor, torch.Tensor], Any]) -> None:
        with torch.no_grad():
            for optimizer in _averaging(self.model.optimizer):
                for variable, average in zip(optimizer._trainable_variables, optimizer._averages, strict=True):
                    if average is not None:
                        function(variable, average)


def _swap(variable: torch.Tensor, average: torch.Tensor) -> None:
    kept = variable.clone()
    variable.copy_(average)
    average.copy_(kept)


def _averaging(optimizer: Any) -> list[Any]:
    """Returns the optimizers that keep averages: the one, or those inside of it.

    Raises:
        ValueError: If none does.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    found = [one for one in getattr(optimizer, "optimizers", [optimizer]) if getattr(one, "use_ema", False)]
    if not found:
        raise ValueError(
            "SwapEMAWeights must be used when `use_ema=True` is set on the optimizer. "
            f"Received: use_ema={getattr(optimizer, 'use_ema', False)}"
        )
    return found
