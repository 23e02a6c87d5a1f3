"""What building, saving and loading a deep model costs, in Python calls: twice as many layers, twice as many calls."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from tests.perf.test_step_budget import Calls
from torchkeras_shim import layers


class AllCalls(Calls):
    """Counts Python calls anywhere: what is quadratic may be so in torch's tables of modules."""

    def __enter__(self):
        def profile(frame, event, argument):
            if event in ("call", "c_call"):
                self.files[frame.f_code.co_filename] += 1

        super().__enter__()
        sys.setprofile(profile)
        return self


def chain(depth):
    return keras.Sequential([keras.Input((4,)), *(layers.Dense(4, activation="relu") for _ in range(depth))])


def late(depth):
    model = keras.Sequential([layers.Dense(4) for _ in range(depth)])
    model.build((None, 4))
    return model


def residual(depth):
    x = inputs = keras.Input((4, 4, 2))
    for _ in range(depth // 3):
        shortcut = x
        x = layers.BatchNormalization()(layers.Conv2D(2, 3, padding="same", activation="relu")(x))
        x = layers.Add()([shortcut, x])
    return keras.Model(inputs, x)


def built(make, folder):
    return lambda depth: lambda: make(depth)


def weights(make, folder):
    def prepare(depth):
        model, path = make(depth), folder / f"{depth}.weights.h5"

        def act():
            model.save_weights(path)
            model.load_weights(path)

        return act

    return prepare


def whole(make, folder):
    def prepare(depth):
        model, path = make(depth), folder / f"{depth}.keras"

        def act():
            model.save(path)
            keras.models.load_model(path)

        return act

    return prepare


def first_calls(make, folder):
    def prepare(depth):
        model = make(depth)
        x, y = (np.zeros((2, *shape[1:]), "float32") for shape in (model.input_shape, model.output_shape))

        def act():
            model.summary(print_fn=lambda text: None)
            model.predict(x, verbose=0)
            model.compile("sgd", "mse")
            model.fit(x, y, verbose=0)
            for layer in model.layers[:-2]:
                layer.trainable = False

        return act

    return prepare


@pytest.mark.parametrize(
    ("make", "what"),
    [(chain, built), (chain, first_calls), (late, built), (late, weights), (residual, built), (residual, whole)],
)
def test_costs_grow_with_the_number_of_layers(make, what, tmp_path):
    prepare = what(make, tmp_path)
    prepare(6)()  # what is imported and looked up once
    calls = []
    for depth in (21, 42):
        act = prepare(depth)
        with AllCalls() as counted:
            act()
        calls.append(sum(counted.files.values()))
    assert calls[1] <= 2.05 * calls[0]


def test_layers_that_keep_the_shape_are_not_run_to_find_it(monkeypatch):
    runs = []
    kernel = torch.batch_norm
    monkeypatch.setattr(torch, "batch_norm", lambda *args: runs.append(1) or kernel(*args))
    residual(30)
    assert not runs
