"""Work on a model grows with its layers, not with their square: counted in calls of functions of this package."""

from __future__ import annotations

import sys

import pytest

import torchkeras_shim as keras
from torchkeras_shim import layers

FEW, MANY = 40, 240


def functional(count):
    x = inputs = keras.Input((4,))
    for _ in range(count):
        x = layers.Dense(4)(x)
    return keras.Model(inputs, x)


def sequential(count):
    return keras.Sequential([keras.Input((4,)), *(layers.Dense(4) for _ in range(count))])


def branched(count):
    x = keras.Input((4,))
    return keras.Model(x, [layers.Dense(2)(x) for _ in range(count)])


def calls_of(function):
    """Counts how often Python code of this package or torch runs: functions and generators' steps."""
    count = 0

    def profile(frame, event, argument):
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def reverse(config):
    return {**config, "layers": config["layers"][::-1]}


def loading(model, path):
    model.save(path)
    return lambda: keras.models.load_model(path)


def rebuilding(model, path):
    config = model.get_config()
    return lambda: type(model).from_config(config)


WORK = {
    "get_config": lambda model, path: model.get_config,
    "from_config": rebuilding,
    "clone_model": lambda model, path: lambda: keras.models.clone_model(model),
    "summary": lambda model, path: lambda: model.summary(print_fn=lambda *_: None),
    "save": lambda model, path: lambda: model.save(path),
    "load": loading,
}


@pytest.mark.parametrize("make", [functional, sequential, branched])
def test_building_grows_with_the_layers(make):
    make(2)
    few, many = (calls_of(lambda count=count: make(count)) for count in (FEW, MANY))
    assert many / few < 1.25 * MANY / FEW


@pytest.mark.parametrize("make", [functional, sequential, branched])
@pytest.mark.parametrize("work", WORK)
def test_work_grows_with_the_layers(make, work, tmp_path):
    few, many = (WORK[work](make(count), str(tmp_path / f"{count}.keras")) for count in (FEW, MANY))
    few()  # whatever is loaded and cached the first time
    assert calls_of(many) / calls_of(few) < 1.25 * MANY / FEW


def test_so_does_reading_layers_in_the_reverse_order():
    few, many = (reverse(functional(count).get_config()) for count in (FEW, MANY))
    counts = [calls_of(lambda config=config: keras.Model.from_config(config)) for config in (few, few, many)]
    assert counts[2] / counts[1] < 1.25 * MANY / FEW
