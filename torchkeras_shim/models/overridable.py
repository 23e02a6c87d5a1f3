"""Training as a subclass of `Model` may change it: what is done with one batch."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from torchkeras_shim.data import unpack_x_y_sample_weight
from torchkeras_shim.layers.base import Layer
from torchkeras_shim.training.own_steps import builtin
from torchkeras_shim.training.parts import ExtraLosses, batch_size_of
from torchkeras_shim.training.trainer import Trainer


class Overridable(Layer):
    """The methods that `fit`, `evaluate` and `predict` call where a class overrides them."""

    _trainer: Trainer
    optimizer: Any
    device: Any

    @builtin
    def train_step(self, data: Any) -> dict[str, Any]:
        """Makes one update on one batch.

        Args:
            data: `(x, y)`, `(x, y, sample_weight)`, or `x`, as tensors on the model's device.

        Returns:
            The logs: results by name, as tensors or numbers.
        """
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        self.zero_grad()
        y_pred = self(x, training=True)
        loss = self._loss_of(x, y, y_pred, sample_weight, training=True)
        self._trainer.binding.loss_tracker.update_state(loss.detach(), sample_weight=batch_size_of(x))
        weights = self.trainable_weights
        self.optimizer.scale_loss(loss).backward()
        with torch.no_grad():
            self.optimizer.apply([weight.grad for weight in weights], weights)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    @builtin
    def test_step(self, data: Any) -> dict[str, Any]:
        """Evaluates one batch. Takes and returns what `train_step` does."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        loss = self._loss_of(x, y, y_pred, sample_weight, training=False)
        self._trainer.binding.loss_tracker.update_state(loss, sample_weight=batch_size_of(x))
        return self.compute_metrics(x, y, y_pred, sample_weight)

    @builtin
    def predict_step(self, data: Any) -> Any:
        """Returns the outputs for one batch."""
        x, _, _ = unpack_x_y_sample_weight(data)
        return self(x, training=False)

    @builtin
    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> torch.Tensor:
        """Returns the scalar to minimise: the compiled losses and what layers and regularizers add."""
        binding = self._trainer.binding
        binding.resolve(y, y_pred)
        extra = ExtraLosses(self)
        has_extra = extra.refresh()
        if binding.objective.built and y is not None:
            loss = binding.objective(y, y_pred, sample_weight)
        elif has_extra:
            loss = torch.zeros((), device=self.device)
        else:
            binding.require_loss()
        return extra.add_to(loss) if has_extra else loss

    @builtin
    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Updates the compiled metrics with one batch and returns all results by name."""
        binding = self._trainer.binding
        binding.resolve(y, y_pred)
        if binding.measures.built and y is not None:
            with torch.no_grad():
                binding.measures.update(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """Returns the running results of all metrics by name."""
        return self._trainer.binding.results.now()

    def _loss_of(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> torch.Tensor:
        """Calls `compute_loss`, which in a user's class may lack the newer argument `training`."""
        arguments: dict[str, Any] = {"x": x, "y": y, "y_pred": y_pred, "sample_weight": sample_weight}
        parameters = inspect.signature(self.compute_loss).parameters
        if "training" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            arguments["training"] = training
        return self.compute_loss(**arguments)
