"""What `compile()` was told, and what the first batch adds to it: plans, parameters, bound steps, metrics."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import torch

from torchkeras_shim import metrics as metrics_module
from torchkeras_shim import optimizers as optimizers_module
from torchkeras_shim.core import tree
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.layers import calling
from torchkeras_shim.layers.weights import StructureVersion
from torchkeras_shim.training import predictions, steps
from torchkeras_shim.training.choice import choose
from torchkeras_shim.training.choice.report import Report
from torchkeras_shim.training.choice.survey import Survey
from torchkeras_shim.training.measures import Measures
from torchkeras_shim.training.objective import Objective

_SMALL_INTEGERS = ("uint8", "int8", "int16", "uint16", "int32")

Function = TypeVar("Function", bound=Callable[..., Any])


class Preparation:
    """Holds everything that a step of training or evaluation is made from.

    Args:
        model: The model; its methods `train_step`, `test_step`, `predict_step`, `compute_loss` and `compute_metrics`
            are called where a subclass overrides them.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.compiled = False
        self.optimizer: Any = None
        self.stop_training = False
        self.stop_evaluating = False
        self.stop_predicting = False
        self.history: Any = None
        self.objective = Objective(None, None)
        self.measures = Measures(None, None)
        self.loss_tracker = metrics_module.Mean(name="loss")
        self.run_eagerly = False
        self.jit_compile: Any = "auto"
        self.steps_per_execution = 1
        self.parameters: list[torch.Tensor] = []
        self.optimizer_argument: Any = None
        self._train_step: steps.Step | None = None
        self._test_step: steps.Step | None = None
        self._predict_step: steps.Step | None = None
        self._forward: Callable[[Any], Any] | None = None
        self._version = self._test_version = self._predict_version = -1
        self._fingerprint: Any = None
        #: How many steps the loops that are running will take, as far as anybody knows.
        self.planned_steps = self.planned_test_steps = self.planned_predict_steps = math.inf
        #: What ran how, by the name of the method: for `explain_step`.
        self.reports: dict[str, Report] = {}
        self.data_places: list[str] = []
        self.told: set[str] = set()  # why what was asked for does not work, as far as the user has heard it
        self.epoch_seconds: tuple[float, int] | None = None
        self.sample: Any = None  # a batch

    def __getstate__(self) -> dict[str, Any]:
        """Leaves the bound steps out of copies and pickles; they are made again at the next batch."""
        unbound = dict.fromkeys(
            ("_train_step", "_test_step", "_predict_step", "_forward", "_fingerprint", "history", "sample")
        )
        return {**self.__dict__, **unbound, "reports": {}}

    # compile --------------------------------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any,
        loss: Any,
        loss_weights: Any,
        metrics: Any,
        weighted_metrics: Any,
        run_eagerly: bool,
        steps_per_execution: int,
        jit_compile: Any,
        auto_scale_loss: bool,
    ) -> None:
        """Notes what training is to do. Weights and architecture stay untouched."""
        choose.check(jit_compile, run_eagerly)
        if not isinstance(steps_per_execution, int) or steps_per_execution < 1:
            raise ValueError(f"`steps_per_execution` must be a positive integer. Received: {steps_per_execution!r}")
        objective, measures = Objective(loss, loss_weights), Measures(metrics, weighted_metrics)
        self.optimizer_argument = optimizer
        needs_parameters = isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Optimizer)
        self.auto_scale_loss = bool(auto_scale_loss)
        self.optimizer = None if needs_parameters else self._scaling(optimizers_module.as_optimizer(optimizer, []))
        self.objective, self.measures = objective, measures
        self.loss_tracker = metrics_module.Mean(name="loss")
        self.run_eagerly = bool(run_eagerly)
        self.jit_compile = jit_compile if jit_compile is not None else "auto"
        self.steps_per_execution = steps_per_execution
        self.stop_training = False
        self.compiled = True
        self.reports, self.told, self.sample, self.epoch_seconds = {}, set(), None, None
        self.invalidate()

    def require_compiled(self, what: str) -> None:
        """Raises Keras's error where `compile` was not called, with the line to write."""
        if not self.compiled:
            raise ValueError(
                f"You must call `compile()` before using the model: `{what}` needs a loss. Write, for example,\n"
                "    model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])"
            )

    def invalidate(self) -> None:
        """Lets the next batch bind the steps anew."""
        self._train_step = self._test_step = self._predict_step = self._forward = self._fingerprint = None

    def recheck(self) -> None:
        """Lets the next batch bind the steps anew where a setting, a hook or a weight's memory has changed."""
        generation = getattr(self.optimizer, "_generation", 0)
        fingerprint = (id(self.optimizer), generation, *Survey(self).fingerprint)
        if fingerprint != self._fingerprint:
            self.invalidate()
            self._fingerprint = fingerprint

    # Preparing ------------------------------------------------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        """Where the model lives."""
        return calling.device_of(self.model)

    def overrides(self, name: str) -> bool:
        """Tells whether the model's class overrides a method that the built-in step would go without."""
        return not getattr(getattr(type(self.model), name), "_is_builtin", False)

    def build(self, batch: Any) -> None:
        """Builds what only the first batch can tell: weights, losses and metrics."""
        x, y, _ = batch
        own_step = self.overrides("train_step")
        try:
            y_spec = self._output_spec(x)
        except Exception:
            if not own_step:
                raise
            return  # a model that is trained by its own step alone (a GAN, say) need not be callable
        self.build_plans(y, y_spec)

    def _output_spec(self, x: Any) -> Any:
        """Builds the model for a batch's shapes. Returns its symbolic outputs, `None` where nobody needs them."""
        model = self.model
        planned = self.measures.built and (self.objective.built or self.objective.loss is None)
        if is_built(model) and (planned or not self.compiled):
            return None
        with calling.scope_of(model):
            specs = tree.map_structure(_symbolic, model._standardized(x))
            y_spec = model._unpacked(model.compute_output_spec(specs))
        if y_spec is None and not self.overrides("compute_loss"):
            predictions.require_outputs(y_spec)
        model._note_shapes((specs,))
        model.__dict__["built"] = True
        return y_spec

    def build_plans(self, y: Any, y_pred: Any) -> None:
        """Resolves the losses and metrics for targets and outputs, or their symbolic images, if that is still to do."""
        if not self.compiled:
            return
        device = self.device
        if y is not None and y_pred is not None:
            if not self.objective.built and self.objective.loss is not None:
                self.objective.build(y, y_pred, self.model.output_names, device)
            if not self.measures.built:
                self.measures.build(y, y_pred, self.model.output_names, device)
        self.loss_tracker.to(device)

    def _scaling(self, optimizer: Any) -> Any:
        """Lets the optimizer scale the loss where gradients are float16, which cannot hold small ones."""
        scaling = optimizers_module.LossScaleOptimizer
        wanted = self.auto_scale_loss and self.model.dtype_policy.name == "mixed_float16"
        if not wanted or optimizer is None or isinstance(optimizer, scaling):
            return optimizer
        return scaling(optimizer, name="loss_scale_optimizer")

    def build_optimizer(self) -> None:
        """Gives the optimizer its variables; once per `compile`."""
        self.parameters = list(self.model.trainable_weights)
        if self.optimizer is None:
            self.optimizer = self._scaling(optimizers_module.as_optimizer(self.optimizer_argument, self.parameters))
        if self.optimizer is None:
            if self.overrides("train_step"):
                return  # it has optimizers of its own
            raise ValueError(
                "There is no optimizer to train with: `compile()` was called with `optimizer=None`. Write, for "
                "example, `model.compile(optimizer='adam', loss=...)`."
            )
        if self.parameters and not self.optimizer.built:
            self.optimizer.build(self.parameters)

    @property
    def forward(self) -> Callable[[Any], Any]:
        """The model's forward pass as it is written."""
        if self._forward is None:
            self._forward = steps.make_forward(self.model, None)
        return self._forward

    def train_step(self) -> steps.Step:
        """Returns the training step, bound anew where the model's structure has changed."""
        if self._train_step is None or self._version != StructureVersion.value:
            self.build_optimizer()
            self._version = StructureVersion.value
            self._test_step = self._forward = None
            custom = self.overrides("train_step") or self.overrides("compute_loss") or self.overrides("compute_metrics")
            if custom or self.run_eagerly:
                self.reports["fit"] = Report("eager", self._why_eager("train_step"))
                self._train_step = steps.make_overridden_step(self.model.train_step)
            else:
                self.require_loss()
                self._train_step = choose.train_step(self)
        return self._train_step

    def test_step(self) -> steps.Step:
        """Returns the evaluation step."""
        if self._test_step is None or self._test_version != StructureVersion.value:
            self._test_version = StructureVersion.value
            custom = self.overrides("test_step") or self.overrides("compute_loss") or self.overrides("compute_metrics")
            if custom or self.run_eagerly:
                self.reports["evaluate"] = Report("eager", self._why_eager("test_step"))
                self._test_step = steps.make_overridden_step(self.model.test_step)
            else:
                self.require_loss()
                self._test_step = choose.test_step(self)
        return self._test_step

    def predict_step(self) -> steps.Step:
        """Returns the step of `predict`: it takes what the others take and returns the outputs."""
        if self._predict_step is None or self._predict_version != StructureVersion.value:
            self._predict_version = StructureVersion.value
            if self.overrides("predict_step"):
                self.reports["predict"] = Report("eager", self._why_eager("predict_step"))
                own = self.model.predict_step
                self._predict_step = lambda x, y=None, sample_weight=None: own((x,))
            else:
                self._predict_step = choose.predict_step(self)
        return self._predict_step

    def _why_eager(self, method: str) -> str:
        if self.run_eagerly:
            return "run_eagerly=True"
        own = [name for name in (method, "compute_loss", "compute_metrics") if self.overrides(name)]
        return f"the model has a `{own[0]}` of its own"

    def require_loss(self) -> None:
        """Raises where there is no loss to compute, with the line to write."""
        if not self.objective.built:
            if self.objective.loss is None:
                if steps.ExtraLosses(self.model).refresh():
                    return
                raise ValueError(
                    "No loss to compute. Provide a `loss` argument in `compile()`, for example "
                    "`model.compile(optimizer='adam', loss='mse')`, call `add_loss` in a layer, or override "
                    "`compute_loss` or `train_step`."
                )
            raise ValueError("The data has no targets, but the loss needs them. Pass `y`, or batches of `(x, y)`.")

    def _labels(self, y: Any) -> Any:
        """Widens small-integer labels once, where the built-in step would do it in every batch.

        Torch's kernels index classes by int64. A step of the user's own gets the labels as they were given.
        """
        if self.overrides("train_step") or self.run_eagerly:
            return y

        def widen(leaf: Any) -> Any:
            shape, kind = getattr(leaf, "shape", None), str(getattr(leaf, "dtype", "")).removeprefix("torch.")
            if kind not in _SMALL_INTEGERS or not (len(shape or ()) == 1 or (shape or ())[1:] == (1,)):
                return leaf
            return leaf.long() if isinstance(leaf, torch.Tensor) else leaf.astype("int64")

        return tree.map_structure(widen, y) if y is not None else None

    # Metrics --------------------------------------------------------------------------------------------------------

    @property
    def metrics(self) -> list[Any]:
        """The loss tracker, the losses of single outputs, the compiled metrics and those of layers."""
        own = [self.loss_tracker] if self.compiled else []
        return [*own, *self.objective.trackers, *_layer_metrics(self.model), *self.measures.metrics]

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns, in its order."""
        planned = {id(metric): name for metric, name in zip(self.measures.metrics, self.measures.names, strict=True)}
        others = [metric.name for metric in self.model.metrics if id(metric) not in planned]
        tracked = len(self.objective.trackers) + self.compiled
        return [*others[:tracked], *planned.values(), *others[tracked:]]

    def reset_metrics(self) -> None:
        """Starts every metric over."""
        for metric in self.model.metrics:
            metric.reset_state()

    def results(self) -> dict[str, Any]:
        """Returns the running results by the names of the logs, still on the device."""
        results: dict[str, Any] = {"loss": self.loss_tracker.result()} if self.compiled else {}
        trackers = self.objective.trackers
        results.update({tracker.name: tracker.result() for tracker in trackers})
        results.update(self.measures.results())
        planned = {id(metric) for metric in (self.loss_tracker, *trackers, *self.measures.metrics)}
        for metric in self.model.metrics:
            if id(metric) not in planned:
                result = metric.result()
                results.update(result if isinstance(result, dict) else {metric.name: result})
        return results

    def logs(self, returned: Any) -> dict[str, Any]:
        """Returns the logs of the batches so far: the metrics' results, or what the user's own step returned."""
        if returned is None:
            return self.results()
        current = self.results()
        if isinstance(returned, dict):
            if set(returned) != set(current):
                return returned
            if "loss" in returned and any(metric is self.loss_tracker for metric in self.model.metrics):
                # A step of the user's own that returns its loss without a tracker: ours has seen nothing.
                current["loss"] = torch.where(self.loss_tracker.count > 0, current["loss"], returned["loss"])
            return current
        raise ValueError(f"`train_step` and `test_step` must return a dict of logs. Received: {returned!r}")

    def in_order(self, values: dict[str, Any]) -> Any:
        """Returns results as `evaluate` does: the loss first, then the metrics; one number alone if there is one."""
        names = [name for name in self.results() if name in values]
        ordered = [values[name] for name in names] + [value for name, value in values.items() if name not in names]
        return ordered[0] if len(ordered) == 1 else ordered


def _symbolic(leaf: Any) -> Any:
    if not isinstance(leaf, torch.Tensor):
        return leaf
    return KerasTensor((None, *leaf.shape[1:]) if leaf.ndim else (), leaf.dtype)


def is_built(model: Any) -> bool:
    """Tells whether a model and every layer in it have their weights."""
    return all(module.__dict__.get("built", True) for module in model.modules())


def _layer_metrics(model: Any) -> list[Any]:
    seen: dict[int, Any] = {}
    for module in model.modules():
        for value in module.__dict__.values():
            if isinstance(value, metrics_module.Metric):
                seen.setdefault(id(value), value)
    return list(seen.values())


def builtin(method: Function) -> Function:
    """Marks a method of `Model` as the built-in one: a class whose method has no such mark overrides it."""
    method._is_builtin = True  # type: ignore[attr-defined]
    return method
