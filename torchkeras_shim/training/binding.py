"""The binding: what `compile()` was told and the first batch make the parts, and the parts make the steps.

What is bound is kept until it is out of date; docs/concepts/architecture.md lists who notices.
"""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any, NamedTuple

import torch

from torchkeras_shim import metrics as metrics_module
from torchkeras_shim import optimizers as optimizers_module
from torchkeras_shim.core import tree
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.text import StringTensor
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.layers import calling
from torchkeras_shim.layers.weights import StructureVersion
from torchkeras_shim.training.choice.choose import WAYS, Wish, choose
from torchkeras_shim.training.choice.glance import Glance
from torchkeras_shim.training.choice.one_thread import Size, on_one_thread_if_small
from torchkeras_shim.training.choice.report import Report
from torchkeras_shim.training.choice.survey import Survey
from torchkeras_shim.training.compiled import Compiled
from torchkeras_shim.training.measures import Measures
from torchkeras_shim.training.objective import Objective
from torchkeras_shim.training.own_steps import (
    STEP_FUNCTIONS,
    make_own_function_step,
    make_own_prediction,
    make_own_step,
    overrides,
    own_function_name,
)
from torchkeras_shim.training.parts import ExtraLosses, Parts, Step, make_forward
from torchkeras_shim.training.predictions import require_outputs
from torchkeras_shim.training.results import Results
from torchkeras_shim.training.several import make_several_own, make_several_prediction
from torchkeras_shim.training.team import ALONE, Team

#: The methods of a model that take the place of the built-in step where a class overrides one of them.
_OWN = {
    "fit": ("train_step", "compute_loss", "compute_metrics"),
    "evaluate": ("test_step", "compute_loss", "compute_metrics"),
    "predict": ("predict_step",),
}


class _Bound(NamedTuple):
    """A step, the version of all structure that it was bound to, and whether it is one of the model's own."""

    step: Step
    version: int
    own: bool


class Binding:
    """Everything that one `compile` has brought about: losses, metrics, the optimizer, and the bound steps.

    Args:
        model: The model; its methods `train_step`, `test_step`, `predict_step`, `compute_loss` and `compute_metrics`
            are called where a subclass overrides them.
        told: What `compile` was told; `None` as long as it has not been called.
    """

    def __init__(self, model: Any, told: Compiled | None = None) -> None:
        self.model = model
        self.is_compiled = told is not None
        self.told = told = told if told is not None else Compiled()
        self.objective = Objective(told.loss, told.loss_weights)
        self.measures = Measures(told.metrics, told.weighted_metrics)
        self.loss_tracker = metrics_module.Mean(name="loss")
        self.results = Results(
            model, self.objective, self.measures, loss_tracker=self.loss_tracker if self.is_compiled else None
        )
        self.optimizer = None if _needs_parameters(told.optimizer) else self._as_optimizer([])
        self.parameters: list[torch.Tensor] = []
        #: What ran how, by the name of the method: for `explain_step`.
        self.reports: dict[str, Report] = {}
        #: How large their steps are.
        self.sizes = {name: Size() for name in WAYS}
        self._heard: set[str] = set()  # why what was asked for does not work, as far as the user has heard it
        self._bound: dict[str, _Bound] = {}
        self._fingerprint: Any = None
        #: What tells quickly that the fingerprint still holds, by the mode of the model.
        self._glances: dict[bool, tuple[Any, Glance]] = {}
        #: The processes to work with.
        self.team: Team = ALONE

    def __getstate__(self) -> dict[str, Any]:
        """Leaves the bound steps out of copies and pickles; they are made again at the next batch."""
        return {**self.__dict__, "_bound": {}, "_fingerprint": None, "_glances": {}, "reports": {}, "team": ALONE}

    # What is out of date ----------------------------------------------------------------------------------------------

    def unbind(self) -> None:
        """Lets every step be bound again when it is next asked for."""
        self._bound.clear()
        self._fingerprint = None
        self._glances.clear()

    def recheck(self) -> None:
        """Unbinds the steps where a setting, a hook or a weight's memory has changed since the last look."""
        generation = getattr(self.optimizer, "_generation", 0)
        own = tuple(id(getattr(self.model, name)) for name in STEP_FUNCTIONS.values())
        settings = (id(self.optimizer), generation, Variable.overwriting_changes, own)
        measuring = (*self.objective.losses, *self.results.compiled)
        told, glance = self._glances.get(self.model.training, (None, None))
        if glance is not None and told == settings and glance.holds(measuring):
            return
        metrics = self.results.metrics
        survey = Survey(self.model, self.objective.losses, metrics)
        fingerprint = (*settings, *survey.fingerprint)
        if fingerprint != self._fingerprint:
            self.unbind()
            self._fingerprint = fingerprint
        self._glances[self.model.training] = settings, Glance(self.model, measuring, metrics, survey)

    def recheck_single(self) -> None:
        """Does the same for a single batch outside of a loop: nothing is replayed there unless that was asked for."""
        if self.told.jit_compile in (True, "captured", "cuda_graph"):
            self.recheck()
        elif self._fingerprint is not None:
            self.unbind()  # what a loop has bound may be replaying

    def work_with(self, team: Team) -> None:
        """Binds the steps again if this process works with others now, or does not any more."""
        if team.processes is not self.team.processes or team.distribution is not self.team.distribution:
            self.unbind()
        self.team = team

    def set_optimizer(self, optimizer: Any) -> None:
        """Goes on with another optimizer."""
        self.optimizer = optimizer
        self.unbind()

    def set_run_eagerly(self, run_eagerly: bool) -> None:
        """Goes on with the model's own steps, or without."""
        self.told = replace(self.told, run_eagerly=run_eagerly)
        self.unbind()

    def set_jit_compile(self, jit_compile: Any) -> None:
        """Runs the steps in another way from now on."""
        told = replace(self.told, jit_compile="auto" if jit_compile is None else jit_compile)
        told.check()
        self.told = told
        self.unbind()

    # What the first batch tells ---------------------------------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        """Where the model lives."""
        return calling.device_of(self.model)

    @property
    def is_resolved(self) -> bool:
        """Whether losses and metrics are known objects."""
        return self.measures.built and (self.objective.built or self.objective.loss is None)

    def build(self, batch: Any) -> None:
        """Builds what only the first batch can tell: weights, losses and metrics."""
        x, y, _ = batch
        try:
            y_spec = self._output_spec(x)
        except Exception:
            if not overrides(self.model, "train_step"):
                raise
            return  # a model that is trained by its own step alone (a GAN, say) need not be callable
        self.resolve(y, y_spec)

    def _output_spec(self, x: Any) -> Any:
        """Builds the model for a batch's shapes. Returns its symbolic outputs, `None` where nobody needs them."""
        model = self.model
        if calling.is_built(model) and (self.is_resolved or not self.is_compiled):
            return None
        with calling.scope_of(model):
            specs = tree.map_structure(_symbolic, model._standardized(x))
            y_spec = model._unpacked(model.compute_output_spec(specs))
        if y_spec is None and not overrides(model, "compute_loss"):
            require_outputs(y_spec)
        model._note_shapes((specs,))
        model.__dict__["built"] = True
        return y_spec

    def resolve(self, y: Any, y_pred: Any) -> None:
        """Resolves the losses and metrics for targets and outputs, or their symbolic images, if that is still to do."""
        if not self.is_compiled:
            return
        device = self.device
        if y is not None and y_pred is not None:
            if not self.objective.built and self.objective.loss is not None:
                self.objective.build(y, y_pred, self.model.output_names, device)
            if not self.measures.built:
                with_loss = self.objective.outputs.with_loss if self.objective.built else ()
                self.measures.build(y, y_pred, self.model.output_names, device, with_loss)
        self.loss_tracker.to(device)

    def require_compiled(self, what: str) -> None:
        """Raises Keras's error if `compile` was not called, with the line to write."""
        if not self.is_compiled:
            raise ValueError(
                f"You must call `compile()` before using the model: `{what}` needs a loss. Write, for example,\n"
                "    model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])"
            )

    def require_loss(self) -> None:
        """Raises if there is no loss to compute, with the line to write."""
        if self.objective.built:
            return
        if self.objective.loss is not None:
            raise ValueError("The data has no targets, but the loss needs them. Pass `y`, or batches of `(x, y)`.")
        if not ExtraLosses(self.model).refresh():
            raise ValueError(
                "No loss to compute. Provide a `loss` argument in `compile()`, for example "
                "`model.compile(optimizer='adam', loss='mse')`, call `add_loss` in a layer, or override "
                "`compute_loss` or `train_step`."
            )

    # The optimizer ----------------------------------------------------------------------------------------------------

    def build_optimizer(self) -> None:
        """Gives the optimizer its variables; once per `compile`."""
        self.parameters = list(self.model.trainable_weights)
        if self.optimizer is None:
            self.optimizer = self._as_optimizer(self.parameters)
        if self.optimizer is None:
            if overrides(self.model, "train_step"):
                return  # it has optimizers of its own
            raise ValueError(
                "There is no optimizer to train with: `compile()` was called with `optimizer=None`. Write, for "
                "example, `model.compile(optimizer='adam', loss=...)`."
            )
        if self.parameters and not self.optimizer.built:
            self.optimizer.build(self.parameters)

    def _as_optimizer(self, parameters: list[torch.Tensor]) -> Any:
        """Returns the optimizer asked for. It scales the loss where gradients are float16, which hold no small ones."""
        optimizer = optimizers_module.as_optimizer(self.told.optimizer, parameters)
        scaling = optimizers_module.LossScaleOptimizer
        if optimizer is None or isinstance(optimizer, scaling) or not self.told.auto_scale_loss:
            return optimizer
        if self.model.dtype_policy.name != "mixed_float16":
            return optimizer
        return scaling(optimizer, name="loss_scale_optimizer")

    # Parts and steps --------------------------------------------------------------------------------------------------

    def parts(self) -> Parts:
        """Returns what steps are made from, as it is now."""
        return Parts(
            model=self.model,
            forward=make_forward(self.model),
            objective=self.objective,
            measures=self.measures,
            loss_tracker=self.loss_tracker,
            optimizer=self.optimizer,
            parameters=self.parameters,
            metrics=self.results.metrics,
            device=self.device,
            processes=self.team.processes,
            distribution=self.team.distribution,
        )

    def step(self, method: str, planned: float = math.inf, *, mid_epoch: bool = False) -> Step:
        """Returns the step of a method, bound again if it is out of date.

        Args:
            method: `"fit"`, `"evaluate"` or `"predict"`.
            planned: How many steps the loop will take, as far as anybody knows.
            mid_epoch: Whether an epoch is under way. A step of the model's own, which may well freeze layers and
                unfreeze them in every batch, is then left as it is: it looks at the model itself.
        """
        bound = self._bound.get(method)
        if bound is None or (bound.version != StructureVersion.value and not (bound.own and mid_epoch)):
            bound = self._bound[method] = self._bind(method, planned)
        return bound.step

    def _bind(self, method: str, planned: float) -> _Bound:
        version = StructureVersion.value
        if method == "fit":
            self.build_optimizer()
            self._bound.pop("evaluate", None)
        report = self.reports[method] = Report()
        own = self._why_own(method)
        if own is not None:
            report.reason = own
            step = self._own_step(method)
        else:
            if method != "predict":
                self.require_loss()
            wish = Wish(self.told.jit_compile, planned, report=report, heard=self._heard)
            step = choose(WAYS[method], self.parts(), wish)
        processes = self.team.processes
        if report.strategy != "torch.compile" and processes is None:
            report.size = self.sizes[method]
            step = on_one_thread_if_small(step, self.model, self.device, report.size)
        if method == "predict" and processes is not None:
            step = make_several_prediction(step, self.model, self.device, processes)
        return _Bound(step, version, own=own is not None)

    def _own_step(self, method: str) -> Step:
        call = getattr(self.model, _OWN[method][0])
        function = own_function_name(self.model, method)
        if method == "predict":
            return make_own_prediction(call) if function is None else make_own_function_step(self.model, method)
        step = make_own_step(call) if function is None else make_own_function_step(self.model, method)
        processes, distribution = self.team.processes, self.team.distribution
        if processes is None or distribution is None:
            return step
        return make_several_own(
            step,
            self.model,
            self.device,
            processes=processes,
            distribution=distribution,
            metrics=lambda: self.model.metrics,
        )

    def _why_own(self, method: str) -> str | None:
        """Returns why a method calls the model's own step; `None` if the built-in one takes its place."""
        function = own_function_name(self.model, method)
        if function is not None:
            return f"the model has a `{function}` of its own"
        if self.told.run_eagerly and method != "predict":
            return "run_eagerly=True"
        own = [name for name in _OWN[method] if overrides(self.model, name)]
        return f"the model has a `{own[0]}` of its own" if own else None

    def twin(self) -> tuple[Parts, Step]:
        """Returns parts and training step, as it is written, of a copy of the model, to be trained without a trace."""
        twin: Binding = copy.deepcopy(self)
        twin.told = replace(twin.told, jit_compile=False)
        twin.model.train()
        step = twin.step("fit", planned=0)
        return twin.parts(), step


def _needs_parameters(optimizer: Any) -> bool:
    return isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Optimizer)


def _symbolic(leaf: Any) -> Any:
    if not isinstance(leaf, (torch.Tensor, StringTensor)):
        return leaf
    return KerasTensor((None, *leaf.shape[1:]) if leaf.ndim else (), leaf.dtype)
