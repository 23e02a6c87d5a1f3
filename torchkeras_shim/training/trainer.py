"""`Trainer`: the loops of `fit`, `evaluate` and `predict`.

A plain object beside the model, not a mixin: reading and writing its attributes costs nothing, and the model stays a
`torch.nn.Module` that knows nothing of training.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import torch

from torchkeras_shim.callbacks import CallbackList
from torchkeras_shim.core.turns import Turn
from torchkeras_shim.data import ArrayAdapter, choose_adapter, train_validation_split, unpack_x_y_sample_weight
from torchkeras_shim.layers import calling
from torchkeras_shim.training import arguments, resume
from torchkeras_shim.training import logs as logs_module
from torchkeras_shim.training.binding import Binding
from torchkeras_shim.training.choice.explain import Seen, explain
from torchkeras_shim.training.compiled import Compiled
from torchkeras_shim.training.feed import Feed, warn_of_end, widened
from torchkeras_shim.training.loop import opened, run_epoch
from torchkeras_shim.training.own_steps import overrides
from torchkeras_shim.training.parts import Step
from torchkeras_shim.training.predictions import Predictions


class Trainer:
    """Runs the loops of a model.

    Args:
        model: The model.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.binding = Binding(model)
        self.stop_training = self.stop_evaluating = self.stop_predicting = False
        self.history: Any = None
        self._seen = Seen()
        self._feed: Feed | None = None
        self._resumption: resume.Resumption | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leaves the running loop and its data out of copies and pickles."""
        return {**self.__dict__, "history": None, "_feed": None, "_seen": replace(self._seen, sample=None)}

    # compile --------------------------------------------------------------------------------------------------------

    def compile(self, told: Compiled) -> None:
        """Notes what training is to do. Weights and architecture stay untouched."""
        told.check()
        self.binding = Binding(self.model, told)
        self.stop_training = False
        self._seen = Seen()

    def explain_step(self, print_fn: Any) -> None:
        """Prints how the last loops ran. See `Model.explain_step`."""
        explain(self.model, self.binding, seen=self._seen, print_fn=print_fn)

    # fit ------------------------------------------------------------------------------------------------------------

    def fit(
        self,
        x: Any,
        y: Any,
        *,
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
        self.binding.require_compiled("fit")
        arguments.check_fit(epochs, initial_epoch, validation_split, validation_freq)
        epochs = arguments.limited(epochs)
        arguments.check_loop(batch_size, steps_per_epoch, verbose, ("batch_size", "steps_per_epoch"))
        arguments.check_loop(
            validation_batch_size, validation_steps, verbose, ("validation_batch_size", "validation_steps")
        )
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = train_validation_split((x, y, sample_weight), validation_split)
        with opened(self.binding, "fit", training=True) as turn:
            adapter = choose_adapter(
                x,
                self._labels(y),
                sample_weight,
                batch_size=batch_size,
                steps=steps_per_epoch,
                shuffle=shuffle,
                class_weight=class_weight,
                device=self.binding.device,
            )
            feed = Feed(self.binding.team.split(adapter), steps_per_epoch)
            feed.peek()  # outside the turn: workers that make the batch may ask this very model
            with turn:
                self._first_batch(feed, "fit")
            validation = None
            if validation_data is not None:
                validation = self._validation(validation_data, validation_batch_size, batch_size, validation_steps)
            callbacks = self._listed(callbacks, verbose, feed, epochs=epochs, add_history=True)
            self.binding.objective.forget_checks()
            outer, self._feed = self._feed, feed
            try:
                with callbacks.told_of_failure():
                    span = range(initial_epoch, epochs)
                    return self._run_fit(turn, feed, validation, callbacks, span, validation_freq)
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
            device=self.binding.device,
        )
        feed = Feed(self.binding.team.split(adapter), number_of_steps)
        if isinstance(adapter, ArrayAdapter):  # what cannot work is said before an epoch is spent
            first, targets, _ = feed.peek()
            self.model._check_inputs(self.model._standardized(first))
            own = overrides(self.model, "test_step") or overrides(self.model, "compute_loss")
            if self.binding.objective.loss is not None and not own:
                arguments.check_validation_targets(data, targets)
        return feed

    def _run_fit(
        self, turn: Turn, feed: Feed, validation: Feed | None, callbacks: CallbackList, epochs: range, freq: Any
    ) -> Any:
        self.stop_training = False
        planned = (feed.num_batches or math.inf) * len(epochs)
        with turn:
            self.binding.recheck()
            self.binding.step("fit", planned)  # what stands in its way is said before the callbacks begin
        training_logs: dict[str, Any] = {}
        self._resumption = None
        callbacks.on_train_begin()
        resumption = self._resumption  # a callback may have asked for one
        for epoch in range(resumption.epoch if resumption is not None else epochs.start, epochs.stop):
            epoch_logs = self._run_fit_epoch(turn, feed, callbacks, epoch, planned=planned, resumption=resumption)
            resumption = None
            if epoch_logs is None:
                warn_of_end(f"before epoch {epoch + 1} of {epochs.stop} had any batch, so `fit` ends here")
                break
            if validation is not None and arguments.is_due(epoch, freq):
                steps = (validation.num_batches or math.inf) * len(epochs)
                with opened(self.binding, "evaluate") as validation_turn:
                    results = self._run_evaluate(validation_turn, validation, callbacks, steps)
                epoch_logs.update({f"val_{name}": value for name, value in results.items()})
            callbacks.on_epoch_end(epoch, epoch_logs)
            training_logs = epoch_logs
            self.stop_training = self.binding.team.stops(self.stop_training)
            if self.stop_training:
                break
        if epochs.stop > 0 and self.binding.parameters and self.binding.optimizer is not None:
            self.binding.optimizer.finalize_variable_values(self.binding.parameters)
        callbacks.on_train_end(training_logs)
        return self.history

    def _run_fit_epoch(
        self,
        turn: Turn,
        feed: Feed,
        callbacks: CallbackList,
        epoch: int,
        *,
        planned: float,
        resumption: resume.Resumption | None,
    ) -> dict[str, Any] | None:
        """Trains for one epoch. Returns its logs, `None` if there was no batch."""
        done = resumption.batches if resumption is not None else 0
        with turn:
            if not done:
                self.binding.results.reset()
        callbacks.on_epoch_begin(epoch)
        self.binding.team.agree_random()
        with turn:
            turn.renew()
            self.binding.recheck()  # a callback may have changed what a captured step would not look at
            self.binding.step("fit", planned)
            start = time.perf_counter()
            batches = feed.epoch() if resumption is None else resumption.start(self.model, feed, self.binding)
        on_begin, on_end = self._hooks(callbacks, "train", turn)
        returned, count = run_epoch(
            batches,
            lambda: self.binding.step("fit", planned, mid_epoch=True),
            turn,
            on_begin=on_begin,
            on_end=on_end,
            owner=self,
            stop_flag="stop_training",
            steps_per_execution=self.binding.told.steps_per_execution,
            first=done,
        )
        feed.end()
        if not done + count:
            return None
        with turn:
            returned = self.binding.team.add_up(self.model.metrics, returned)
            logs = self.binding.team.end_epoch(self.model, logs_module.read(self.binding.results.logs(returned)))
            turn.rest()
        self._seen.epoch_seconds = (time.perf_counter() - start, count)
        return logs

    def get_state(self, epoch: int, batches: int) -> dict[str, Any]:
        """Returns where the running `fit` stands, as plain values, for `resume_from`.

        Args:
            epoch: The epoch to go on with.
            batches: How many batches of it are done.
        """
        assert self._feed is not None
        return resume.get_state(self.model, self._feed, epoch, batches, binding=self.binding)

    def resume_from(self, state: dict[str, Any]) -> None:
        """Lets the `fit` that is beginning go on where `get_state` saw another one. Call it in `on_train_begin`."""
        self._resumption = resume.Resumption(state)

    # evaluate and predict -------------------------------------------------------------------------------------------

    def evaluate(
        self,
        x: Any,
        y: Any,
        *,
        batch_size: int | None,
        verbose: Any,
        sample_weight: Any,
        number_of_steps: int | None,
        callbacks: Any,
        return_dict: bool,
    ) -> Any:
        """Computes the loss and metrics. See `Model.evaluate`."""
        self.binding.require_compiled("evaluate")
        arguments.check_loop(batch_size, number_of_steps, verbose)
        with opened(self.binding, "evaluate") as turn:
            adapter = choose_adapter(
                x,
                self._labels(y),
                sample_weight,
                batch_size=batch_size,
                steps=number_of_steps,
                device=self.binding.device,
            )
            feed = Feed(self.binding.team.split(adapter), number_of_steps)
            feed.peek()  # outside the turn: workers that make the batch may ask this very model
            with turn:
                self._first_batch(feed, "evaluate")
            callbacks = self._listed(callbacks, verbose, feed, epochs=1)
            with turn:
                self.binding.objective.forget_checks()
                self.binding.recheck()
            with callbacks.told_of_failure():
                results = self._run_evaluate(turn, feed, callbacks, feed.num_batches or math.inf)
        return results if return_dict else self.binding.results.in_order(results)

    def _run_evaluate(self, turn: Turn, feed: Feed, callbacks: CallbackList, planned: float) -> dict[str, Any]:
        self.stop_evaluating = False
        callbacks.on_test_begin()
        with torch.no_grad():
            with turn:
                turn.renew()
                self.binding.results.reset()
                self.binding.step("evaluate", planned)
            on_begin, on_end = self._hooks(callbacks, "test", turn)
            returned, count = run_epoch(
                feed.epoch(),
                lambda: self.binding.step("evaluate", planned, mid_epoch=True),
                turn,
                on_begin=on_begin,
                on_end=on_end,
                owner=self,
                stop_flag="stop_evaluating",
                steps_per_execution=self.binding.told.steps_per_execution,
            )
        feed.end()
        feed.rewind()
        if not count:
            warn_of_end("before this validation had any batch, so there are no results of it")
        with turn:
            returned = self.binding.team.add_up(self.model.metrics, returned)
            results = logs_module.read(self.binding.results.logs(returned)) if count else {}
        callbacks.on_test_end(results)
        return results

    def predict(
        self, x: Any, *, batch_size: int | None, verbose: Any, number_of_steps: int | None, callbacks: Any
    ) -> Any:
        """Computes the outputs as numpy arrays. See `Model.predict`."""
        arguments.check_loop(batch_size, number_of_steps, verbose)
        with opened(self.binding, "predict") as turn:
            adapter = choose_adapter(x, batch_size=batch_size, steps=number_of_steps, device=self.binding.device)
            feed = Feed(self.binding.team.split(adapter), number_of_steps)
            if not calling.is_built(self.model):
                feed.peek()  # outside the turn: workers that make the batch may ask this very model
                with turn:
                    self._first_batch(feed, "predict")
            callbacks = self._listed(callbacks, verbose, feed, epochs=1)
            with callbacks.told_of_failure():
                return self._run_predict(turn, feed, callbacks)

    def _run_predict(self, turn: Turn, feed: Feed, callbacks: CallbackList) -> Any:
        known = feed.adapter.num_samples if feed.steps is None and self.binding.team.processes is None else None
        collected = Predictions(known)
        planned = feed.num_batches or math.inf
        with turn:
            self.binding.recheck()
            self.binding.step("predict", planned)

        def bind() -> Step:
            predict = self.binding.step("predict", planned, mid_epoch=True)

            def step(inputs: Any, y: Any, sample_weight: Any) -> Any:
                outputs = predict(inputs, y, sample_weight)
                collected.add(outputs)
                return outputs

            return step

        self.stop_predicting = False
        with torch.no_grad():
            callbacks.on_predict_begin()
            on_begin, on_end = self.binding.team.batch_hooks(callbacks, "predict", lambda y: {"outputs": y}, owner=self)
            run_epoch(
                feed.epoch(),
                bind,
                turn,
                on_begin=on_begin,
                on_end=on_end,
                owner=self,
                stop_flag="stop_predicting",
                steps_per_execution=self.binding.told.steps_per_execution,
            )
            feed.end()
            callbacks.on_predict_end()
        return self.binding.team.gathered(collected.result(), feed.adapter)

    # Shared ---------------------------------------------------------------------------------------------------------

    def _hooks(self, callbacks: CallbackList, kind: str, turn: Turn) -> tuple[Any, Any]:
        """Returns what to call before and after each batch; the logs are read in the loop's turn."""

        def logs(returned: Any) -> logs_module.LazyLogs:
            def results() -> dict[str, Any]:
                with turn:
                    return self.binding.results.logs(returned)

            return logs_module.LazyLogs(results)

        return self.binding.team.batch_hooks(callbacks, kind, logs, owner=self, metrics=self.model.metrics)

    def _listed(
        self, callbacks: Any, verbose: Any, feed: Feed, *, epochs: int, add_history: bool = False
    ) -> CallbackList:
        if isinstance(callbacks, CallbackList):
            return callbacks
        callbacks, verbose = self.binding.team.speaking(callbacks, verbose, self.model)
        listed = CallbackList(
            callbacks,
            add_history=add_history,
            add_progbar=bool(verbose),
            model=self.model,
            verbose=verbose or 0,
            epochs=epochs,
            steps=feed.num_batches,
        )
        self.binding.team.agree_callbacks(listed)
        return listed

    def _first_batch(self, feed: Feed, what: str) -> None:
        first = feed.peek()
        self._seen.note_data(first, feed.adapter.places)
        arguments.check_not_empty(first, what)
        self.model._check_inputs(self.model._standardized(first[0]))
        if not (self.binding.is_resolved and calling.is_built(self.model)):
            self.binding.build(first)
            self.binding.team.agree_weights(self.model)

    def _labels(self, y: Any) -> Any:
        """Widens small-integer labels; a step of the user's own gets them as they were given."""
        own = overrides(self.model, "train_step") or self.binding.told.run_eagerly
        return y if own else widened(y)
