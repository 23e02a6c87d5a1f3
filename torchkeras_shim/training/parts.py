"""What a step is made of, and the closures that all steps share: forward pass, loss, and accumulation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from torchkeras_shim.core import sharded, tree
from torchkeras_shim.core.torch_private import is_hooked
from torchkeras_shim.distribution.portion import Work
from torchkeras_shim.distribution.processes import Processes
from torchkeras_shim.distribution.tensors import is_cut
from torchkeras_shim.layers import called, calling
from torchkeras_shim.layers.explaining import explain
from torchkeras_shim.training.measures import Measures
from torchkeras_shim.training.objective import Objective

#: `step(x, y, sample_weight)`: what is done with one batch. The batch lives on the model's device.
Step = Callable[..., Any]

_Tensor = torch.Tensor
_PACKAGE = __name__.partition(".")[0]
_FIT_ERRORS = (RuntimeError, IndexError)


@dataclass(frozen=True, eq=False)
class Parts:
    """Everything that a step is made from, as it is when the step is bound.

    Attributes:
        model: The model.
        forward: Its forward pass, for batches that live on its device.
        objective: The compiled loss.
        measures: The compiled metrics.
        loss_tracker: The mean of the loss over the epoch.
        optimizer: The optimizer; `None` if nothing is trained.
        parameters: The weights that it updates.
        metrics: All metrics that a step may write to, those of layers included.
        device: Where the model lives.
        processes: All that train together with this one, if there are any.
        distribution: How they share the work.
    """

    model: Any
    forward: Callable[[Any], Any]
    objective: Objective
    measures: Measures
    loss_tracker: Any
    optimizer: Any
    parameters: Sequence[torch.Tensor]
    metrics: Sequence[Any]
    device: torch.device
    processes: Processes | None = None
    distribution: Any = None


def batch_size_of(x: Any) -> int:
    """Returns the number of samples of a batch."""
    shapes: Iterator[Any] = (getattr(leaf, "shape", ()) for leaf in tree.flatten(x))  # of text and ragged rows, too
    return next((int(shape[0]) for shape in shapes if len(shape)), 1)


class ExtraLosses:
    """What is added to the compiled loss: weight regularizers, known beforehand, and what layers add while they run."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._penalties = [
            (weight._regularizer, weight)
            for weight in model.trainable_weights
            if getattr(weight, "_regularizer", None) is not None
        ]
        self._gradients: list[tuple[torch.Tensor, torch.Tensor]] = []  # of penalties on weights that are cut
        self._adders: list[Any] = []
        self._adders_seen = -1
        self._any = bool(self._penalties)

    def refresh(self) -> bool:
        """Takes in layers that have added a loss for the first time. Returns whether there is anything to add."""
        if self._adders_seen != called.Flags.adders:
            self._adders_seen = called.Flags.adders
            self._adders = calling.adders_in(self._model)
            self._any = bool(self._penalties or self._adders)
        return self._any

    def add_to(self, loss: torch.Tensor) -> torch.Tensor:
        """Returns the loss with everything added; of several processes, each adds its share."""
        share = 1.0 if Work.sharing is None else Work.sharing.share
        for regularizer, weight in self._penalties:
            penalty = self._of_gathered(regularizer, weight) if sharded.is_gathered(weight) else regularizer(weight)
            loss = loss + penalty * share
        for layer in self._adders:
            for added in layer._added_losses:
                loss = loss + (added.sum() if added.ndim else added) * share
        return loss

    def _of_gathered(self, regularizer: Any, weight: torch.Tensor) -> torch.Tensor:
        """Returns the penalty on a weight that is cut over processes; its gradient waits for the end of the step.

        Each process computes it from the whole weight, one weight after the other.
        """
        leaf = sharded.whole(weight).detach().requires_grad_(torch.is_grad_enabled() and weight.requires_grad)
        penalty: torch.Tensor = regularizer(leaf)
        if penalty.requires_grad:
            (gradient,) = torch.autograd.grad(penalty, leaf)
            self._gradients.append((weight, sharded.part(gradient, weight)))
        return penalty.detach()

    def add_gradients(self, scale: Any) -> None:
        """Adds the gradients of penalties on weights that are cut over processes, times a scale."""
        for weight, gradient in self._gradients:
            if weight.grad is None:
                weight.grad = sharded.cut(torch.zeros_like(gradient), weight)
            sharded.local(weight.grad).add_(gradient * scale)
        self._gradients = []

    def clear(self) -> None:
        """Forgets what layers added in the step before."""
        self._gradients = []
        for layer in self._adders:
            layer._added_losses.clear()


def make_forward(model: Any, compile_options: dict[str, Any] | None = None) -> Callable[[Any], Any]:
    """Returns the model's forward pass for batches that already live on its device.

    Args:
        model: The model.
        compile_options: Options of `torch.compile` if the pass is to go through it; `None` for as it is written. Each
            shape is compiled by itself unless they say otherwise: not all kernels can be compiled for symbolic ones.
    """
    if not type(model).__call__.__module__.startswith(_PACKAGE):
        return lambda x: model(x)  # a class with a `__call__` of its own
    run: Callable[[Any], Any] = partial(torch.nn.Module.__call__, model)  # with hooks, without a second look at x
    if is_cut(model):
        return lambda x: tree.map_structure(sharded.gathered, model(x))
    if model._run_graph is not None and len(model.inputs) == 1 and not is_hooked(model):
        graph = model._run_graph.runner  # the graph's own function

        def run(x: Any) -> Any:
            return graph(x) if type(x) is _Tensor else model(x)

    if compile_options is not None:
        run = torch.compile(run, **{"dynamic": False, **compile_options})
    cast, declared, standardized = model._input_cast, model._declared, model._standardized
    rank = None if declared is None else declared.ndim
    if cast is None:
        return run

    def forward(x: Any) -> Any:
        if type(x) is not _Tensor:
            x = standardized(x)
        if type(x) is _Tensor:
            if x.dtype is not cast:
                x = x.to(cast)
            if rank is not None and x.ndim != rank:
                x = declared.aligned(x)
        return run(x)

    return forward


def make_loss(parts: Parts, extra: ExtraLosses) -> Callable[[Any, Any, Any], Any]:
    """Returns a function from a batch to its outputs and its whole loss.

    Args:
        parts: What the step is made from.
        extra: What is added to the compiled loss.
    """
    objective, model, forward = parts.objective, parts.model, parts.forward
    flags, thread = called.Flags, called.thread
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
            explain(model, (x,), error)
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


def make_update(parts: Parts) -> Callable[[Any, Any, Any, Any, Any], None]:
    """Returns a function that accumulates the loss and the metrics of a batch on the device."""
    total, count = parts.loss_tracker.total, parts.loss_tracker.count
    measures = parts.measures
    direct = measures.direct_updates

    def update(x: Any, y: Any, sample_weight: Any, y_pred: Any, loss: Any) -> None:
        portion = Work.sharing
        if portion is not None:  # the loss is a share of that of a larger batch
            if not portion.rows:
                return
            whole, size = portion.total, portion.rows
        else:
            whole = size = x.shape[0] if type(x) is _Tensor else batch_size_of(x)
        total.add_(loss, alpha=whole)
        count.add_(size)
        if direct is None:
            measures.update(y, y_pred, sample_weight)
        else:
            for update_state in direct:
                update_state(y, y_pred)

    return update


def make_backward(parts: Parts) -> Callable[[Any, Any, Any], list[Any]]:
    """Returns a function from a batch to gradients by way of `backward`, which calls hooks; it updates the metrics."""
    optimizer, parameters = parts.optimizer, parts.parameters
    loss_of, update = make_loss(parts, ExtraLosses(parts.model)), make_update(parts)
    scales = getattr(optimizer, "loss_scale_factor", None) is not None

    def gradients(x: Any, y: Any, sample_weight: Any) -> list[Any]:
        for parameter in parameters:  # what an optimizer of torch was given is still there
            parameter.grad = None
        with torch.enable_grad():
            y_pred, loss = loss_of(x, y, sample_weight)
            (optimizer.scale_loss(loss) if scales else loss).backward()
        grads = [parameter.grad for parameter in parameters]
        for parameter in parameters:
            parameter.grad = None
        update(x, y, sample_weight, y_pred, loss)
        return grads

    return gradients
