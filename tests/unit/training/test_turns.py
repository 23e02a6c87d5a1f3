"""Loops and calls in several threads, and inside callbacks: modes, gradients and metrics of one are not another's."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers
from torchkeras_shim.core.turns import Open

BATCHES = 60
X = np.random.default_rng(0).normal(size=(4 * BATCHES, 6)).astype("float32")
Y = (X.sum(1, keepdims=True) > 0).astype("float32")


class Spy(layers.Layer):
    """Notes the mode of every batch that is trained on."""

    def __init__(self):
        super().__init__()
        self.modes = []

    def call(self, inputs):
        if torch.is_grad_enabled():
            self.modes.append(self.training)
        return inputs


def network(jit_compile="auto"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            Spy(),
            layers.Dropout(0.5, seed=1),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        "adam", "binary_crossentropy", metrics=["accuracy"], weighted_metrics=["mse"], jit_compile=jit_compile
    )
    return model


def fit(model, **arguments):
    return model.fit(X, Y, batch_size=4, verbose=0, shuffle=False, **arguments).history


def tensors(model, **arguments):
    with torch.no_grad():
        return model(torch.from_numpy(X[:4]), **arguments)


def dropout(model):
    assert model.layers[3](torch.ones(4, 8)).min() == 1


OTHERS = {
    "predict": lambda model: model.predict(X[:8], batch_size=4, verbose=0),
    "predict_on_batch": lambda model: model.predict_on_batch(X[:4]),
    "evaluate": lambda model: model.evaluate(X[:8], Y[:8], batch_size=4, verbose=0),
    "test_on_batch": lambda model: model.test_on_batch(X[:4], Y[:4]),
    "model(x)": tensors,
    "model(x, training=False)": lambda model: tensors(model, training=False),
    "layer(x)": dropout,
    "features": lambda model: keras.Model(model.inputs, model.layers[3].output).predict(X[:4], verbose=0),
}


class Repeated:
    """Does something again and again in other threads while a block runs."""

    def __init__(self, what, threads=2):
        self.what, self.done, self.errors = what, threading.Event(), []
        self.counts = [0] * threads
        self.started = threading.Barrier(threads + 1)
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(threads)]

    def run(self, number):
        self.started.wait()
        while not self.done.is_set() or not self.counts[number]:
            try:
                self.what()
            except Exception as error:
                self.errors.append(error)
                return
            self.counts[number] += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.started.wait()
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self.threads:
            thread.join()


@pytest.mark.parametrize("other", OTHERS)
def test_fit_trains_as_if_it_were_alone(other):
    alone, model = network(), network()
    expected = fit(alone)
    with Repeated(lambda: OTHERS[other](model)) as repeated:
        history = fit(model)
    assert not repeated.errors
    assert model.layers[2].modes == [True] * BATCHES
    assert history == expected
    for ours, theirs in zip(model.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not any(module.training for module in model.modules())
    assert (Open.training, Open.turns) == (0, [])


def test_evaluate_in_several_threads_counts_its_own_batches():
    model = network()
    parts = [slice(8 * number, 8 * number + 8) for number in range(4)]
    expected = [model.evaluate(X[part], Y[part], verbose=0) for part in parts]
    results = [[] for _ in parts]

    def evaluate(number):
        for _ in range(5):
            results[number].append(model.evaluate(X[parts[number]], Y[parts[number]], batch_size=2, verbose=0))

    threads = [threading.Thread(target=evaluate, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result, value in zip(results, expected, strict=True):
        np.testing.assert_allclose(result, [value] * 5, rtol=1e-6)


def test_a_second_fit_of_the_same_model_is_refused():
    model, errors = network(), []

    class Second(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            thread = threading.Thread(target=self.run)
            thread.start()
            thread.join()

        def run(self):
            with pytest.raises(RuntimeError, match=r"is being trained by `fit` in another thread"):
                fit(model)
            errors.append(True)

    fit(model, callbacks=[Second()])
    assert errors == [True]
    fit(model)  # the refused one has left nothing behind


def test_two_models_that_share_layers_train_at_once():
    inputs, spy = keras.Input((6,)), Spy()
    shared = layers.Dropout(0.5)(spy(layers.Dense(8)(inputs)))
    models = [keras.Model(inputs, layers.Dense(1)(shared)) for _ in range(2)]
    for model in models:
        model.compile("sgd", "mse")
    threads = [threading.Thread(target=fit, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spy.modes == [True] * 2 * BATCHES


class Interlude(keras.callbacks.Callback):
    def __init__(self, what):
        super().__init__()
        self.what = what

    def on_train_batch_end(self, batch, logs=None):
        if batch % 20 == 5:
            self.what(self.model)


@pytest.mark.parametrize("other", OTHERS)
def test_what_a_callback_does_leaves_the_epoch_as_it_is(other):
    alone, model = network(), network()
    expected = fit(alone)
    assert fit(model, callbacks=[Interlude(OTHERS[other])]) == expected
    assert model.layers[2].modes == [True] * len(model.layers[2].modes)
    np.testing.assert_array_equal(model.get_weights()[0], alone.get_weights()[0])


def test_a_prediction_inside_a_training_step_leaves_the_step_as_it_is():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.spy, self.dense = Spy(), layers.Dense(1)

        def call(self, inputs):
            return self.dense(self.spy(inputs))

        def train_step(self, data):
            x, _ = data
            self.predict(x, verbose=0)
            assert not self.training  # a step of one's own says `training=True` by itself, as Keras's does
            return super().train_step(data)

    model = Own()
    model.compile("sgd", "mse")
    fit(model)
    assert model.spy.modes == [True] * BATCHES


def test_modes_that_a_callback_sets_last_for_the_epoch():
    class Freezes(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.model.layers[2].eval()
            if batch == 10:
                self.model.predict(X[:4], verbose=0)

    model = network()
    fit(model, callbacks=[Freezes()])
    assert model.layers[2].modes == [False] * BATCHES
