"""The steps of `training/steps.py` replayed, as a CUDA graph, or run through `torch.compile`.

Each maker returns the step, and what replays in it, which says how often it did and why it cannot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from torchkeras_shim.core.device import generator_of
from torchkeras_shim.distribution.portion import Portion
from torchkeras_shim.layers.seeding import own_generators
from torchkeras_shim.training.capture.cuda_graph import GraphedStep
from torchkeras_shim.training.capture.function import Captured
from torchkeras_shim.training.capture.torch_compiled import TorchCompiled
from torchkeras_shim.training.parts import ExtraLosses, Parts, Step, make_backward, make_loss, make_update
from torchkeras_shim.training.several import make_several_applying
from torchkeras_shim.training.steps import make_prediction

# All of a step but the optimizer's update, as functions of a batch that return tensors ----------------------------


def _gradients(parts: Parts) -> Callable[[Any, Any, Any], list[Any]]:
    """Returns a function from a batch to gradients, which updates the metrics."""
    optimizer, parameters = parts.optimizer, parts.parameters
    extra = ExtraLosses(parts.model)
    loss_of, update = make_loss(parts, extra), make_update(parts)
    scales = getattr(optimizer, "loss_scale_factor", None) is not None

    def gradients(x: Any, y: Any, sample_weight: Any) -> list[Any]:
        with torch.enable_grad():
            y_pred, loss = loss_of(x, y, sample_weight)
            scaled = optimizer.scale_loss(loss) if scales else loss
            grads = torch.autograd.grad(scaled, parameters, allow_unused=True)
        update(x, y, sample_weight, y_pred, loss)
        extra.clear()
        return [_laid_out(grad, parameter) for grad, parameter in zip(grads, parameters, strict=True)]

    return gradients


def _laid_out(grad: torch.Tensor | None, parameter: torch.Tensor) -> torch.Tensor | None:
    """Returns a gradient in its parameter's memory layout, as `backward` would leave it."""
    if grad is None or grad.layout is not torch.strided or grad.stride() == parameter.stride():
        return grad
    return torch.empty_like(parameter, memory_format=torch.preserve_format).detach().copy_(grad)


def _measure(parts: Parts) -> Callable[[Any, Any, Any], list[Any]]:
    """Returns an evaluation step as a function that returns tensors, of which there are none."""
    loss_of, update = make_loss(parts, ExtraLosses(parts.model)), make_update(parts)

    def measure(x: Any, y: Any, sample_weight: Any) -> list[Any]:
        y_pred, loss = loss_of(x, y, sample_weight)
        update(x, y, sample_weight, y_pred, loss)
        return []

    return measure


# Replayed ---------------------------------------------------------------------------------------------------------


def make_captured_training(parts: Parts) -> tuple[Step, Captured]:
    """Returns a training step that replays everything but the optimizer's update."""
    captured, objective = Captured(_gradients(parts)), parts.objective
    apply = parts.optimizer.stepper(parts.parameters)
    no_grad = torch.no_grad

    def training(x: Any, y: Any, sample_weight: Any = None) -> None:
        with no_grad():
            # The first batch of a run is looked at by value.
            apply((captured if objective.checked else captured.plainly)(x, y, sample_weight))

    return training, captured


def make_captured_evaluation(parts: Parts) -> tuple[Step, Captured]:
    """Returns an evaluation step that replays."""
    captured, objective = Captured(_measure(parts)), parts.objective

    def evaluation(x: Any, y: Any, sample_weight: Any = None) -> None:
        (captured if objective.checked else captured.plainly)(x, y, sample_weight)

    return evaluation, captured


def make_captured_prediction(parts: Parts) -> tuple[Step, Captured]:
    """Returns a step of `predict` that replays."""
    forward = parts.forward
    captured = Captured(lambda x, y, sample_weight: forward(x))
    return captured, captured


# In one of several processes ------------------------------------------------------------------------------------------


class CapturedByPortion:
    """A captured function for each portion of a batch: how large the whole is stands in the program as a number.

    Args:
        parts: What the function is made from.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._captured: dict[Portion, Captured] = {}

    def __call__(self, portion: Portion, x: Any, y: Any, sample_weight: Any) -> list[Any]:
        captured = self._captured.get(portion)
        if captured is None:
            captured = self._captured[portion] = Captured(_gradients(self._parts))
        run = captured if self._parts.objective.checked else captured.plainly
        return run(x, y, sample_weight)  # type: ignore[no-any-return]

    @property
    def refusal(self) -> str | None:
        """Why it cannot be replayed."""
        return next((one.refusal for one in self._captured.values() if one.refusal is not None), None)

    @property
    def obstacle(self) -> str | None:
        """Why a batch was not replayed though it could be."""
        return next((one.obstacle for one in self._captured.values() if one.obstacle is not None), None)

    @property
    def replayed(self) -> int:
        """How many batches were replayed."""
        return sum(one.replayed for one in self._captured.values())

    @property
    def written(self) -> int:
        """How many batches ran as they are written."""
        return sum(one.written for one in self._captured.values())


def make_captured_several(parts: Parts) -> tuple[Step, CapturedByPortion]:
    """Returns a training step of one of several processes that replays up to the gradients."""
    captured = CapturedByPortion(parts)
    return make_several_applying(parts, captured), captured


def make_compiled_several(parts: Parts, forward: Any) -> tuple[Step, TorchCompiled]:
    """Returns a training step of one of several processes whose forward and backward pass are compiled."""
    compiled = _compiled(parts, make_backward(replace(parts, forward=forward)), make_backward(parts))
    return make_several_applying(parts, lambda portion, *batch: compiled(*batch)), compiled


# As a CUDA graph --------------------------------------------------------------------------------------------------


def make_graphed_training(parts: Parts) -> tuple[Step, GraphedStep]:
    """Returns a training step that launches a CUDA graph, the optimizer's update included."""
    gradients, objective = _gradients(parts), parts.objective
    apply = parts.optimizer.stepper(parts.parameters)
    generators = own_generators(parts.model, parts.device)
    graphed = GraphedStep(gradients, parts.optimizer, apply, generators)
    no_grad = torch.no_grad

    def training(x: Any, y: Any, sample_weight: Any = None) -> None:
        with no_grad():
            if objective.checked:
                graphed(x, y, sample_weight)
            else:
                apply(gradients(x, y, sample_weight))

    return training, graphed


# Through `torch.compile` ------------------------------------------------------------------------------------------


def make_compiled_training(parts: Parts, forward: Any) -> tuple[Step, TorchCompiled]:
    """Returns a training step whose forward and backward pass are compiled.

    Args:
        parts: What the step is made from.
        forward: The compiled forward pass.
    """
    compiled = _compiled(parts, make_backward(replace(parts, forward=forward)), make_backward(parts))
    apply = parts.optimizer.stepper(parts.parameters)
    no_grad = torch.no_grad

    def training(x: Any, y: Any, sample_weight: Any = None) -> None:
        with no_grad():
            apply(compiled(x, y, sample_weight))

    return training, compiled


def make_compiled_evaluation(parts: Parts, forward: Any) -> tuple[Step, TorchCompiled]:
    """Returns an evaluation step whose forward pass is compiled."""
    compiled = _compiled(parts, _measure(replace(parts, forward=forward)), _measure(parts))

    def evaluation(x: Any, y: Any, sample_weight: Any = None) -> None:
        compiled(x, y, sample_weight)

    return evaluation, compiled


def make_compiled_prediction(parts: Parts, forward: Any) -> tuple[Step, TorchCompiled]:
    """Returns the compiled forward pass as a step of `predict`."""
    compiled = _compiled(parts, make_prediction(replace(parts, forward=forward)), make_prediction(parts))
    return compiled, compiled


def _compiled(parts: Parts, compiled: Any, function: Any) -> TorchCompiled:
    """Joins a compiled function of batches and the same as it is written."""
    model, device = parts.model, parts.device
    counted = [variable for metric in parts.metrics for variable in metric.variables]
    usual = generator_of(device)
    own = own_generators(model, device)
    return TorchCompiled(
        compiled,
        function,
        written=[*model.buffers(), *counted],
        weights=list(model.parameters()),
        generators=[*([] if usual is None else [usual]), *own],
    )
