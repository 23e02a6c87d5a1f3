"""What several processes must compute as one does: each case is run by one process, by 2 and by 4, and returns values.

A case is a function without arguments; its docstring is not needed, its name says what it holds.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers
from torchkeras_shim.compat.tf.tape import GradientTape
from torchkeras_shim.distribution import processes
from torchkeras_shim.training.capture import recording
from torchkeras_shim.training.choice import choose, trial

CASES: dict[str, Callable[[], Any]] = {}

#: What 2 processes check of themselves.
TOGETHER: dict[str, Callable[[], Any]] = {}

#: How many processes run a case, besides one; few cases are worth 4.
WORLDS: dict[str, tuple[int, ...]] = {
    "plain": (1, 2, 4),
    "batch_normalization": (1, 2, 4),
    "fewer_rows_than_processes": (1, 2, 4),
    "masked_steps": (1, 2, 4),
    "metrics_of_101_samples": (1, 2, 4),
    "loader": (1, 2, 4),
}

N = 41


def case(function: Callable[[], Any]) -> Callable[[], Any]:
    """Enters a case under its name."""
    CASES[function.__name__] = function
    return function


def together(function: Callable[[], Any]) -> Callable[[], Any]:
    """Enters a check that 2 processes run."""
    TOGETHER[function.__name__] = function
    return function


def data(n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """Returns features and classes, always the same."""
    generator = np.random.default_rng(0)
    return generator.normal(size=(n, 6)).astype("float32"), generator.integers(0, 3, n)


def classifier(*between: Any, loss: Any = None, optimizer: Any = None, **compiled: Any) -> Any:
    """Returns a compiled model of three classes, of always the same weights."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="relu"), *between, layers.Dense(3)])
    loss = loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer or keras.optimizers.SGD(0.1, momentum=0.9), loss, **compiled)
    return model


def fitted(model: Any, x: Any, y: Any = None, **arguments: Any) -> dict[str, Any]:
    """Trains a model. Returns its weights and its history."""
    arguments = {"epochs": 2, "verbose": 0, **({"batch_size": 8} if y is not None else {}), **arguments}
    history = model.fit(x, y, **arguments).history
    return {"weights": model.get_weights(), "history": history}


# The step ------------------------------------------------------------------------------------------------------------


@case
def plain() -> Any:
    x, y = data()
    model = classifier(metrics=["accuracy"])
    result = fitted(model, x, y, validation_split=0.3)
    return {
        **result,
        "evaluated": model.evaluate(x, y, batch_size=9, verbose=0),
        "all rows": model.predict(x, verbose=0),
    }


@case
def adam_and_the_captured_wish() -> Any:
    return fitted(classifier(optimizer="adam", jit_compile="auto"), *data(), shuffle=False)


@case
def captured_steps() -> Any:
    model = classifier(layers.Dropout(0.0), optimizer="adam", jit_compile="captured", metrics=["accuracy"])
    result = fitted(model, *data(), epochs=3)
    report = model._trainer.binding.reports["fit"]
    assert report.told()[0] == "captured", report.told()
    assert report.ran.replayed >= 10, report.told()
    return result


@contextlib.contextmanager
def short_trials() -> Iterator[Any]:
    """Lets steps be tried in short runs, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial, "_TRIALS", 2)
        patch.setattr(choose, "MIN_STEPS", 6)
        yield patch


@case
def steps_that_are_tried() -> Any:
    with short_trials():
        model = classifier(layers.Dropout(0.0), layers.BatchNormalization(), optimizer="adam", metrics=["accuracy"])
        plain = classifier(layers.Dropout(0.0), optimizer="adam", metrics=["accuracy"])
        return fitted(model, *data(), epochs=2), fitted(plain, *data(), epochs=3)


@case
def batch_normalization() -> Any:
    model = classifier(layers.BatchNormalization(momentum=0.5), layers.BatchNormalization(synchronized=True))
    result = fitted(model, *data())
    return {**result, "at rest": model.evaluate(*data(), verbose=0)}


@case
def batch_normalization_frozen() -> Any:
    model = classifier(layers.BatchNormalization(momentum=0.5))
    model.fit(*data(), verbose=0)
    model.layers[1].trainable = False
    model.compile("sgd", model.loss)
    return fitted(model, *data())


@case
def batch_normalization_of_masked_steps() -> Any:
    keras.utils.set_random_seed(2)
    x = np.random.default_rng(3).integers(0, 5, (21, 6))
    model = keras.Sequential(
        [
            layers.Embedding(5, 4, mask_zero=True),
            layers.BatchNormalization(momentum=0.5),
            layers.LSTM(3),
            layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    return fitted(model, x, np.ones((21, 1), "float32"))


@case
def class_weights() -> Any:
    return fitted(classifier(weighted_metrics=["accuracy"]), *data(), class_weight={0: 1.0, 1: 3.0, 2: 0.5})


@case
def sample_weights() -> Any:
    x, y = data()
    model = classifier(metrics=["accuracy"], weighted_metrics=["accuracy"])
    weights = np.linspace(0, 2, len(x)).astype("float32")
    return {
        **fitted(model, x, y, sample_weight=weights),
        "evaluated": model.evaluate(x, y, sample_weight=weights, verbose=0),
    }


@case
def mean_with_sample_weight() -> Any:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
    x, y = data()
    return fitted(classifier(loss=loss), x, y, sample_weight=np.linspace(0, 2, len(x)).astype("float32"))


@case
def summed_loss() -> Any:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    return fitted(classifier(loss=loss, optimizer=keras.optimizers.SGD(0.01)), *data())


@case
def masked_steps() -> Any:
    keras.utils.set_random_seed(2)
    x = np.random.default_rng(3).integers(0, 5, (21, 6))
    model = keras.Sequential(
        [layers.Embedding(5, 4, mask_zero=True), layers.LSTM(3, return_sequences=True), layers.Dense(2)]
    )
    model.compile("sgd", "mse", metrics=["mae"])
    y = np.ones((21, 6, 2), "float32")
    return {**fitted(model, x, y, shuffle=False), "evaluated": model.evaluate(x, y, verbose=0)}


@case
def torch_loss_with_class_weights() -> Any:
    loss = torch.nn.CrossEntropyLoss(weight=torch.tensor([1.0, 4.0, 0.5]), ignore_index=2)
    x, y = data()
    return fitted(classifier(loss=loss), x, y)


@case
def penalties_and_added_losses() -> Any:
    return fitted(
        classifier(
            layers.Dense(4, kernel_regularizer="l2", activity_regularizer="l1"), layers.ActivityRegularization(0.1)
        ),
        *data(),
    )


@case
def accumulated_and_clipped() -> Any:
    optimizer = keras.optimizers.Adam(0.05, gradient_accumulation_steps=3, global_clipnorm=0.1)
    return fitted(classifier(optimizer=optimizer), *data())


class Looks(keras.callbacks.Callback):
    """Notes the optimizer's variables after each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seen.append([variable.numpy().copy() for variable in self.model.optimizer.variables])


@case
def accumulated_over_epochs() -> Any:
    """Six steps to an epoch and four to an update: what is left over is that of all data, and counts once."""
    x, y = data()
    results = []
    for jit_compile, scale in (("auto", None), ("captured", 16.0)):
        looks = Looks()
        optimizer = keras.optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=4, loss_scale_factor=scale)
        model = classifier(layers.Dense(4, trainable=False), optimizer=optimizer, jit_compile=jit_compile)
        results.append([fitted(model, x, y, epochs=3, shuffle=False, callbacks=[looks]), looks.seen])
        results.append([model.train_on_batch(x[:5], y[:5]) for _ in range(3)])
        results.append([variable.numpy() for variable in optimizer.variables])
    return results


@case
def accumulated_and_scaled() -> Any:
    inner = keras.optimizers.SGD(0.1, gradient_accumulation_steps=4)
    optimizer = keras.optimizers.LossScaleOptimizer(inner, initial_scale=64.0, dynamic_growth_steps=3)
    model = classifier(optimizer=optimizer)
    x, y = data()
    x[9] = np.inf  # a row of one process: all leave the step out
    fitted(model, x, y, epochs=4, shuffle=False)
    return [model.get_weights(), float(optimizer.dynamic_scale), int(inner.iterations), int(inner._steps.synced())]


def several_optimizers(**arguments: Any) -> Any:
    """Returns an optimizer for kernels and another one for the rest."""
    kernels, rest = keras.optimizers.Adam(0.05, **arguments), keras.optimizers.SGD(0.1, momentum=0.9, **arguments)
    return keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(rest, {".*kernel": kernels}))


@case
def accumulated_by_several_optimizers() -> Any:
    plain, scaled = (several_optimizers(gradient_accumulation_steps=4) for _ in range(2))
    model = classifier(optimizer=plain)
    results = [fitted(model, *data(), shuffle=False, callbacks=[looks := Looks()]), looks.seen]
    plain.optimizers[0].resume(2)  # they complete their rounds at different steps from here on
    optimizer = keras.optimizers.LossScaleOptimizer(scaled, initial_scale=64.0, dynamic_growth_steps=3)
    other = classifier(optimizer=optimizer)
    x, y = data()
    x[25] = np.inf
    return [*results, fitted(model, *data()), fitted(other, x, y, epochs=3, shuffle=False)["weights"]]


class Either(keras.Model):
    """Computes with other weights from batch to batch."""

    def __init__(self, turns: str) -> None:
        super().__init__()
        self.turns, self.count = turns, 0
        self.parts, self.head = [layers.Dense(4), layers.Dense(4), layers.Dense(4)], layers.Dense(3)

    def build(self, input_shape: Any) -> None:
        for part in self.parts:
            part.build(input_shape)
        self.head.build((None, 4))

    def call(self, x: Any) -> Any:
        self.count += 1
        return self.head(self.parts[int(self.turns[self.count % len(self.turns)])](x))


@case
def other_weights_in_each_batch() -> Any:
    distribution = keras.distribution.DataParallel(find_unused_parameters=True)
    results = []
    for arguments in ({}, {"gradient_accumulation_steps": 3}):
        keras.utils.set_random_seed(1)
        model = Either("0110221")
        model.build((None, 6))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.1, **arguments), loss, jit_compile=False)
        with warnings.catch_warnings(), distribution.scope():
            warnings.filterwarnings("ignore", "Gradients do not exist")
            results.append(fitted(model, *data(), shuffle=False))
    return results


class Largest(torch.autograd.Function):
    """Passes a tensor on. The gradient of its second argument is the largest absolute value."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, largest: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        return grads[0], ctx.saved_tensors[0].abs().max().reshape(1)


class KeepsLargest(layers.Layer):
    """Has a weight that is the largest value of the last batch, as layers in 8 bits do."""

    def build(self, input_shape: Any) -> None:
        self.largest = self.add_weight((1,), initializer="zeros", overwrite_with_gradient=True, name="largest")

    def call(self, x: Any) -> Any:
        return Largest.apply(x, self.largest)


def overwritten(jit_compile: Any = "auto", own: bool = False, **arguments: Any) -> Any:
    """Trains a model with a weight that is overwritten with its gradient."""
    keras.utils.set_random_seed(1)
    kind = StepOnAVariable if own else keras.Sequential
    model = kind([keras.Input((6,)), layers.Dense(8), KeepsLargest(), layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1, **arguments), loss, jit_compile=jit_compile, auto_scale_loss=False)
    return fitted(model, *data(40), shuffle=False, epochs=1)


class StepOnAVariable(keras.Sequential):
    """Makes its update itself."""

    def train_step(self, data: Any) -> Any:
        x, y = data
        loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        loss.backward()
        weights = self.trainable_weights
        self.optimizer.apply([weight.grad for weight in weights], weights)
        self.zero_grad()
        return {}


@case
def variables_overwritten_with_gradients() -> Any:
    return [
        overwritten(),
        overwritten("captured"),
        overwritten(gradient_accumulation_steps=3),
        overwritten(own=True)["weights"],
    ]


@case
def clipped_one_by_one() -> Any:
    return fitted(classifier(optimizer=keras.optimizers.SGD(0.5, clipnorm=0.05)), *data())


@case
def scaled_loss() -> Any:
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=64.0)
    return fitted(classifier(optimizer=optimizer), *data())


@case
def averaged_weights() -> Any:
    return fitted(classifier(optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_overwrite_frequency=3)), *data())


@case
def frozen_weights() -> Any:
    model = classifier(layers.Dense(4, trainable=False))
    return fitted(model, *data())


class Forked(keras.Model):
    """Has weights that take no part in the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = layers.Dense(3), layers.Dense(2)

    def call(self, x: Any) -> Any:
        self.unused(x)
        return self.used(x)


@case
def unused_weights() -> Any:
    keras.utils.set_random_seed(1)
    model = Forked()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Gradients do not exist")
        return fitted(model, *data())


@case
def several_outputs() -> Any:
    keras.utils.set_random_seed(1)
    x, y = data()
    inputs = keras.Input((6,))
    hidden = layers.Dense(5, activation="tanh")(inputs)
    model = keras.Model(inputs, {"a": layers.Dense(3)(hidden), "b": layers.Dense(1)(hidden)})
    model.compile(
        "sgd",
        {"a": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "b": "mse"},
        loss_weights={"a": 1.0, "b": 0.3},
        metrics={"b": ["mae"]},
    )
    targets = {"a": y, "b": x[:, :1]}
    result = fitted(model, x, targets)
    return {**result, "all rows": model.predict(x, batch_size=7, verbose=0)}


@case
def fewer_rows_than_processes() -> Any:
    x, y = data(9)
    model = classifier(layers.BatchNormalization(momentum=0.5), metrics=["accuracy"])
    result = fitted(model, x, y, shuffle=False)  # a batch of 8 and one of 1
    small = {
        "evaluated": model.evaluate(x[:1], y[:1], verbose=0),
        "all rows": model.predict(x[:3], batch_size=2, verbose=0),
    }
    return {**result, **small}


class OwnStep(keras.Model):
    """Makes its update itself."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x: Any) -> Any:
        return self.dense(x)

    def train_step(self, data: Any) -> Any:
        x, y = data
        loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        loss.backward()
        weights = self.trainable_weights
        self.optimizer.apply([weight.grad for weight in weights], weights)
        self.zero_grad()
        for metric in self.metrics:
            metric.update_state(loss.detach()) if metric.name == "loss" else metric.update_state(y, self(x))
        return {"mean_of_rows": loss.detach()}


@case
def a_step_of_its_own() -> Any:
    keras.utils.set_random_seed(1)
    model = OwnStep()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = data(40)
    return fitted(model, x, y)


class Gan(keras.Model):
    """Two optimizers, and layers that are frozen in turns; the critic is built by the first step."""

    def __init__(self) -> None:
        super().__init__()
        self.critic = keras.Sequential([layers.Dense(4, activation="tanh"), layers.Dense(1)])
        self.maker = keras.Sequential([keras.Input((6,)), layers.Dense(6)])

    def compile(self, **optimizers: Any) -> None:
        super().compile(run_eagerly=True)
        self.optimizers = optimizers

    def train_step(self, data: Any) -> Any:
        self.critic.trainable = True
        self.maker.trainable = False
        lost = (self.critic(self.maker(data)) - self.critic(data) + 0.1 * self.critic(data) ** 2).mean()
        self._update("critic", lost)
        self.critic.trainable = False
        self.maker.trainable = True
        made = -self.critic(self.maker(data)).mean()
        self._update("maker", made)
        return {"critic": lost.detach(), "maker": made.detach()}

    def _update(self, name: str, loss: Any) -> None:
        weights = getattr(self, name).trainable_weights
        self.optimizers[name].apply(torch.autograd.grad(loss, weights), weights)


@case
def a_gan() -> Any:
    keras.utils.set_random_seed(1)
    model = Gan()
    model.compile(critic=keras.optimizers.Adam(0.05), maker=keras.optimizers.SGD(0.1))
    return fitted(model, data(40)[0], batch_size=8)


class Tape(OwnStep):
    """Takes gradients by TensorFlow's tape."""

    def train_step(self, data: Any) -> Any:
        x, y = data
        with GradientTape() as tape:
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
        return {metric.name: metric.result() for metric in self.metrics}


@case
def a_tape() -> Any:
    keras.utils.set_random_seed(1)
    model = Tape()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return fitted(model, *data(40))


@case
def run_eagerly() -> Any:
    return fitted(classifier(run_eagerly=True, metrics=["accuracy"]), *data())


@case
def single_batches() -> Any:
    x, y = data(7)
    model = classifier(metrics=["accuracy"])
    logs = [model.train_on_batch(x, y, return_dict=True) for _ in range(3)]
    return {
        "logs": logs,
        "tested": model.test_on_batch(x, y),
        "weights": model.get_weights(),
        "rows": model.predict_on_batch(x),
    }


# Metrics -------------------------------------------------------------------------------------------------------------


class Share(keras.metrics.Metric):
    """A metric of a user's own."""

    def __init__(self, name: str = "share", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.seen = self.add_weight(name="seen", initializer="zeros")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.hits.assign_add((y_pred[:, 0] > 0).sum().float())
        self.seen.assign_add(float(y_pred.shape[0]))

    def result(self) -> Any:
        return self.hits / self.seen


@case
def metrics_of_101_samples() -> Any:
    keras.utils.set_random_seed(1)
    x = np.random.default_rng(5).normal(size=(101, 4)).astype("float32")
    y = (x.sum(-1, keepdims=True) > 0).astype("float32")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1, activation="sigmoid")])
    metrics = keras.metrics
    model.compile(
        "sgd",
        "binary_crossentropy",
        metrics=[
            metrics.AUC(),
            metrics.F1Score(threshold=0.5),
            metrics.BinaryIoU(),
            metrics.Precision(),
            metrics.RootMeanSquaredError(),
            metrics.R2Score(),
            metrics.PrecisionAtRecall(0.5),
            Share(),
        ],
    )
    return model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)


@case
def metrics_of_outputs_in_lists() -> Any:
    keras.utils.set_random_seed(1)
    x, y = data()
    inputs = keras.Input((6,))
    hidden = layers.Dense(5, activation="tanh")(inputs)
    model = keras.Model(inputs, [layers.Dense(3, activation="softmax")(hidden), layers.Dense(1)(hidden)])
    model.compile(
        "sgd",
        ["sparse_categorical_crossentropy", "mse"],
        metrics=[["accuracy", keras.metrics.MeanIoU(3, sparse_y_pred=False)], ["mae", Share()]],
        weighted_metrics=[[], [keras.metrics.MeanSquaredError(name="weighted")]],
    )
    weights = [np.linspace(0, 1, N).astype("float32"), np.linspace(2, 0, N).astype("float32")]
    validation = (x[:13], [y[:13], x[:13, :1]], [weights[0][:13], weights[1][:13]])
    arguments = {"validation_data": validation, "validation_freq": 2, "initial_epoch": 1, "epochs": 4}
    return fitted(model, x, [y, x[:, :1]], sample_weight=weights, **arguments)


@case
def adapted() -> Any:
    """A layer that adapts sees what it is given, in each process: the whole of it."""
    keras.utils.set_random_seed(1)
    x, y = data()
    normalize, lookup = layers.Normalization(), layers.StringLookup(output_mode="multi_hot")
    normalize.adapt(x)
    lookup.adapt(np.array(list("abca")))
    model = keras.Sequential([normalize, layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    result = fitted(model, x, y, class_weight={0: 1.0, 1: 2.0, 2: 0.5})
    normalize.adapt(x[:20])  # after training
    return [result, model.predict(x, verbose=0), lookup([["b"], ["z"]]).numpy()]


# Data ----------------------------------------------------------------------------------------------------------------


class Batches(keras.utils.PyDataset):
    """Batches by index."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Any:
        x, y = data()
        return x[index * 7 : index * 7 + 7], y[index * 7 : index * 7 + 7]


@case
def py_dataset() -> Any:
    model = classifier(metrics=["accuracy"])
    return {**fitted(model, Batches(workers=2), shuffle=True), "all rows": model.predict(Batches(), verbose=0)}


@case
def loader() -> Any:
    x, y = data()
    model = classifier(metrics=["accuracy"])
    rows = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    batches = torch.utils.data.DataLoader(rows, batch_size=8, shuffle=True)
    return {**fitted(model, batches), "evaluated": model.evaluate(batches, verbose=0)}


@case
def loader_of_iterable() -> Any:
    class Stream(torch.utils.data.IterableDataset):  # type: ignore[type-arg]
        def __iter__(self) -> Any:
            yield from zip(*data(), strict=True)

    return fitted(classifier(), torch.utils.data.DataLoader(Stream(), batch_size=8))


@case
def generator() -> Any:
    def batches() -> Any:
        x, y = data()
        while True:
            for start in range(0, N, 8):
                yield x[start : start + 8], y[start : start + 8]

    return fitted(classifier(metrics=["accuracy"]), batches(), steps_per_epoch=5)


@case
def pipeline() -> Any:
    from torchkeras_shim.data.pipeline.dataset import Dataset

    model = classifier(metrics=["accuracy"])
    rows = Dataset.from_tensor_slices(data())
    shuffled = rows.shuffle(20, seed=3).batch(8)
    mapped = rows.map(lambda x, y: (x * 2, y)).shuffle(41).batch(8).prefetch(2)
    return {
        **fitted(model, shuffled),
        "mapped": model.fit(mapped, verbose=0).history,
        "evaluated": model.evaluate(rows.batch(8), verbose=0),
        "weights after all": model.get_weights(),
    }


@case
def shuffled_within_batches() -> Any:
    return fitted(classifier(), *data(), shuffle="batch", validation_data=data(10), validation_freq=2)


# Callbacks -----------------------------------------------------------------------------------------------------------


@case
def callbacks_that_decide() -> Any:
    x, y = data()
    stop = keras.callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True)
    slow = keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=0)
    model = classifier(optimizer=keras.optimizers.SGD(1.0))
    result = fitted(model, x, y, epochs=8, validation_split=0.5, callbacks=[stop, slow])
    return {**result, "rate": float(model.optimizer.learning_rate), "stopped": stop.stopped_epoch}


class LooksAtBatches(keras.callbacks.Callback):
    """Notes the logs of batches, and makes the learning rate out of them."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[dict[str, float]] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen.append(dict(logs or {}))
        self.model.optimizer.learning_rate = 0.05 * min(self.seen[-1].get("loss", 1.0), 1.0)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen.append(dict(logs or {}))


@case
def logs_of_batches() -> Any:
    """A callback of a user's sees what one process shows, in each process."""
    looks = LooksAtBatches()
    metrics = ["accuracy", keras.metrics.AUC(multi_label=True, from_logits=True)]
    model = classifier(loss=keras.losses.CategoricalCrossentropy(from_logits=True), metrics=metrics)
    x, y = data()
    y = np.eye(3, dtype="float32")[y]
    result = fitted(model, x, y, validation_split=0.3, callbacks=[looks], shuffle=False)
    own = LooksAtBatches()
    keras.utils.set_random_seed(1)
    trainer = OwnStep()
    trainer.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    fitted(trainer, *data(40), callbacks=[own])
    return [result, looks.seen, own.seen]


@case
def saved_within_a_round() -> Any:
    """A checkpoint that the first process writes between two updates holds the gradients of all data."""
    name = f"torchkeras-round-{os.getppid()}-{os.environ.get('MASTER_PORT', 'alone')}.keras"
    path = os.path.join(tempfile.gettempdir(), name)
    model = classifier(optimizer=keras.optimizers.SGD(0.1, gradient_accumulation_steps=4))
    result = fitted(model, *data(), callbacks=[keras.callbacks.ModelCheckpoint(path, save_freq=5)], shuffle=False)
    if int(os.environ.get("RANK", 0)) == 0:
        saved = keras.saving.load_model(path)
        variables = [variable.numpy() for variable in saved.optimizer.variables]
    else:
        variables = None
    known = keras.distribution.processes.known()
    return [result, variables if known is None else known.from_first(variables)]


class StopAt(keras.callbacks.Callback):
    """Stops in the middle of an epoch."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch == 2:
            self.model.stop_training = True


class Crash(keras.callbacks.Callback):
    """Ends a training in the middle of the second epoch."""

    epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if (self.epoch, batch) == (1, 3):
            raise InterruptedError


@case
def interrupted_and_resumed() -> Any:
    x, y = data()
    name = os.environ.get("MASTER_PORT", "alone")
    folder = os.path.join(tempfile.gettempdir(), f"torchkeras-backup-{os.getppid()}-{name}")

    def start(*more: Any) -> Any:
        metrics = ["accuracy", keras.metrics.MeanIoU(3, sparse_y_pred=False)]
        optimizer = keras.optimizers.Adam(0.1, gradient_accumulation_steps=4)  # the backup falls between two updates
        model = classifier(layers.Dropout(0.0), optimizer=optimizer, metrics=metrics)
        backup = keras.callbacks.BackupAndRestore(folder, save_freq=3)
        return fitted(model, x, y, epochs=3, callbacks=[backup, *more])

    with contextlib.suppress(InterruptedError):
        start(Crash())
    resumed = start()
    optimizer = keras.optimizers.Adam(0.1, gradient_accumulation_steps=4)
    straight = fitted(classifier(layers.Dropout(0.0), optimizer=optimizer, metrics=["accuracy"]), x, y, epochs=3)
    for one, other in zip(resumed["weights"], straight["weights"], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)
    return resumed


@case
def stopping_in_an_epoch() -> Any:
    return fitted(classifier(), *data(), shuffle=False, callbacks=[StopAt(), keras.callbacks.TerminateOnNaN()])


# What once went wrong, or might -------------------------------------------------------------------------------------


@case
def loops_within_loops() -> Any:
    x, y = data()
    seen = []

    class Looks(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 1:
                seen.append(self.model.evaluate(x[:10], y[:10], batch_size=3, verbose=0))

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            seen.append(self.model.predict(x[:11], batch_size=4, verbose=0))

    model = classifier(layers.BatchNormalization(momentum=0.5), metrics=["accuracy"])
    return {**fitted(model, x, y, callbacks=[Looks()]), "seen": seen}


@case
def frozen_and_compiled_again() -> Any:
    x, y = data()
    model = classifier(layers.Dense(4), metrics=["accuracy"])
    first = fitted(model, x, y)
    model.layers[0].trainable = False
    model.compile("adam", model.loss, metrics=["accuracy"])
    return [first, fitted(model, x, y, steps_per_epoch=3, epochs=4, validation_data=(x, y), validation_steps=2)]


@case
def parts_of_torch() -> Any:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.LayerNorm(8), torch.nn.Linear(8, 3)])
    model.compile(torch.optim.AdamW(model.parameters(), 1e-2), torch.nn.CrossEntropyLoss(), metrics=["accuracy"])
    return {**fitted(model, *data()), "state": [value.numpy() for value in model.state_dict().values()]}


@case
def text() -> Any:
    keras.utils.set_random_seed(1)
    texts = np.array(["a b", "b c d", "a", "d d"] * 5, dtype=object)
    vectorize = layers.TextVectorization(output_sequence_length=4)
    vectorize.adapt(texts)
    model = keras.Sequential([vectorize, layers.Embedding(10, 3), layers.GlobalAveragePooling1D(), layers.Dense(1)])
    model.compile("sgd", "mse")
    return fitted(model, texts, np.linspace(0, 1, 20, dtype="float32")[:, None])


@case
def images() -> Any:
    keras.utils.set_random_seed(1)
    x, y = np.random.default_rng(0).normal(size=(21, 8, 8, 2)).astype("float32"), np.arange(21) % 3
    between = [
        layers.Conv2D(4, 3),
        layers.BatchNormalization(momentum=0.5),
        layers.ReLU(),
        layers.SeparableConv2D(4, 3),
    ]
    model = keras.Sequential([*between, layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return fitted(model, x, y)


@case
def generators_that_end() -> Any:
    x, y = data()

    def rows(size: int, *targets: Any) -> Any:
        return ((x[i : i + size], *(target[i : i + size] for target in targets)) for i in range(0, N, size))

    model = classifier(metrics=["accuracy"])
    trained = model.fit(rows(8, y), verbose=0).history
    return [trained, model.evaluate(rows(5, y), verbose=0), model.predict(rows(5), verbose=0)]


@case
def metrics_within_layers() -> Any:
    class Adds(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.mean = keras.metrics.Mean(name="inner")

        def call(self, x: Any) -> Any:
            self.add_loss(0.1 * x.square().mean())
            self.mean.update_state(x.detach().mean(-1))
            return x

    return fitted(classifier(Adds(), metrics=["accuracy"]), *data())  # the last batch has one row


@case
def not_a_number_in_one_process() -> Any:
    x, y = data()
    x[9] = np.nan
    end = keras.callbacks.TerminateOnNaN()
    return len(classifier().fit(x, y, batch_size=8, epochs=3, verbose=0, shuffle=False, callbacks=[end]).epoch)


# What 2 processes check of themselves -------------------------------------------------------------------------------


def _rank() -> int:
    return int(os.environ["RANK"])


@contextlib.contextmanager
def raises(kind: Any, *texts: str) -> Any:
    with pytest.raises(kind) as caught:
        yield
    missing = [text for text in texts if text not in str(caught.value)]
    assert not missing, f"{missing} not in: {caught.value}"


@together
def parts_of_uneven_length() -> None:
    """Each process has batches of its own; the longer part goes on with a borrowed row."""
    x, y = data(20)
    mine = [(x[:6], y[:6]), (x[10:16], y[10:16])] if _rank() == 0 else [(x[6:10], y[6:10])]
    distribution = keras.distribution
    for kind in (lambda: (batch for batch in mine), lambda: mine_as_dataset(mine)):
        with distribution.DataParallel(auto_shard_dataset=False).scope():
            found = fitted(classifier(layers.BatchNormalization(momentum=0.5), metrics=["accuracy"]), kind(), epochs=1)
        alone, distribution_before = [(x[:10], y[:10]), (x[10:16], y[10:16])], distribution.distribution()
        distribution.set_distribution(None)
        right = fitted(
            classifier(layers.BatchNormalization(momentum=0.5), metrics=["accuracy"]), mine_as_dataset(alone), epochs=1
        )
        distribution.set_distribution(distribution_before)
        for one, other in zip(found["weights"], right["weights"], strict=True):
            np.testing.assert_allclose(one, other, atol=2e-6)
        np.testing.assert_allclose(found["history"]["loss"], right["history"]["loss"], rtol=1e-5)


def mine_as_dataset(batches: Any) -> Any:
    class Listed(keras.utils.PyDataset):
        def __len__(self) -> int:
            return len(batches)

        def __getitem__(self, index: int) -> Any:
            return batches[index]

    return Listed()


@together
def statistics_of_each_process() -> None:
    x, y = data(16)
    model = classifier(layers.BatchNormalization(momentum=0.5))
    hidden = model.layers[0](x).detach().numpy()
    with keras.distribution.DataParallel(batch_statistics="local").scope():
        model.fit(x, y, batch_size=16, verbose=0, shuffle=False)
    mean, variance = (weight.numpy() for weight in model.layers[1].non_trainable_weights)
    np.testing.assert_allclose(mean, hidden.mean(0) / 2, rtol=1e-5, atol=1e-6)
    own = np.mean([hidden[:8].var(0), hidden[8:].var(0)], axis=0)
    np.testing.assert_allclose(variance, 0.5 + own / 2, rtol=1e-5, atol=1e-6)


@together
def data_that_differs() -> None:
    x, y = data()

    def batches(count: int) -> Any:
        return ((x[:8], y[:8]) for _ in range(count))

    with raises(ValueError, "not the same in all processes", "batch 2 has", "auto_shard_dataset=False"):
        classifier().fit(batches(2 + _rank()), verbose=0)
    with raises(ValueError, "not the same in all processes", "other values", "set_random_seed"):
        classifier().fit(((x[:8] + _rank(), y[:8]) for _ in range(2)), verbose=0)


@together
def arrays_that_differ() -> None:
    x, y = data()
    with raises(
        ValueError, "not the same in all processes", "the data has", "other values", "auto_shard_dataset=False"
    ):
        classifier().fit(x[_rank() : 20 + _rank()], y[:20], verbose=0)
    with raises(ValueError, "from 20 to 21 in all"):
        classifier().evaluate(x[: 20 + _rank()], y[: 20 + _rank()], verbose=0)


@together
def model_parallel_without_cuts() -> None:
    """A mesh with all devices along the batch is data-parallel."""
    distribution = keras.distribution
    x, y = data()
    right = fitted(classifier(), x, y)
    layouts = distribution.LayoutMap(distribution.DeviceMesh((2, 1), ["batch", "model"]))
    layouts[".*kernel"] = (None, "model")
    with distribution.ModelParallel(layout_map=layouts).scope():
        found = fitted(classifier(), x, y)
    for one, other in zip(found["weights"], right["weights"], strict=True):
        np.testing.assert_array_equal(one, other)


@together
def two_threads() -> None:
    x, y = data()
    caught: list[BaseException] = []

    def other() -> None:
        try:
            classifier().evaluate(x, y, verbose=0)
        except RuntimeError as error:
            caught.append(error)

    class Starts(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()

    classifier().fit(x, y, verbose=0, callbacks=[Starts()])
    assert "running in another thread" in str(caught[0])


class Noted(layers.Layer):
    """Keeps what goes through it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[np.ndarray] = []

    def call(self, inputs: Any) -> Any:
        self.seen.append(inputs.detach().numpy().copy())
        return inputs


class AddsNoise(layers.Layer):
    """A random layer of a user's, as Keras's guide has it."""

    def __init__(self) -> None:
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator(5)

    def call(self, inputs: Any) -> Any:
        return inputs + keras.random.normal(inputs.shape, seed=self.seed_generator) + torch.rand(inputs.shape)


RANDOM: dict[str, Callable[[], Any]] = {
    "seeded": lambda: layers.Dropout(0.5, seed=3),
    "not seeded": lambda: layers.GaussianNoise(1.0),
    "SeedGenerator": AddsNoise,
    "images": lambda: layers.RandomBrightness(0.5, seed=1),
    "cells": lambda: layers.SimpleRNN(64, dropout=0.5, seed=2, kernel_initializer="ones"),
    "attention": lambda: SelfAttention(2, 8, dropout=0.5, seed=4, kernel_initializer="ones"),
}


class SelfAttention(layers.Layer):
    """Attention of rows to themselves."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.attention = layers.MultiHeadAttention(*args, **kwargs)

    def call(self, x: Any) -> Any:
        return self.attention(x, x)


class TrainsItself(keras.Model):
    """Trains by a step of its own."""

    def __init__(self, *members: Any) -> None:
        super().__init__()
        self.members = list(members)

    def call(self, x: Any) -> Any:
        for member in self.members:
            x = member(x)
        return x

    def train_step(self, data: Any) -> Any:
        x, y = data
        loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        loss.backward()
        self.optimizer.apply([weight.grad for weight in self.trainable_weights], self.trainable_weights)
        self.zero_grad()
        return {"loss": loss.detach()}


def _noise(layer: Any, own: bool = False) -> list[np.ndarray]:
    """Returns what a layer makes of rows that are all alike, in four steps of two epochs."""
    keras.utils.set_random_seed(1)
    noted = Noted()
    shape = (4, 4, 1) if isinstance(layer, layers.RandomBrightness) else (3, 4)
    members = [layer, noted, layers.Flatten(), layers.Dense(1, use_bias=False)]
    model = TrainsItself(*members) if own else keras.Sequential(members)
    model.compile(keras.optimizers.SGD(1e-4), "mse", jit_compile=False)
    x = np.ones((16, *shape), "float32")
    model(x[:1])
    noted.seen.clear()
    model.fit(x, np.ones((16, 1)), batch_size=8, epochs=2, verbose=0, shuffle=False)
    for weights in zip(*keras.distribution.processes.known().from_all(model.get_weights()), strict=True):
        np.testing.assert_array_equal(*weights)
    return noted.seen[-4:]  # before, the model ran to learn its outputs


@together
def noise_of_each_process() -> None:
    """Layers draw other numbers in each process and step, the same in each run; what is drawn between is the same."""
    processes = keras.distribution.processes.known()
    for name, make in RANDOM.items():
        for own in (False, True):
            first, second = _noise(make(), own), _noise(make(), own)
            np.testing.assert_array_equal(first, second, err_msg=name)
            everywhere = [noise for seen in processes.from_all(first) for noise in seen]
            assert len({noise.tobytes() for noise in everywhere}) == 8, (name, own)
    assert len({float(value) for value in processes.from_all(torch.rand(1))}) == 1
    model = keras.Sequential([keras.Input((4,)), layers.Dropout(0.5, seed=1)])
    rows = [rows[:8] for rows in processes.from_all(model(np.ones((8, 4)), training=True).numpy())]
    np.testing.assert_array_equal(*rows)  # outside of a step


@together
def noise_after_an_interruption() -> None:
    """A training that was killed in the middle of an epoch goes on with the same noise."""
    folder = os.path.join(tempfile.gettempdir(), f"torchkeras-noise-{os.getppid()}")

    def start(*callbacks: Any, own: bool) -> Any:
        keras.utils.set_random_seed(1)
        members = [
            layers.Dense(8),
            layers.Dropout(0.5, seed=1),
            layers.GaussianNoise(0.3),
            AddsNoise(),
            layers.Dense(3),
        ]
        model = TrainsItself(*members) if own else keras.Sequential(members)
        model(data()[0][:1])
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return fitted(model, *data(), epochs=3, callbacks=callbacks)["weights"]

    for own in (False, True):
        backup = [keras.callbacks.BackupAndRestore(folder, save_freq=3)]
        with contextlib.suppress(InterruptedError):
            start(backup, Crash(), own=own)
        for one, other in zip(start(backup, own=own), start(own=own), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-7)


@together
def one_process_stops() -> None:
    class Stops(keras.callbacks.Callback):
        batches = 0

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.batches += 1
            if _rank() == 1 and batch == 1:
                self.model.stop_training = True

    class StopsLate(keras.callbacks.Callback):
        epochs = 0

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.epochs += 1
            self.model.stop_training = _rank() == 0 and epoch == 1

    early, late = Stops(), StopsLate()
    classifier().fit(*data(), batch_size=8, verbose=0, epochs=3, callbacks=[early])
    assert early.batches == 2
    classifier().fit(*data(), verbose=0, epochs=5, callbacks=[late])
    assert late.epochs == 2


@together
def a_trial() -> None:
    """All processes keep the same way, whatever each has found."""

    def tried(**arguments: Any) -> tuple[str, str]:
        model = classifier(optimizer="adam", **arguments)
        model.fit(*data(32), batch_size=8, epochs=4, verbose=0)
        report = model._trainer.binding.reports["fit"]
        assert len(set(processes.known().from_all(report.strategy))) == 1
        return report.told()

    for limit, expected in ((100.0, "captured"), (0.0, "eager")):
        with short_trials() as patch:
            patch.setattr(trial, "_WORTH_IT", limit)
            strategy, reason = tried()
        assert strategy == expected, reason
        assert "ms per step against" in reason
    with short_trials() as patch:
        patch.setattr(recording, "MOST_BYTES", 10 if _rank() else 1 << 30)
        strategy, reason = tried()
    assert strategy == "eager"
    assert reason.startswith(f"cannot be captured: {'its tensors take' if _rank() else 'another process'}"), reason


@together
def exchanges_of_a_round() -> None:
    """Gradients are exchanged once for each update."""
    group = torch.distributed.group.WORLD

    def exchanges(**arguments: Any) -> int:
        model = classifier(optimizer=keras.optimizers.SGD(0.1, **arguments))
        model.fit(*data(), batch_size=8, verbose=0)
        before = group._get_sequence_number_for_group()
        model.fit(*data(40), batch_size=4, epochs=1, verbose=0)
        return group._get_sequence_number_for_group() - before

    assert exchanges() - exchanges(gradient_accumulation_steps=5) == 10 - 2 - 1  # and once at the end of the epoch

    sizes: list[int] = []
    all_reduce = torch.distributed.all_reduce

    def noted(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        sizes.append(tensor.numel())
        return all_reduce(tensor, *args, **kwargs)

    inner = several_optimizers(gradient_accumulation_steps=5)
    model = classifier(optimizer=keras.optimizers.LossScaleOptimizer(inner))
    model.fit(*data(), batch_size=8, verbose=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.distributed, "all_reduce", noted)
        model.fit(*data(40), batch_size=4, epochs=1, verbose=0)
    weights = sum(weight.numel() for weight in model.weights)
    assert sum(size for size in sizes if size > 8) == 3 * weights  # and for all flags and metrics little more


@together
def callbacks_of_one_process() -> None:
    """A script may give a callback that prints to the first process alone, but not one that acts."""

    class Counts(keras.callbacks.Callback):
        batches = 0

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.batches += len(logs or {})
            self.model.stop_training = batch == 3

    counts = Counts()
    model = classifier(metrics=["accuracy"])
    model.fit(*data(), batch_size=8, verbose=0, callbacks=[counts] if _rank() == 0 else [])
    assert counts.batches == (8 if _rank() == 0 else 0)
    stop = [keras.callbacks.EarlyStopping("loss")] if _rank() else None
    with raises(ValueError, "not the same in all processes", "[[], ['EarlyStopping']]"):
        model.fit(*data(), verbose=0, callbacks=stop)


@together
def not_a_number_that_raises() -> None:
    x, y = data()
    x[9] = np.nan
    with raises(RuntimeError, "NaN or Inf loss encountered at batch 1"):
        end = keras.callbacks.TerminateOnNaN(raise_error=True)
        classifier().fit(x, y, batch_size=8, verbose=0, shuffle=False, callbacks=[end])


@together
def the_first_writes() -> None:
    folder = os.path.join(tempfile.gettempdir(), f"torchkeras-files-{os.getppid()}-{_rank()}")
    callbacks = [
        keras.callbacks.ModelCheckpoint(os.path.join(folder, "model.keras")),
        keras.callbacks.CSVLogger(os.path.join(folder, "log.csv")),
        keras.callbacks.BackupAndRestore(os.path.join(folder, "backup"), delete_checkpoint=False),
    ]
    if _rank() == 0:
        os.makedirs(folder)
    model = classifier()
    model.fit(*data(), verbose=2, callbacks=callbacks)
    model.summary()
    if _rank():
        assert not os.path.exists(folder)
    else:
        assert sorted(os.listdir(folder)) == ["backup", "log.csv", "model.keras"]
        loaded = keras.saving.load_model(os.path.join(folder, "model.keras"))
        np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])


@together
def refusals_and_reports() -> None:
    x, y = data()
    model = classifier(loss=keras.losses.Circle())
    model.add(layers.UnitNormalization())
    with raises(ValueError, "takes all samples of a batch together", "axis"):
        model.fit(x, y, verbose=0)
    model = classifier()
    model.fit(x, y, verbose=0)
    lines: list[str] = []
    model.explain_step(print_fn=lines.append)
    assert any("fewer than 40 steps" in line for line in lines), lines
    mesh = keras.distribution.DeviceMesh((2,), ["batch"])
    assert keras.distribution.list_devices("cpu") == ["cpu:0", "cpu:1"]
    assert keras.distribution.DataParallel(mesh).num_model_replicas == 2
    layout = keras.distribution.TensorLayout(["batch", None], mesh)
    cut = keras.distribution.distribute_tensor(torch.arange(8.0).reshape(4, 2), layout)
    assert cut.to_local().tolist() == [[[0.0, 1.0], [2.0, 3.0]], [[4.0, 5.0], [6.0, 7.0]]][_rank()]


@together
def a_sampler_that_splits() -> None:
    """A loader with torch's `DistributedSampler` has this process's part already."""
    x, y = data(40)
    rows = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    sampler = torch.utils.data.distributed.DistributedSampler(rows, shuffle=False)
    model = classifier(metrics=["accuracy"])
    loader = torch.utils.data.DataLoader(rows, batch_size=6, sampler=sampler)
    found = model.evaluate(loader, verbose=0)
    np.testing.assert_allclose(found, model.evaluate(x, y, verbose=0), rtol=1e-5)
    assert len(model.predict(loader, verbose=0)) == 40


@together
def weights_that_nobody_seeds() -> None:
    """An initializer with a generator of its own, in a layer that is built by the first batch."""
    model = keras.Sequential([layers.Dense(3, kernel_initializer=_unseeded)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(*data(), verbose=0)
    processes = keras.distribution.processes.known()
    for weights in zip(*processes.from_all(model.get_weights()), strict=True):
        np.testing.assert_array_equal(*weights)


def _unseeded(shape: Any, dtype: Any = None) -> Any:
    return torch.from_numpy(np.random.default_rng().normal(size=shape)).float()


@together
def weights_made_without_a_seed() -> None:
    """Each process draws other weights and another order of a pipeline; the first one's count."""
    from torchkeras_shim.data.pipeline.dataset import Dataset

    torch.manual_seed(1000 + _rank())
    model = keras.Sequential([layers.Dense(4), layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    rows = Dataset.from_tensor_slices(data()).shuffle(N).batch(8)
    model.fit(rows, epochs=2, verbose=0)
    processes = keras.distribution.processes.known()
    for weights in zip(*processes.from_all(model.get_weights()), strict=True):
        np.testing.assert_array_equal(*weights)
