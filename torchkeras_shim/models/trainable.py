"""Training as seen from the model: the methods that a user calls."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from torchkeras_shim.core.errors import check_keywords
from torchkeras_shim.layers.base import Layer
from torchkeras_shim.models import batch_steps, state_tree, step_functions
from torchkeras_shim.training.compiled import Compiled, arguments_of
from torchkeras_shim.training.single_batches import predict_on_batch, run_on_batch
from torchkeras_shim.training.trainer import Trainer

#: The keywords of torch's own `Module.compile`.
_TORCH_COMPILE = {"fullgraph", "dynamic", "backend", "mode", "options", "disable"}


class Trainable(Layer):
    """A layer that can be compiled, fitted and evaluated. What that takes is kept by its `Trainer`."""

    _trainer: Trainer

    # What is done with one batch: methods for subclasses to override.
    train_step = batch_steps.train_step
    test_step = batch_steps.test_step
    predict_step = batch_steps.predict_step
    compute_loss = batch_steps.compute_loss
    compute_metrics = batch_steps.compute_metrics
    get_metrics_result = batch_steps.get_metrics_result

    # What is done with an iterator of batches: `None` until it is made.
    train_function: Any = None
    test_function: Any = None
    predict_function: Any = None
    make_train_function = step_functions.make_train_function
    make_test_function = step_functions.make_test_function
    make_predict_function = step_functions.make_predict_function

    get_state_tree = state_tree.get_state_tree
    set_state_tree = state_tree.set_state_tree

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._trainer.binding.device

    @property
    def optimizer(self) -> Any:
        """The optimizer, `None` before `compile`."""
        return self._trainer.binding.optimizer

    @optimizer.setter
    def optimizer(self, value: Any) -> None:
        self._trainer.binding.set_optimizer(value)

    @property
    def loss(self) -> Any:
        """The `loss` argument of `compile`."""
        return self._trainer.binding.told.loss

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._trainer.binding.is_compiled

    @property
    def history(self) -> Any:
        """The `History` of the last `fit`, `None` before."""
        return self._trainer.history

    @history.setter
    def history(self, value: Any) -> None:
        self._trainer.history = value

    @property
    def stop_training(self) -> bool:
        """Set it to `True` in a callback to end `fit` after the batch, or after the epoch."""
        return bool(self._trainer.stop_training)

    @stop_training.setter
    def stop_training(self, value: bool) -> None:
        self._trainer.stop_training = value

    @property
    def stop_evaluating(self) -> bool:
        """Set it to `True` in a callback to end `evaluate` after the batch."""
        return bool(self._trainer.stop_evaluating)

    @stop_evaluating.setter
    def stop_evaluating(self, value: bool) -> None:
        self._trainer.stop_evaluating = value

    @property
    def stop_predicting(self) -> bool:
        """Set it to `True` in a callback to end `predict` after the batch."""
        return bool(self._trainer.stop_predicting)

    @stop_predicting.setter
    def stop_predicting(self, value: bool) -> None:
        self._trainer.stop_predicting = value

    @property
    def metrics(self) -> list[Any]:
        """The loss tracker and all metrics, in the order of `evaluate`'s results."""
        return self._trainer.binding.results.metrics

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns."""
        return self._trainer.binding.results.names

    @property
    def run_eagerly(self) -> bool:
        """Whether training calls the model's own `train_step` on every batch."""
        return self._trainer.binding.told.run_eagerly

    @run_eagerly.setter
    def run_eagerly(self, value: bool) -> None:
        self._trainer.binding.set_run_eagerly(bool(value))

    @property
    def jit_compile(self) -> Any:
        """How steps are to run, as `compile` was told; `False` where it was left to the library (`"auto"`)."""
        told = self._trainer.binding.told.jit_compile
        return False if told == "auto" else told

    @jit_compile.setter
    def jit_compile(self, value: Any) -> None:
        self._trainer.binding.set_jit_compile(value)

    def reset_metrics(self) -> None:
        """Starts every metric over."""
        self._trainer.binding.results.reset()

    # compile, fit, evaluate, predict --------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str | dict[str, Any] = "auto",
        auto_scale_loss: bool = True,
        **kwargs: Any,
    ) -> Any:
        """Tells the model how it is to be trained. Weights and architecture stay untouched.

        Called with keywords of torch's `Module.compile` alone (`mode=`, `fullgraph=`, `backend=`, ...), it forwards
        to that.

        Args:
            optimizer: A Keras name, config, class or instance, or a `torch.optim` class or instance.
            loss: A Keras name, config, class or instance, a torch loss, or a function of `(y_true, y_pred)`; a list or
                dict of these for several outputs. May be `None` if the model has its own `train_step`.
            loss_weights: A number, or a list or dict by output.
            metrics: A list of names, configs, classes, instances or functions of `(y_true, y_pred)`, or such lists by
                output. `"accuracy"` and `"acc"` choose their kind by the shapes of targets and outputs.
            weighted_metrics: The same, for metrics that sample and class weights weigh.
            run_eagerly: Whether to call the model's own `train_step` and `test_step` on every batch.
            steps_per_execution: How many batches go between two calls of the batch callbacks.
            jit_compile: `"auto"` tries a captured step (its kernels written down once, replayed without modules and
                autograd, to the same numbers) on the CPU where all of the model is known code, and keeps it where it
                is faster. `"captured"` captures any model: its Python code then runs once per shape, as in a
                `tf.function`. `"cuda_graph"` launches a whole training step as one CUDA graph, with the same
                restriction. A dict of options such as `{"mode": "max-autotune", "fullgraph": True}` runs the forward
                pass through `torch.compile`. `True` is a CUDA graph on CUDA and `torch.compile` elsewhere. `False`
                runs everything as it is written.
            auto_scale_loss: Kept for mixed precision; has an effect only together with the `mixed_float16` policy.

        Raises:
            TypeError: For a misspelt argument; the message shows the nearest one.
            ValueError: For names and combinations that are not understood.
        """
        if kwargs:
            given = [value for value in (loss, loss_weights, metrics, weighted_metrics) if value is not None]
            if set(kwargs) <= _TORCH_COMPILE and optimizer == "rmsprop" and not given:
                return super().compile(**kwargs)
            check_keywords(f"{type(self).__name__}.compile()", Trainable.compile, kwargs)
        self.train_function = self.test_function = self.predict_function = None
        self._trainer.compile(
            Compiled(
                optimizer=optimizer,
                loss=loss,
                loss_weights=loss_weights,
                metrics=metrics,
                weighted_metrics=weighted_metrics,
                run_eagerly=bool(run_eagerly),
                steps_per_execution=steps_per_execution,
                jit_compile="auto" if jit_compile is None else jit_compile,
                auto_scale_loss=bool(auto_scale_loss),
            )
        )
        return None

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        **kwargs: Any,
    ) -> Any:
        """Trains the model for a number of epochs.

        Args:
            x: Inputs: arrays, tensors, data frames, lists, tuples or dicts of them; or a `Dataset`, `DataLoader`,
                generator or `PyDataset` of `(inputs, targets)` or `(inputs, targets, sample_weights)`.
            y: Targets, where `x` does not bring them.
            batch_size: Samples per update, 32 by default.
            epochs: The epoch to stop before, counted from 0.
            verbose: 0 silent, 1 a progress bar, 2 a line per epoch, `"auto"` 1.
            callbacks: A list of `Callback`s, or a `CallbackList`.
            validation_split: The share of the data, from its end, to validate on; arrays and tensors only.
            validation_data: `(x, y)`, `(x, y, sample_weight)`, or any kind of data that `x` may be.
            shuffle: Whether to shuffle arrays before each epoch.
            class_weight: Weights by class index.
            sample_weight: Weights by sample, as arrays of the structure of `y`, or one for all outputs.
            initial_epoch: The epoch to start at.
            steps_per_epoch: Batches per epoch, all by default. The next epoch goes on where this one stopped; an epoch
                ends with the data, with a warning.
            validation_steps: Batches per validation, from the first one on, all by default. A generator cannot start
                over: it goes on.
            validation_batch_size: Samples per batch of validation; `batch_size` by default.
            validation_freq: Validate every so many epochs, or after the listed epochs (counted from 1).
            **kwargs: None; a misspelt argument is answered with the nearest one.

        Returns:
            The `History`, whose `.history` holds each epoch's loss and metrics.

        Raises:
            ValueError: before `compile`, or where the data do not fit each other or the model.
            TypeError: For an argument that does not exist.
        """
        check_keywords(f"{type(self).__name__}.fit()", Trainable.fit, kwargs)
        return self._trainer.fit(
            x,
            y,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_split=validation_split,
            validation_data=validation_data,
            shuffle=shuffle,
            class_weight=class_weight,
            sample_weight=sample_weight,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
        )

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Computes the loss and metrics without training.

        Args:
            x: As in `fit`.
            y: As in `fit`.
            batch_size: Samples per batch, 32 by default.
            verbose: As in `fit`.
            sample_weight: As in `fit`.
            steps: Batches to take; all by default.
            callbacks: As in `fit`.
            return_dict: Whether to return a dict by name instead of a list.
            **kwargs: None; a misspelt argument is answered with the nearest one.

        Returns:
            The loss, or a list of the loss and the metrics, or a dict.
        """
        check_keywords(f"{type(self).__name__}.evaluate()", Trainable.evaluate, kwargs)
        return self._trainer.evaluate(
            x,
            y,
            batch_size=batch_size,
            verbose=verbose,
            sample_weight=sample_weight,
            number_of_steps=steps,
            callbacks=callbacks,
            return_dict=return_dict,
        )

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Computes the outputs, streamed to host memory batch by batch. Needs no `compile`.

        Args:
            x: As in `fit`, without targets.
            batch_size: Samples per batch, 32 by default.
            verbose: As in `fit`.
            steps: Batches to take; all by default.
            callbacks: As in `fit`.
            **kwargs: None; a misspelt argument is answered with the nearest one.

        Returns:
            Numpy arrays in the structure of the model's outputs.
        """
        check_keywords(f"{type(self).__name__}.predict()", Trainable.predict, kwargs)
        return self._trainer.predict(
            x, batch_size=batch_size, verbose=verbose, number_of_steps=steps, callbacks=callbacks
        )

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Makes one update on one batch. Returns the loss and the metrics of this batch."""
        return run_on_batch(
            self._trainer.binding,
            x,
            y,
            training=True,
            sample_weight=sample_weight,
            class_weight=class_weight,
            return_dict=return_dict,
        )

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Evaluates one batch. Returns the loss and the metrics of this batch."""
        return run_on_batch(
            self._trainer.binding,
            x,
            y,
            training=False,
            sample_weight=sample_weight,
            class_weight=None,
            return_dict=return_dict,
        )

    def predict_on_batch(self, x: Any) -> Any:
        """Returns the outputs for one batch as numpy arrays."""
        return predict_on_batch(self, x)

    def explain_step(self, print_fn: Any = None) -> None:
        """Prints how the last `fit`, `evaluate` and `predict` ran, and where the time of a training step goes.

        That is the strategy of each (see `jit_compile` in `compile`) and why; device and precision; where the data
        lives; how often a step reads a device value on the host, and where; and the time of a step's parts, measured
        now on a copy of the model with a batch of the last data, so that nothing of the model changes.

        Args:
            print_fn: What to call with each piece of text instead of `print`.

        Example:
            >>> import torchkeras_shim as keras
            >>> lines = []
            >>> keras.Sequential([keras.layers.Dense(1)], name="small").explain_step(lines.append)
            >>> lines[0][:22], lines[-1][:17]
            ("Steps of model 'small'", 'No batch was seen')
        """
        self._trainer.explain_step(print_fn)

    def get_compile_config(self) -> dict[str, Any] | None:
        """Returns what `compile` was told as plain values: empty before it, `None` where something has no config."""
        binding = self._trainer.binding
        return binding.told.get_config(binding.optimizer, self.name) if binding.is_compiled else {}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles the model as `get_compile_config()` says.

        A class with a `compile` of its own is left uncompiled, with a warning, unless it overrides this method too.

        Args:
            config: The config.
        """
        if type(self).compile is not Trainable.compile:
            warnings.warn(
                "`compile()` was not called as part of model loading because the model's `compile()` method is custom. "
                "All subclassed Models that have `compile()` overridden should also override `get_compile_config()` "
                "and `compile_from_config(config)`. Alternatively, you can call `compile()` manually after loading.",
                stacklevel=2,
            )
            return
        if config:
            self.compile(**arguments_of(config, self.name))
            if self.built:
                self._build_optimizer()

    def _compile_like(self, model: Trainable) -> None:
        """Compiles as another model is, where that is and `compile` is not the class's own."""
        binding = model._trainer.binding
        if not binding.is_compiled or type(self).compile is not Trainable.compile:
            return
        try:
            arguments = binding.told.again(binding.optimizer)
        except NotImplementedError as error:
            warnings.warn(
                f"Model '{model.name}' was cloned without what it was compiled with: call `compile()` on the clone. "
                f"{error}",
                stacklevel=3,
            )
            return
        self.compile(**arguments)

    # For callbacks and files ----------------------------------------------------------------------------------------

    def _build_optimizer(self) -> None:
        """Gives the optimizer its variables, so that a file can fill them."""
        self._trainer.binding.build_optimizer()

    def _training_state(self, epoch: int, batches: int) -> dict[str, Any]:
        """Returns where the running `fit` stands, as plain values.

        Args:
            epoch: The epoch to go on with.
            batches: How many batches of it are done.
        """
        return self._trainer.get_state(epoch, batches)

    def _resume_from(self, state: dict[str, Any]) -> None:
        """Lets the `fit` that is beginning go on where `_training_state` saw another one."""
        self._trainer.resume_from(state)
