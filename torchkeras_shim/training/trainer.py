"""`Trainer`: everything that `compile`, `fit`, `evaluate` and `predict` need and the model itself does not.

A plain object beside the model, not a mixin: reading and writing its attributes costs nothing, and the model stays a
`torch.nn.Module` that knows nothing of training.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch

from torchkeras_shim import metrics as metrics_module
from torchkeras_shim import optimizers as optimizers_module
from torchkeras_shim.callbacks import CallbackList
from torchkeras_shim.core import tree
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.data import choose_adapter, train_validation_split, unpack_x_y_sample_weight
from torchkeras_shim.layers import calling
from torchkeras_shim.layers.input_spec import assert_input_compatibility
from torchkeras_shim.layers.weights import StructureVersion
from torchkeras_shim.training import logs as logs_module
from torchkeras_shim.training import resume, steps
from torchkeras_shim.training.loop import Feed, run_epoch
from torchkeras_shim.training.plan import LossPlan, MetricPlan
from torchkeras_shim.training.predictions import Predictions

_SMALL_INTEGERS = ("uint8", "int8", "int16", "uint16", "int32")

Function = TypeVar("Function", bound=Callable[..., Any])


class Trainer:
    """Holds what `compile()` was told and runs the loops.

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
        self.loss_plan = LossPlan(None, None)
        self.metric_plan = MetricPlan(None, None)
        self.loss_tracker = metrics_module.Mean(name="loss")
        self.run_eagerly = False
        self.jit_compile: bool | str = "auto"
        self.steps_per_execution = 1
        self.parameters: list[torch.Tensor] = []
        self.optimizer_argument: Any = None
        self._train_step: steps.Step | None = None
        self._test_step: steps.Step | None = None
        self._forward: Callable[[Any], Any] | None = None
        self._version = self._test_version = -1
        self._feed: Feed | None = None
        self._resumption: resume.Resumption | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leaves the bound steps out of copies and pickles; they are made again at the next batch."""
        unbound = dict.fromkeys(("_train_step", "_test_step", "_forward", "_feed", "history"))
        return {**self.__dict__, **unbound}

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
        jit_compile: bool | str,
        auto_scale_loss: bool,
    ) -> None:
        """Notes what training is to do. Weights and architecture stay untouched."""
        if jit_compile not in (True, False, "auto", None):
            raise ValueError(f"`jit_compile` must be True, False or 'auto'. Received: jit_compile={jit_compile!r}")
        if jit_compile is True and run_eagerly:
            raise ValueError("If `jit_compile` is True, then `run_eagerly` cannot be True.")
        if not isinstance(steps_per_execution, int) or steps_per_execution < 1:
            raise ValueError(f"`steps_per_execution` must be a positive integer. Received: {steps_per_execution!r}")
        loss_plan, metric_plan = LossPlan(loss, loss_weights), MetricPlan(metrics, weighted_metrics)
        self.optimizer_argument = optimizer
        needs_parameters = isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Optimizer)
        self.auto_scale_loss = bool(auto_scale_loss)
        self.optimizer = None if needs_parameters else self._scaling(optimizers_module.as_optimizer(optimizer, []))
        self.loss_plan, self.metric_plan = loss_plan, metric_plan
        self.loss_tracker = metrics_module.Mean(name="loss")
        self.run_eagerly = bool(run_eagerly)
        self.jit_compile = jit_compile if jit_compile is not None else "auto"
        self.steps_per_execution = steps_per_execution
        self.stop_training = False
        self.compiled = True
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
        self._train_step = self._test_step = self._forward = None

    # Preparing ------------------------------------------------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        """Where the model lives."""
        return calling.device_of(self.model)

    def overrides(self, name: str) -> bool:
        """Tells whether the model's class overrides a method that the built-in step would go without."""
        return not getattr(getattr(type(self.model), name), "_is_builtin", False)

    def build(self, batch: Any) -> None:
        """Builds what only the first batch can tell: weights, the plan, the optimizer's slots."""
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
        planned = self.metric_plan.built and (self.loss_plan.built or self.loss_plan.loss is None)
        if is_built(model) and (planned or not self.compiled):
            return None
        with calling.scope_of(model):
            specs = tree.map_structure(_symbolic, x)
            y_spec = model.compute_output_spec(specs)
        model._note_shapes((specs,))
        model.__dict__["built"] = True
        return y_spec

    def build_plans(self, y: Any, y_pred: Any) -> None:
        """Resolves the losses and metrics for targets and outputs, or their symbolic images, if that is still to do."""
        if not self.compiled:
            return
        device = self.device
        if y is not None and y_pred is not None:
            if not self.loss_plan.built and self.loss_plan.loss is not None:
                self.loss_plan.build(y, y_pred, self.model.output_names, device)
            if not self.metric_plan.built:
                self.metric_plan.build(y, y_pred, self.model.output_names, device)
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
        if self.parameters and not self.optimizer.built:
            self.optimizer.build(self.parameters)

    @property
    def forward(self) -> Callable[[Any], Any]:
        """The model's forward pass as the strategy in force runs it."""
        if self._forward is None:
            self._forward = steps.make_forward(self.model, self.jit_compile is True)
        return self._forward

    def train_step(self) -> steps.Step:
        """Returns the training step, bound anew where the model's structure has changed."""
        if self._train_step is None or self._version != StructureVersion.value:
            self.build_optimizer()
            self._version = StructureVersion.value
            self._test_step = self._forward = None
            custom = self.overrides("train_step") or self.overrides("compute_loss") or self.overrides("compute_metrics")
            if custom or self.run_eagerly:
                self._train_step = steps.make_overridden_step(self.model.train_step)
            else:
                self.require_loss()
                self._train_step = steps.make_train_step(self)
        return self._train_step

    def test_step(self) -> steps.Step:
        """Returns the evaluation step."""
        if self._test_step is None or self._test_version != StructureVersion.value:
            self._test_version = StructureVersion.value
            custom = self.overrides("test_step") or self.overrides("compute_loss") or self.overrides("compute_metrics")
            if custom or self.run_eagerly:
                self._test_step = steps.make_overridden_step(self.model.test_step)
            else:
                self.require_loss()
                self._test_step = steps.make_test_step(self)
        return self._test_step

    def require_loss(self) -> None:
        """Raises where there is no loss to compute, with the line to write."""
        if not self.loss_plan.built:
            if self.loss_plan.loss is None:
                raise ValueError(
                    "No loss to compute. Provide a `loss` argument in `compile()`, for example "
                    "`model.compile(optimizer='adam', loss='mse')`, or override `compute_loss` or `train_step`."
                )
            raise ValueError("The data has no targets, but the loss needs them. Pass `y`, or batches of `(x, y)`.")

    # Metrics --------------------------------------------------------------------------------------------------------

    @property
    def metrics(self) -> list[Any]:
        """The loss tracker, the compiled metrics, those of single outputs and those of layers."""
        own = [self.loss_tracker] if self.compiled else []
        return [*own, *_layer_metrics(self.model), *self.metric_plan.metrics, *self.loss_plan.trackers]

    def reset_metrics(self) -> None:
        """Starts every metric over."""
        for metric in self.model.metrics:
            metric.reset_state()

    def results(self) -> dict[str, Any]:
        """Returns the running results by the names of the logs, still on the device."""
        results: dict[str, Any] = {"loss": self.loss_tracker.result()} if self.compiled else {}
        results.update(self.metric_plan.results())
        planned = {id(metric) for metric in (self.loss_tracker, *self.metric_plan.metrics)}
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

    # fit ------------------------------------------------------------------------------------------------------------

    def fit(
        self,
        x: Any,
        y: Any,
        batch_size: int | None,
        epochs: int,
        verbose: Any,
        callbacks: Any,
        validation_split: float,
        validation_data: Any,
        shuffle: bool,
        class_weight: Any,
        sample_weight: Any,
        initial_epoch: int,
        steps_per_epoch: int | None,
        validation_steps: int | None,
        validation_batch_size: int | None,
        validation_freq: Any,
    ) -> Any:
        """Trains the model. See `Model.fit`."""
        self.require_compiled("fit")
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = train_validation_split((x, y, sample_weight), validation_split)
        self.place()
        adapter = choose_adapter(
            x,
            self._labels(y),
            sample_weight,
            batch_size=batch_size,
            steps=steps_per_epoch,
            shuffle=shuffle,
            class_weight=class_weight,
            device=self.device,
        )
        feed = Feed(adapter, steps_per_epoch)
        self._first_batch(feed, "fit")
        validation = None
        if validation_data is not None:
            val_x, val_y, val_weight = unpack_x_y_sample_weight(validation_data)
            validation = Feed(
                choose_adapter(
                    val_x,
                    self._labels(val_y),
                    val_weight,
                    batch_size=validation_batch_size,
                    fallback_batch_size=batch_size,
                    steps=validation_steps,
                    device=self.device,
                ),
                validation_steps,
            )
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(
                callbacks,
                add_history=True,
                add_progbar=verbose != 0,
                model=self.model,
                verbose=verbose,
                epochs=epochs,
                steps=feed.num_batches,
            )
        self.loss_plan.forget_checks()
        self._feed = feed
        try:
            with self._clean_after():
                return self._run_fit(feed, validation, callbacks, initial_epoch, epochs, validation_freq)
        finally:
            self._feed = None  # it holds the data

    def _run_fit(
        self, feed: Feed, validation: Feed | None, callbacks: CallbackList, initial_epoch: int, epochs: int, freq: Any
    ) -> Any:
        model = self.model
        self.stop_training = False
        self.train_step()
        training_logs: dict[str, Any] = {}
        self._resumption = None
        callbacks.on_train_begin()
        resumption = self._resumption  # a callback may have asked for one
        for epoch in range(resumption.epoch if resumption is not None else initial_epoch, epochs):
            done = resumption.batches if resumption is not None else 0
            if not done:
                self.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            model.train()
            batches = feed.epoch() if resumption is None else resumption.start(model, feed)
            resumption = None
            returned = run_epoch(
                batches,
                self.train_step(),
                on_begin=callbacks.on_train_batch_begin if callbacks.wants_train_batch_begin else None,
                on_end=self._batch_end(callbacks.on_train_batch_end) if callbacks.wants_train_batch_end else None,
                owner=self,
                stop_flag="stop_training",
                steps_per_execution=self.steps_per_execution,
                first=done,
            )
            feed.end()
            epoch_logs = logs_module.read(self.logs(returned))
            model.eval()
            if validation is not None and _is_due(epoch, freq):
                results = self._run_evaluate(validation, callbacks)
                epoch_logs.update({f"val_{name}": value for name, value in results.items()})
            callbacks.on_epoch_end(epoch, epoch_logs)
            training_logs = epoch_logs
            if self.stop_training:
                break
        if epochs > 0 and self.parameters:
            self.optimizer.finalize_variable_values(self.parameters)
        callbacks.on_train_end(training_logs)
        return self.history

    def get_state(self, epoch: int, batches: int) -> dict[str, Any]:
        """Returns where the running `fit` stands, as plain values, for `resume_from`.

        Args:
            epoch: The epoch to go on with.
            batches: How many batches of it are done.
        """
        assert self._feed is not None
        return resume.get_state(self.model, self._feed, epoch, batches)

    def resume_from(self, state: dict[str, Any]) -> None:
        """Lets the `fit` that is beginning go on where `get_state` saw another one. Call it in `on_train_begin`."""
        self._resumption = resume.Resumption(state)

    def _batch_end(self, hook: Callable[[int, Any], None]) -> Callable[[int, Any], None]:
        def on_end(index: int, returned: Any) -> None:
            hook(index, logs_module.LazyLogs(lambda: self.logs(returned)))

        return on_end

    # evaluate and predict -------------------------------------------------------------------------------------------

    def evaluate(
        self,
        x: Any,
        y: Any,
        batch_size: int | None,
        verbose: Any,
        sample_weight: Any,
        number_of_steps: int | None,
        callbacks: Any,
        return_dict: bool,
    ) -> Any:
        """Computes the loss and metrics. See `Model.evaluate`."""
        self.require_compiled("evaluate")
        self.place()
        adapter = choose_adapter(
            x, self._labels(y), sample_weight, batch_size=batch_size, steps=number_of_steps, device=self.device
        )
        feed = Feed(adapter, number_of_steps)
        self._first_batch(feed, "evaluate")
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(
                callbacks,
                add_progbar=verbose != 0,
                model=self.model,
                verbose=verbose,
                epochs=1,
                steps=feed.num_batches,
            )
        self.loss_plan.forget_checks()
        with self._clean_after():
            results = self._run_evaluate(feed, callbacks)
        return results if return_dict else self.in_order(results)

    def _run_evaluate(self, feed: Feed, callbacks: CallbackList) -> dict[str, Any]:
        self.model.eval()
        self.stop_evaluating = False
        callbacks.on_test_begin()
        self.reset_metrics()
        with torch.no_grad():
            returned = run_epoch(
                feed.epoch(),
                self.test_step(),
                on_begin=callbacks.on_test_batch_begin if callbacks.wants_test_batch_begin else None,
                on_end=self._batch_end(callbacks.on_test_batch_end) if callbacks.wants_test_batch_end else None,
                owner=self,
                stop_flag="stop_evaluating",
                steps_per_execution=self.steps_per_execution,
            )
        feed.end()
        results = logs_module.read(self.logs(returned))
        callbacks.on_test_end(results)
        return results

    def predict(self, x: Any, batch_size: int | None, verbose: Any, number_of_steps: int | None, callbacks: Any) -> Any:
        """Computes the outputs as numpy arrays. See `Model.predict`."""
        self.place()
        adapter = choose_adapter(x, batch_size=batch_size, steps=number_of_steps, device=self.device)
        feed = Feed(adapter, number_of_steps)
        if not is_built(self.model):
            self._first_batch(feed, "predict")
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(
                callbacks,
                add_progbar=verbose != 0,
                model=self.model,
                verbose=verbose,
                epochs=1,
                steps=feed.num_batches,
            )
        collected = Predictions(adapter.num_samples if number_of_steps is None else None)
        predict_step = self.model.predict_step if self.overrides("predict_step") else None

        def step(inputs: Any, y: Any, sample_weight: Any) -> Any:
            outputs = self.forward(inputs) if predict_step is None else predict_step((inputs,))
            collected.add(outputs)
            return outputs

        def on_end(index: int, outputs: Any) -> None:
            callbacks.on_predict_batch_end(index, {"outputs": outputs})

        self.model.eval()
        self.stop_predicting = False
        with self._clean_after(), torch.no_grad():
            callbacks.on_predict_begin()
            run_epoch(
                feed.epoch(),
                step,
                on_begin=callbacks.on_predict_batch_begin if callbacks.wants_predict_batch_begin else None,
                on_end=on_end if callbacks.wants_predict_batch_end else None,
                owner=self,
                stop_flag="stop_predicting",
                steps_per_execution=self.steps_per_execution,
            )
            feed.end()
            callbacks.on_predict_end()
        return collected.result()

    # Single batches -------------------------------------------------------------------------------------------------

    def on_batch(self, kind: str, x: Any, y: Any, sample_weight: Any, class_weight: Any, return_dict: bool) -> Any:
        """Runs one step of training or evaluation on one batch."""
        self.require_compiled(f"{kind}_on_batch")
        self.place()
        adapter = choose_adapter(
            x, y, sample_weight, batch_size=_length(x), class_weight=class_weight, device=self.device
        )
        batch = next(iter(adapter.batches()))
        self.build(batch)
        self.reset_metrics()
        with self._clean_after():
            if kind == "train":
                step = self.train_step()
                self.model.train()
                returned = step(*batch)
            else:
                step = self.test_step()
                self.model.eval()
                with torch.no_grad():
                    returned = step(*batch)
        values = logs_module.read(self.logs(returned))
        return values if return_dict else self.in_order(values)

    def predict_on_batch(self, x: Any) -> Any:
        """Returns the outputs for one batch as numpy arrays."""
        self.place()
        adapter = choose_adapter(x, batch_size=_length(x), device=self.device)
        collected = Predictions(adapter.num_samples)
        self.model.eval()
        with torch.no_grad():
            for inputs, _, _ in adapter.batches():
                collected.add(self.model.predict_step((inputs,)))
        return collected.result()

    # Shared ---------------------------------------------------------------------------------------------------------

    def place(self) -> None:
        """Moves a model whose weights nobody placed to the device of its Keras weights, or the default one."""
        self.model._place()

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

    def _first_batch(self, feed: Feed, what: str) -> None:
        first = feed.peek()
        if first is None:
            raise ValueError(
                f"The data given to `{what}` has no batch. Check that the array, dataset or generator is not empty."
            )
        assert_input_compatibility(self.model.input_spec, first[0], self.model)
        planned = self.loss_plan.built or self.loss_plan.loss is None
        if planned and self.metric_plan.built and is_built(self.model):
            return
        self.build(first)

    @contextlib.contextmanager
    def _clean_after(self) -> Iterator[None]:
        """Leaves a usable model behind, whatever ends the loop: Ctrl-C, an error, or the last batch."""
        try:
            yield
        finally:
            self.model.eval()
            for parameter in self.parameters:
                parameter.grad = None


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


def _is_due(epoch: int, freq: Any) -> bool:
    if isinstance(freq, int):
        return (epoch + 1) % freq == 0
    if isinstance(freq, (list, tuple, set)):
        return epoch + 1 in freq
    raise ValueError(f"Expected `validation_freq` to be a list or int. Received: validation_freq={freq!r}")


def _length(x: Any) -> int | None:
    leaves = [leaf for leaf in tree.flatten(x) if hasattr(leaf, "shape")]
    return int(leaves[0].shape[0]) if leaves and len(leaves[0].shape) else None


def builtin(method: Function) -> Function:
    """Marks a method of `Model` as the built-in one: a class whose method has no such mark overrides it."""
    method._is_builtin = True  # type: ignore[attr-defined]
    return method
