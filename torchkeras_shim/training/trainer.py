"""`Trainer`: the loops of `fit`, `evaluate` and `predict`.

A plain object beside the model, not a mixin: reading and writing its attributes costs nothing, and the model stays a
`torch.nn.Module` that knows nothing of training.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from torchkeras_shim.callbacks import CallbackList
from torchkeras_shim.core import tree
from torchkeras_shim.core.turns import Turn, turn_of
from torchkeras_shim.data import ArrayAdapter, choose_adapter, train_validation_split, unpack_x_y_sample_weight
from torchkeras_shim.training import denormals, resume
from torchkeras_shim.training import logs as logs_module
from torchkeras_shim.training.arguments import check_fit, check_loop, check_validation_targets, is_due
from torchkeras_shim.training.feed import Feed, warn_of_end
from torchkeras_shim.training.loop import run_epoch
from torchkeras_shim.training.predictions import Predictions
from torchkeras_shim.training.preparation import Preparation, is_built


class Trainer(Preparation):
    """Runs the loops of a model.

    Args:
        model: The model.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self._feed: Feed | None = None
        self._resumption: resume.Resumption | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leaves the running loop out of copies and pickles as well."""
        return {**super().__getstate__(), "_feed": None}

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
        check_fit(epochs, initial_epoch, validation_split, validation_freq)
        check_loop(batch_size, steps_per_epoch, verbose, ("batch_size", "steps_per_epoch"))
        check_loop(validation_batch_size, validation_steps, verbose, ("validation_batch_size", "validation_steps"))
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = train_validation_split((x, y, sample_weight), validation_split)
        with self._loop("fit", training=True) as turn:
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
            feed.peek()  # outside the turn: workers that make the batch may ask this very model
            with turn:
                self._first_batch(feed, "fit")
            validation = None
            if validation_data is not None:
                validation = self._validation(validation_data, validation_batch_size, batch_size, validation_steps)
            callbacks = self._listed(callbacks, verbose, feed, epochs=epochs, add_history=True)
            self.objective.forget_checks()
            outer, self._feed = self._feed, feed
            try:
                with callbacks.told_of_failure():
                    return self._run_fit(
                        turn, feed, validation, callbacks, range(initial_epoch, epochs), validation_freq
                    )
            finally:
                self._feed = outer  # it holds the data

    def _validation(self, data: Any, batch_size: int | None, fallback: int | None, number_of_steps: int | None) -> Feed:
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        adapter = choose_adapter(
            x,
            self._labels(y),
            sample_weight,
            batch_size=batch_size,
            fallback_batch_size=fallback,
            steps=number_of_steps,
            device=self.device,
        )
        feed = Feed(adapter, number_of_steps)
        if isinstance(adapter, ArrayAdapter):  # what cannot work is said before an epoch is spent
            first, _, _ = feed.peek()
            self.model._check_inputs(self.model._standardized(first))
            if self.objective.loss is not None and not (self.overrides("test_step") or self.overrides("compute_loss")):
                check_validation_targets(data, y)
        return feed

    def _run_fit(
        self, turn: Turn, feed: Feed, validation: Feed | None, callbacks: CallbackList, epochs: range, freq: Any
    ) -> Any:
        model = self.model
        self.stop_training = False
        self.planned_steps = (feed.num_batches or math.inf) * len(epochs)
        if validation is not None:
            self.planned_test_steps = (validation.num_batches or math.inf) * len(epochs)
        with turn:
            self.recheck()
            self.train_step()
        training_logs: dict[str, Any] = {}
        self._resumption = None
        callbacks.on_train_begin()
        resumption = self._resumption  # a callback may have asked for one
        for epoch in range(resumption.epoch if resumption is not None else epochs.start, epochs.stop):
            done = resumption.batches if resumption is not None else 0
            with turn:
                if not done:
                    self.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            with turn:
                turn.renew()
                self.recheck()  # a callback may have changed what a captured step would not look at
                step = self.train_step()
                start = time.perf_counter()
                batches = feed.epoch() if resumption is None else resumption.start(model, feed)
            resumption = None
            returned, count = run_epoch(
                batches,
                step,
                turn,
                on_begin=callbacks.on_train_batch_begin if callbacks.wants_train_batch_begin else None,
                on_end=self._batch_end(callbacks.on_train_batch_end, turn) if callbacks.wants_train_batch_end else None,
                owner=self,
                stop_flag="stop_training",
                steps_per_execution=self.steps_per_execution,
                first=done,
            )
            feed.end()
            if not done + count:
                warn_of_end(f"before epoch {epoch + 1} of {epochs.stop} had any batch, so `fit` ends here")
                break
            with turn:
                epoch_logs = logs_module.read(self.logs(returned))
                turn.rest()
            self.epoch_seconds = (time.perf_counter() - start, count)
            if validation is not None and is_due(epoch, freq):
                with self._loop("evaluate") as validation_turn:
                    results = self._run_evaluate(validation_turn, validation, callbacks)
                epoch_logs.update({f"val_{name}": value for name, value in results.items()})
            callbacks.on_epoch_end(epoch, epoch_logs)
            training_logs = epoch_logs
            if self.stop_training:
                break
        if epochs.stop > 0 and self.parameters and self.optimizer is not None:
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

    def _batch_end(self, hook: Callable[[int, Any], None], turn: Turn) -> Callable[[int, Any], None]:
        def on_end(index: int, returned: Any) -> None:
            def results() -> dict[str, Any]:
                with turn:
                    return self.logs(returned)

            hook(index, logs_module.LazyLogs(results))

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
        check_loop(batch_size, number_of_steps, verbose)
        with self._loop("evaluate") as turn:
            adapter = choose_adapter(
                x, self._labels(y), sample_weight, batch_size=batch_size, steps=number_of_steps, device=self.device
            )
            feed = Feed(adapter, number_of_steps)
            feed.peek()  # outside the turn: workers that make the batch may ask this very model
            with turn:
                self._first_batch(feed, "evaluate")
            callbacks = self._listed(callbacks, verbose, feed, epochs=1)
            with turn:
                self.objective.forget_checks()
                self.planned_test_steps = feed.num_batches or math.inf
                self.recheck()
            with callbacks.told_of_failure():
                results = self._run_evaluate(turn, feed, callbacks)
        return results if return_dict else self.in_order(results)

    def _run_evaluate(self, turn: Turn, feed: Feed, callbacks: CallbackList) -> dict[str, Any]:
        self.stop_evaluating = False
        callbacks.on_test_begin()
        with torch.no_grad():
            with turn:
                turn.renew()
                self.reset_metrics()
                step = self.test_step()
            returned, count = run_epoch(
                feed.epoch(),
                step,
                turn,
                on_begin=callbacks.on_test_batch_begin if callbacks.wants_test_batch_begin else None,
                on_end=self._batch_end(callbacks.on_test_batch_end, turn) if callbacks.wants_test_batch_end else None,
                owner=self,
                stop_flag="stop_evaluating",
                steps_per_execution=self.steps_per_execution,
            )
        feed.end()
        feed.rewind()
        if not count:
            warn_of_end("before this validation had any batch, so there are no results of it")
        with turn:
            results = logs_module.read(self.logs(returned)) if count else {}
        callbacks.on_test_end(results)
        return results

    def predict(self, x: Any, batch_size: int | None, verbose: Any, number_of_steps: int | None, callbacks: Any) -> Any:
        """Computes the outputs as numpy arrays. See `Model.predict`."""
        check_loop(batch_size, number_of_steps, verbose)
        with self._loop("predict") as turn:
            adapter = choose_adapter(x, batch_size=batch_size, steps=number_of_steps, device=self.device)
            feed = Feed(adapter, number_of_steps)
            if not is_built(self.model):
                feed.peek()  # outside the turn: workers that make the batch may ask this very model
                with turn:
                    self._first_batch(feed, "predict")
            callbacks = self._listed(callbacks, verbose, feed, epochs=1)
            with callbacks.told_of_failure():
                return self._run_predict(turn, feed, callbacks)

    def _run_predict(self, turn: Turn, feed: Feed, callbacks: CallbackList) -> Any:
        collected = Predictions(feed.adapter.num_samples if feed.steps is None else None)
        with turn:
            self.planned_predict_steps = feed.num_batches or math.inf
            self.recheck()
            predict_step = self.predict_step()

        def step(inputs: Any, y: Any, sample_weight: Any) -> Any:
            outputs = predict_step(inputs, y, sample_weight)
            collected.add(outputs)
            return outputs

        def on_end(index: int, outputs: Any) -> None:
            callbacks.on_predict_batch_end(index, {"outputs": outputs})

        self.stop_predicting = False
        with torch.no_grad():
            callbacks.on_predict_begin()
            run_epoch(
                feed.epoch(),
                step,
                turn,
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
        training = kind == "train"
        with self._loop(f"{kind}_on_batch", training) as turn:
            adapter = choose_adapter(
                x, y, sample_weight, batch_size=_length(x), class_weight=class_weight, device=self.device
            )
            batch = next(iter(adapter.batches()))
            with turn:
                self.build(batch)
                turn.renew()
                self.reset_metrics()
                if self._fingerprint is not None:
                    self.invalidate()  # nobody looks for changes between two calls, so nothing may be replayed
                self.planned_steps = self.planned_test_steps = 0
                step = self.train_step() if training else self.test_step()
                with torch.set_grad_enabled(training):
                    returned = step(*batch)
                values = logs_module.read(self.logs(returned))
        return values if return_dict else self.in_order(values)

    def predict_on_batch(self, x: Any) -> Any:
        """Returns the outputs for one batch as numpy arrays."""
        with turn_of(self.model, "predict_on_batch", training=False) as turn, turn, torch.no_grad():
            self.place()
            adapter = choose_adapter(x, batch_size=_length(x), device=self.device)
            collected = Predictions(adapter.num_samples)
            for inputs, _, _ in adapter.batches():
                collected.add(self.model.predict_step((inputs,)))
        return collected.result()

    # Shared ---------------------------------------------------------------------------------------------------------

    def _listed(
        self, callbacks: Any, verbose: Any, feed: Feed, *, epochs: int, add_history: bool = False
    ) -> CallbackList:
        if isinstance(callbacks, CallbackList):
            return callbacks
        return CallbackList(
            callbacks,
            add_history=add_history,
            add_progbar=bool(verbose),
            model=self.model,
            verbose=verbose or 0,
            epochs=epochs,
            steps=feed.num_batches,
        )

    def place(self) -> None:
        """Moves a model whose weights nobody placed to the device of its Keras weights, or the default one."""
        self.model._place()

    def _first_batch(self, feed: Feed, what: str) -> None:
        first = feed.peek()
        # A copy: a view would keep the whole of the data alive after the loop.
        self.sample = tree.map_structure(lambda leaf: leaf.clone() if isinstance(leaf, torch.Tensor) else leaf, first)
        self.data_places = feed.adapter.places
        if first is None:
            raise ValueError(
                f"The data given to `{what}` has no batch. Check that the array, dataset or generator is not empty."
            )
        self.model._check_inputs(self.model._standardized(first[0]))
        planned = self.objective.built or self.objective.loss is None
        if planned and self.measures.built and is_built(self.model):
            return
        self.build(first)

    @contextlib.contextmanager
    def _loop(self, what: str, training: bool = False) -> Iterator[Turn]:
        """Opens a loop. Whatever ends it (Ctrl-C, an error, the last batch), a usable model is left behind."""
        metrics = None if what == "predict" else self._used_metrics
        with turn_of(self.model, what, training=training, metrics=metrics) as turn:
            with turn:
                self.place()
            try:
                with denormals.flushed(self.device):
                    yield turn
            finally:
                if training:
                    with turn:
                        for parameter in self.parameters:
                            parameter.grad = None

    def _used_metrics(self) -> list[Any]:
        return list(self.model.metrics)


def _length(x: Any) -> int | None:
    leaves = [leaf for leaf in tree.flatten(x) if hasattr(leaf, "shape")]
    return int(leaves[0].shape[0]) if leaves and len(leaves[0].shape) else None
