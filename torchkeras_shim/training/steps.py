"""One batch of training, evaluation and prediction, each as one callable with everything bound.

`step(x, y, sample_weight)` never reads a device value on the host. What a user overrides in the model takes the place
of the built-in step.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from torchkeras_shim.core import tree
from torchkeras_shim.data import pack_x_y_sample_weight
from torchkeras_shim.layers import calling
from torchkeras_shim.layers.input_spec import align_rank
from torchkeras_shim.layers.seeding import own_generators
from torchkeras_shim.layers.weights import StructureVersion
from torchkeras_shim.training.capture.cuda_graph import GraphedStep
from torchkeras_shim.training.capture.function import Captured
from torchkeras_shim.training.capture.torch_compiled import TorchCompiled

if TYPE_CHECKING:
    from torchkeras_shim.training.preparation import Preparation

Step = Callable[[Any, Any, Any], Any]
_Tensor = torch.Tensor
_FIT_ERRORS = (RuntimeError, IndexError)


def batch_size_of(x: Any) -> int:
    """Returns the number of samples of a batch."""
    leaves = [leaf for leaf in tree.flatten(x) if isinstance(leaf, torch.Tensor)]
    return leaves[0].shape[0] if leaves else 1


class ExtraLosses:
    """What is added to the compiled loss: weight regularizers, known beforehand, and what layers add while they run."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._penalties = [
            (weight._regularizer, weight)
            for weight in model.trainable_weights
            if getattr(weight, "_regularizer", None) is not None
        ]
        self._adders: list[Any] = []
        self._adders_seen = -1
        self._any = bool(self._penalties)

    def refresh(self) -> bool:
        """Takes in layers that have added a loss for the first time. Returns whether there is anything to add."""
        if self._adders_seen != calling.Flags.adders:
            self._adders_seen = calling.Flags.adders
            self._adders = calling.adders_in(self._model)
            self._any = bool(self._penalties or self._adders)
        return self._any

    def add_to(self, loss: torch.Tensor) -> torch.Tensor:
        """Returns the loss with everything added, and forgets what layers added in this step."""
        for regularizer, weight in self._penalties:
            loss = loss + regularizer(weight)
        for layer in self._adders:
            for added in layer._added_losses:
                loss = loss + added.sum() if added.ndim else loss + added
        return loss

    def clear(self) -> None:
        """Forgets what layers added in the step before."""
        for layer in self._adders:
            layer._added_losses.clear()


def make_forward(model: Any, compile_options: dict[str, Any] | None) -> Callable[[Any], Any]:
    """Returns the model's forward pass for batches that already live on its device.

    Args:
        model: The model.
        compile_options: Options of `torch.compile` if the pass is to go through it; `None` for as it is written. Each
            shape is compiled by itself unless they say otherwise: not all kernels can be compiled for symbolic ones.
    """
    run: Callable[[Any], Any] = partial(torch.nn.Module.__call__, model)  # with hooks, without a second look at x
    hooked = model._forward_hooks or model._forward_pre_hooks or model._backward_hooks or model._backward_pre_hooks
    if model._run_graph is not None and len(model.inputs) == 1 and not hooked:
        graph = model._run_graph.runner  # the graph's own function

        def run(x: Any) -> Any:
            return graph(x) if type(x) is _Tensor else model(x)

    if compile_options is not None:
        run = torch.compile(run, **{"dynamic": False, **compile_options})
    cast, rank, standardized = model._input_cast, model._input_rank, model._standardized
    if cast is None:
        return run

    def forward(x: Any) -> Any:
        if type(x) is not _Tensor:
            x = standardized(x)
        if type(x) is _Tensor:
            if x.dtype is not cast:
                x = x.to(cast)
            if rank is not None and x.ndim != rank:
                x = align_rank(x, rank)
        return run(x)

    return forward


def make_loss(trainer: Preparation, extra: ExtraLosses, forward: Any = None) -> Callable[[Any, Any, Any], Any]:
    """Returns a function from a batch to its outputs and its whole loss.

    Args:
        trainer: The trainer.
        extra: What is added to the compiled loss.
        forward: The forward pass; the trainer's by default.
    """
    objective, model = trainer.objective, trainer.model
    forward = forward if forward is not None else trainer.forward
    flags, thread = calling.Flags, calling.thread
    base: Callable[[Any, Any, Any], Any] = objective if objective.built else _no_loss

    def loss_of(x: Any, y: Any, sample_weight: Any) -> Any:
        if extra._adders_seen != flags.adders:
            extra.refresh()
        if extra._any:
            extra.clear()
        thread.depth += 1  # layers are inside the model's call: a shared one must not forget its first call's losses
        try:
            y_pred = forward(x)
        except _FIT_ERRORS as error:
            calling.explain(model, (x,), error)
            raise
        finally:
            thread.depth -= 1
        fused = objective.fused  # `None` until the first batch has been checked
        loss = fused(y, y_pred) if fused is not None and sample_weight is None else None
        if loss is None:
            loss = base(y, y_pred, sample_weight)
        if extra._any or extra._adders_seen != flags.adders:
            extra.refresh()
            loss = extra.add_to(loss)
        return y_pred, loss

    return loss_of


def _no_loss(y: Any, y_pred: Any, sample_weight: Any) -> torch.Tensor:
    """Stands for the compiled loss if all of the loss is what layers and regularizers add."""
    return torch.zeros((), device=tree.flatten(y_pred)[0].device)


def make_update(trainer: Preparation) -> Callable[[Any, Any, Any, Any, Any], None]:
    """Returns a function that accumulates the loss and the metrics of a batch on the device."""
    total, count = trainer.loss_tracker.total, trainer.loss_tracker.count
    metrics = trainer.measures
    direct = metrics.direct_updates

    def update(x: Any, y: Any, sample_weight: Any, y_pred: Any, loss: Any) -> None:
        size = x.shape[0] if type(x) is _Tensor else batch_size_of(x)
        total.add_(loss, alpha=size)
        count.add_(size)
        if direct is None:
            metrics.update(y, y_pred, sample_weight)
        else:
            for update_state in direct:
                update_state(y, y_pred)

    return update


def make_train_step(trainer: Preparation) -> Step:
    """Returns the built-in training step: forward, loss, backward, update, accumulate."""
    optimizer, parameters = trainer.optimizer, trainer.parameters
    loss_of, update = make_loss(trainer, ExtraLosses(trainer.model)), make_update(trainer)
    if not parameters:
        warnings.warn("The model does not have any trainable weights: training only measures it.", stacklevel=2)
        return make_test_step(trainer)
    scales = getattr(optimizer, "loss_scale_factor", None) is not None
    apply = optimizer.stepper(parameters)
    no_grad, version, bound = torch.no_grad(), StructureVersion, StructureVersion.value

    def train_step(x: Any, y: Any, sample_weight: Any = None) -> Any:
        if version.value != bound:  # a layer was frozen, moved or added since
            return trainer.train_step()(x, y, sample_weight)
        y_pred, loss = loss_of(x, y, sample_weight)
        (optimizer.scale_loss(loss) if scales else loss).backward()
        with no_grad:
            apply([parameter.grad for parameter in parameters])
            for parameter in parameters:
                parameter.grad = None
            update(x, y, sample_weight, y_pred, loss)
        return None

    return train_step


def _make_gradients(trainer: Preparation) -> Callable[[Any, Any, Any], list[Any]]:
    """Returns all of a training step but the optimizer's update: from a batch to gradients, metrics included."""
    optimizer, parameters = trainer.optimizer, trainer.parameters
    extra = ExtraLosses(trainer.model)
    loss_of, update = make_loss(trainer, extra), make_update(trainer)
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


def make_captured_train_step(trainer: Preparation) -> tuple[Step, Captured]:
    """Returns a training step that replays everything but the optimizer's update, and what it replays."""
    captured, objective = Captured(_make_gradients(trainer)), trainer.objective
    apply = trainer.optimizer.stepper(trainer.parameters)
    no_grad, version, bound = torch.no_grad, StructureVersion, StructureVersion.value

    def train_step(x: Any, y: Any, sample_weight: Any = None) -> Any:
        if version.value != bound:
            return trainer.train_step()(x, y, sample_weight)
        with no_grad():
            # The first batch of a run is looked at by value.
            apply((captured if objective.checked else captured.plainly)(x, y, sample_weight))
        return None

    return train_step, captured


def make_graphed_train_step(trainer: Preparation) -> tuple[Step, GraphedStep]:
    """Returns a training step that launches a CUDA graph, and what holds the graphs."""
    gradients, objective = _make_gradients(trainer), trainer.objective
    apply = trainer.optimizer.stepper(trainer.parameters)
    generators = own_generators(trainer.model, trainer.device)
    graphed = GraphedStep(gradients, trainer.optimizer, apply, generators)
    no_grad, version, bound = torch.no_grad, StructureVersion, StructureVersion.value

    def train_step(x: Any, y: Any, sample_weight: Any = None) -> Any:
        if version.value != bound:
            return trainer.train_step()(x, y, sample_weight)
        with no_grad():
            if objective.checked:
                graphed(x, y, sample_weight)
            else:
                apply(gradients(x, y, sample_weight))
        return None

    return train_step, graphed


def make_compiled_train_step(trainer: Preparation, forward: Any) -> tuple[Step, TorchCompiled]:
    """Returns a training step whose forward and backward pass are compiled, and what runs them.

    Args:
        trainer: The trainer.
        forward: The compiled forward pass.
    """
    compiled = _compiled(trainer, _make_backward(trainer, forward), _make_backward(trainer))
    apply = trainer.optimizer.stepper(trainer.parameters)
    no_grad, version, bound = torch.no_grad, StructureVersion, StructureVersion.value

    def train_step(x: Any, y: Any, sample_weight: Any = None) -> Any:
        if version.value != bound:
            return trainer.train_step()(x, y, sample_weight)
        with no_grad():
            apply(compiled(x, y, sample_weight))
        return None

    return train_step, compiled


def _make_backward(trainer: Preparation, forward: Any = None) -> Callable[[Any, Any, Any], list[Any]]:
    """Returns the same as `_make_gradients`, by way of `backward`, which calls the hooks of weights."""
    optimizer, parameters = trainer.optimizer, trainer.parameters
    loss_of, update = make_loss(trainer, ExtraLosses(trainer.model), forward), make_update(trainer)
    scales = getattr(optimizer, "loss_scale_factor", None) is not None

    def gradients(x: Any, y: Any, sample_weight: Any) -> list[Any]:
        with torch.enable_grad():
            y_pred, loss = loss_of(x, y, sample_weight)
            (optimizer.scale_loss(loss) if scales else loss).backward()
        grads = [parameter.grad for parameter in parameters]
        for parameter in parameters:
            parameter.grad = None
        update(x, y, sample_weight, y_pred, loss)
        return grads

    return gradients


def make_compiled_test_step(trainer: Preparation, forward: Any) -> tuple[Step, TorchCompiled]:
    """Returns an evaluation step whose forward pass is compiled, and what runs it."""
    compiled = _compiled(trainer, _make_measure(trainer, forward), _make_measure(trainer))

    def test_step(x: Any, y: Any, sample_weight: Any = None) -> None:
        compiled(x, y, sample_weight)

    return test_step, compiled


def make_compiled_predict_step(trainer: Preparation, forward: Any) -> TorchCompiled:
    """Returns the compiled forward pass as a step."""

    def step_of(run: Any) -> Step:
        def step(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
            return run(x)

        return step

    return _compiled(trainer, step_of(forward), step_of(trainer.forward))


def _compiled(trainer: Preparation, compiled: Any, function: Any) -> TorchCompiled:
    """Joins a compiled function of batches and the same as it is written."""
    model, device = trainer.model, trainer.device
    counted = [variable for metric in trainer.metrics for variable in metric.variables]
    cuda = device.type == "cuda"
    usual = torch.cuda.default_generators[device.index or 0] if cuda else torch.default_generator
    own = own_generators(model, device)
    return TorchCompiled(
        compiled,
        function,
        written=[*model.buffers(), *counted],
        weights=list(model.parameters()),
        generators=[usual, *own],
    )


def _laid_out(grad: torch.Tensor | None, parameter: torch.Tensor) -> torch.Tensor | None:
    """Returns a gradient in its parameter's memory layout, as `backward` would leave it."""
    if grad is None or grad.layout is not torch.strided or grad.stride() == parameter.stride():
        return grad
    return torch.empty_like(parameter, memory_format=torch.preserve_format).detach().copy_(grad)


def _make_measure(trainer: Preparation, forward: Any = None) -> Callable[[Any, Any, Any], list[Any]]:
    """Returns an evaluation step as a function that returns tensors, of which there are none."""
    loss_of, update = make_loss(trainer, ExtraLosses(trainer.model), forward), make_update(trainer)

    def measure(x: Any, y: Any, sample_weight: Any) -> list[Any]:
        y_pred, loss = loss_of(x, y, sample_weight)
        update(x, y, sample_weight, y_pred, loss)
        return []

    return measure


def make_captured_test_step(trainer: Preparation) -> tuple[Step, Captured]:
    """Returns an evaluation step that replays, and what it replays."""
    captured, objective = Captured(_make_measure(trainer)), trainer.objective

    def test_step(x: Any, y: Any, sample_weight: Any = None) -> None:
        (captured if objective.checked else captured.plainly)(x, y, sample_weight)

    return test_step, captured


def make_test_step(trainer: Preparation) -> Step:
    """Returns the built-in evaluation step: forward, loss, accumulate."""
    loss_of, update = make_loss(trainer, ExtraLosses(trainer.model)), make_update(trainer)

    def test_step(x: Any, y: Any, sample_weight: Any = None) -> None:
        y_pred, loss = loss_of(x, y, sample_weight)
        update(x, y, sample_weight, y_pred, loss)

    return test_step


def make_overridden_step(method: Callable[[Any], Any]) -> Step:
    """Returns a step that calls the model's own `train_step`, `test_step` or `predict_step` with Keras's `data`."""

    def step(x: Any, y: Any, sample_weight: Any = None) -> Any:
        return method(pack_x_y_sample_weight(x, y, sample_weight))

    return step
