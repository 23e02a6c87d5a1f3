"""What a `train_step` of tf.keras calls: `compiled_loss`, `compiled_metrics` and `optimizer.minimize`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from torchkeras_shim.compat.legacy import once
from torchkeras_shim.compat.tf.tape import GradientTape
from torchkeras_shim.models import Model
from torchkeras_shim.optimizers import Optimizer


class CompiledLoss:
    """The losses that a model was compiled with, as `model.compiled_loss`.

    Args:
        model: The model.
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, regularization_losses: Iterable[Any] | None = None
    ) -> torch.Tensor:
        once.say("model.compiled_loss(y, y_pred)", "model.compute_loss(y=y, y_pred=y_pred)")
        loss = self._model.compute_loss(y=y_true, y_pred=y_pred, sample_weight=sample_weight)
        if not regularization_losses:  # `compute_loss` adds them, `compiled_loss` adds what it is given
            for added in self._model.losses:
                loss = loss - added
        for tracker in self.metrics:
            tracker.update_state(loss.detach(), sample_weight=len(y_pred) if hasattr(y_pred, "shape") else None)
        return loss

    @property
    def metrics(self) -> list[Any]:
        """The mean of the loss."""
        return [metric for metric in self._model.metrics if metric.name == "loss"]


class CompiledMetrics:
    """The metrics that a model was compiled with, as `model.compiled_metrics`.

    Args:
        model: The model.
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Updates them with one batch."""
        once.say("model.compiled_metrics.update_state(y, y_pred)", "model.compute_metrics(x, y, y_pred)")
        self._model.compute_metrics(None, y_true, y_pred, sample_weight)

    @property
    def metrics(self) -> list[Any]:
        """The metrics."""
        return [metric for metric in self._model.metrics if metric.name != "loss"]

    def reset_state(self) -> None:
        """Starts them over."""
        for metric in self.metrics:
            metric.reset_state()

    reset_states = reset_state


def minimize(
    self: Optimizer, loss: Any, var_list: Any, grad_loss: Any = None, name: str | None = None, tape: Any = None
) -> torch.Tensor:
    """Makes one update that lowers a loss.

    Args:
        self: The optimizer.
        loss: A function without arguments that returns the loss; or the loss, with the tape that recorded it.
        var_list: The variables to change, or a function that returns them.
        grad_loss: The gradient of the loss.
        name: Without effect.
        tape: The tape that recorded the loss.

    Raises:
        ValueError: If the loss is a tensor and no tape is given.
    """
    once.say("optimizer.minimize(loss, variables)", "optimizer.apply_gradients(zip(tape.gradient(...), variables))")
    if not callable(loss) and tape is None:
        raise ValueError("`tape` is required when a `Tensor` loss is passed. Or pass a function that computes it.")
    if callable(loss):
        with tape or GradientTape() as tape:
            compute: Callable[[], Any] = loss
            loss = compute()
    variables = list(var_list() if callable(var_list) else var_list)
    gradients = tape.gradient(loss, variables, output_gradients=grad_loss)
    self.apply_gradients(zip(gradients, variables, strict=True))
    return self.iterations
