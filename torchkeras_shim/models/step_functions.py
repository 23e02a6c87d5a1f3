"""`make_train_function` and its kin: what `fit`, `evaluate` and `predict` run on the data, to wrap or replace.

The loops ask for these functions only where a class overrides what makes them, or where a model was given one of the
user's own; otherwise the built-in step takes their place.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from torchkeras_shim.data import unpack_x_y_sample_weight
from torchkeras_shim.training.own_steps import Batch, builtin
from torchkeras_shim.training.single_batches import predict_on_batch, step_on_batch


class StepFunction:
    """One step of a model, as a function of an iterator of batches, which calls the model's own method for a step.

    Args:
        model: The model.
        step: The name of the method: `"train_step"`, `"test_step"` or `"predict_step"`.
    """

    _is_builtin = True

    def __init__(self, model: Any, step: str) -> None:
        self.model = model
        self.step = step

    def __call__(self, data: Any) -> Any:
        """Takes the next batch, or as many as `steps_per_execution` says, and returns what the last step returned."""
        batches = list(itertools.islice(iter(data), self.model._trainer.binding.told.steps_per_execution))
        if not batches:
            raise StopIteration("The data has no more batches.")
        for batch in batches:
            result = self._run(batch, isinstance(data, Batch))
        return result

    def _run(self, batch: Any, prepared: bool) -> Any:
        if prepared:  # by a loop, which is at work
            return getattr(self.model, self.step)(batch)
        if self.step == "predict_step":
            return predict_on_batch(self.model, unpack_x_y_sample_weight(batch)[0], as_numpy=False)
        return step_on_batch(
            self.model._trainer.binding, getattr(self.model, self.step), batch, training=self.step == "train_step"
        )


def _make(model: Any, name: str, step: str, force: bool) -> Callable[[Any], Any]:
    function: Callable[[Any], Any] | None = getattr(model, name)
    if function is None or force:
        function = StepFunction(model, step)
        setattr(model, name, function)
    return function


@builtin
def make_train_function(model: Any, force: bool = False) -> Callable[[Any], Any]:
    """Makes the function that trains on the next batch of an iterator: sets `train_function`, and returns it.

    Override it to put something around a step, or a step of your own in its place; `fit` then calls
    `train_function(iterator)` for every batch. The iterator is also a list of that one batch.

    Args:
        force: Whether to make it anew where there is one.

    Returns:
        The function. It returns the logs of `train_step`.

    Example:
        >>> import numpy as np
        >>> import torchkeras_shim as keras
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile(optimizer="sgd", loss="mse")
        >>> train = model.make_train_function()
        >>> list(train(iter([(np.ones((4, 2)), np.ones((4, 1)))])))
        ['loss']
    """
    return _make(model, "train_function", "train_step", force)


@builtin
def make_test_function(model: Any, force: bool = False) -> Callable[[Any], Any]:
    """Makes the function that evaluates the next batch of an iterator: sets `test_function`, and returns it.

    Args:
        force: Whether to make it anew where there is one.

    Returns:
        The function. It returns the logs of `test_step`.
    """
    return _make(model, "test_function", "test_step", force)


@builtin
def make_predict_function(model: Any, force: bool = False) -> Callable[[Any], Any]:
    """Makes the function that predicts for the next batch of an iterator: sets `predict_function`, and returns it.

    Args:
        force: Whether to make it anew where there is one.

    Returns:
        The function. It returns the outputs of `predict_step`.
    """
    return _make(model, "predict_function", "predict_step", force)
