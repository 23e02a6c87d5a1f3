"""What is done with one batch if a class overrides any of it: methods of `Model` that `fit` and its kin call then."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from torchkeras_shim.data import unpack_x_y_sample_weight
from torchkeras_shim.training.own_steps import builtin
from torchkeras_shim.training.parts import ExtraLosses, batch_size_of


@builtin
def train_step(model: Any, data: Any) -> dict[str, Any]:
    """Makes one update on one batch.

    Args:
        data: `(x, y)`, `(x, y, sample_weight)`, or `x`, as tensors on the model's device.

    Returns:
        The logs: results by name, as tensors or numbers.
    """
    x, y, sample_weight = unpack_x_y_sample_weight(data)
    model.zero_grad()
    y_pred = model(x, training=True)
    loss = _loss_of(model, x, y, y_pred, sample_weight, training=True)
    model._trainer.binding.loss_tracker.update_state(loss.detach(), sample_weight=batch_size_of(x))
    weights = model.trainable_weights
    model.optimizer.scale_loss(loss).backward()
    with torch.no_grad():
        model.optimizer.apply([weight.grad for weight in weights], weights)
    logs: dict[str, Any] = model.compute_metrics(x, y, y_pred, sample_weight)
    return logs


@builtin
def test_step(model: Any, data: Any) -> dict[str, Any]:
    """Evaluates one batch. Takes and returns what `train_step` does."""
    x, y, sample_weight = unpack_x_y_sample_weight(data)
    y_pred = model(x, training=False)
    loss = _loss_of(model, x, y, y_pred, sample_weight, training=False)
    model._trainer.binding.loss_tracker.update_state(loss, sample_weight=batch_size_of(x))
    logs: dict[str, Any] = model.compute_metrics(x, y, y_pred, sample_weight)
    return logs


@builtin
def predict_step(model: Any, data: Any) -> Any:
    """Returns the outputs for one batch."""
    x, _, _ = unpack_x_y_sample_weight(data)
    return model(x, training=False)


@builtin
def compute_loss(
    model: Any, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
) -> torch.Tensor:
    """Returns the scalar to minimise: the compiled losses and what layers and regularizers add."""
    binding = model._trainer.binding
    binding.resolve(y, y_pred)
    extra = ExtraLosses(model)
    has_extra = extra.refresh()
    if binding.objective.built and y is not None:
        loss = binding.objective(y, y_pred, sample_weight)
    elif has_extra:
        loss = torch.zeros((), device=model.device)
    elif y is None and binding.objective.loss is not None:
        raise ValueError("The compiled loss needs targets. Write `model.compute_loss(x, y, y_pred)`. Received: y=None")
    else:
        binding.require_loss()
    return extra.add_to(loss) if has_extra else loss


@builtin
def compute_metrics(model: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
    """Updates the compiled metrics with one batch and returns all results by name."""
    binding = model._trainer.binding
    binding.resolve(y, y_pred)
    if binding.measures.built and y is not None:
        with torch.no_grad():
            binding.measures.update(y, y_pred, sample_weight)
    logs: dict[str, Any] = model.get_metrics_result()
    return logs


def get_metrics_result(model: Any) -> dict[str, Any]:
    """Returns the running results of all metrics by name."""
    logs: dict[str, Any] = model._trainer.binding.results.now()
    return logs


def _loss_of(model: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> torch.Tensor:
    """Calls `compute_loss`, which in a user's class may lack the newer argument `training`."""
    arguments: dict[str, Any] = {"x": x, "y": y, "y_pred": y_pred, "sample_weight": sample_weight}
    parameters = inspect.signature(model.compute_loss).parameters
    if "training" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        arguments["training"] = training
    loss: torch.Tensor = model.compute_loss(**arguments)
    return loss
