"""One batch of training, evaluation and prediction, as it is written.

Each is one function with everything bound, `step(x, y, sample_weight)`, which never reads a device value on the host.
`capture/steps.py` has the same steps replayed, and `own_steps.py` those that a user overrides in the model.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch

from torchkeras_shim.training.parts import ExtraLosses, Parts, Step, make_loss, make_update


def make_training(parts: Parts) -> Step:
    """Returns the training step: forward, loss, backward, update, accumulate."""
    optimizer, parameters = parts.optimizer, parts.parameters
    if not parameters:
        warnings.warn("The model does not have any trainable weights: training only measures it.", stacklevel=2)
        return make_evaluation(parts)
    loss_of, update = make_loss(parts, ExtraLosses(parts.model)), make_update(parts)
    scales = getattr(optimizer, "loss_scale_factor", None) is not None
    apply = optimizer.stepper(parameters)
    no_grad = torch.no_grad()

    def training(x: Any, y: Any, sample_weight: Any = None) -> None:
        y_pred, loss = loss_of(x, y, sample_weight)
        (optimizer.scale_loss(loss) if scales else loss).backward()
        with no_grad:
            apply([parameter.grad for parameter in parameters])
            for parameter in parameters:
                parameter.grad = None
            update(x, y, sample_weight, y_pred, loss)

    return training


def make_evaluation(parts: Parts) -> Step:
    """Returns the evaluation step: forward, loss, accumulate."""
    loss_of, update = make_loss(parts, ExtraLosses(parts.model)), make_update(parts)

    def evaluation(x: Any, y: Any, sample_weight: Any = None) -> None:
        y_pred, loss = loss_of(x, y, sample_weight)
        update(x, y, sample_weight, y_pred, loss)

    return evaluation


def make_prediction(parts: Parts) -> Step:
    """Returns the step of `predict`: it takes what the others take, and returns the outputs."""
    forward = parts.forward

    def prediction(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        return forward(x)

    return prediction
