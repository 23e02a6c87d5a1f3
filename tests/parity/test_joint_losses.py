"""Losses that see several outputs together: lists of losses in front of outputs of another structure."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest

import torchkeras_shim
from tests.parity.oracle import assert_close, kept, keras

Pair = namedtuple("Pair", ["first", "second"])

STRUCTURES = {
    "dict": lambda a, b, c: {"z": a, "b": b},
    "tuple": lambda a, b, c: (a, b),
    "list": lambda a, b, c: [a, b],
    "named": lambda a, b, c: Pair(a, b),
    "deep": lambda a, b, c: {"a": (a, b), "b": {"c": b, "d": (a, c)}, "e": c},
}

LOSSES = {
    "dict": lambda f, m: [f, {"z": m, "b": "mae"}],
    "tuple": lambda f, m: [f, (m, "mae")],
    "list": lambda f, m: (f, [m, "mae"]),
    "named": lambda f, m: [f, Pair(m, "mae")],
    "deep": lambda f, m: {"a": [f, (None, m)], "b": [f, {"d": [f, ("mae", None)]}], "e": m},
}

WEIGHTS = {
    "dict": [0.5, {"z": 2.0, "b": 3.0}],
    "tuple": [0.5, (2.0, 3.0)],
    "deep": {"a": [0.5, (None, 2.0)], "b": [3.0, {"d": [0.25, (4.0, None)]}], "e": 0.125},
}


def trained(module, name, is_weighted=False, sample_weight=None, loss=None, metrics=None):
    """Returns the logs and weights after two epochs with a loss that multiplies errors of outputs."""

    def product(y_true, y_pred):
        errors = module.tree.map_structure(lambda t, p: module.ops.mean(module.ops.abs(t - p), -1), y_true, y_pred)
        first, *others = module.tree.flatten(errors)
        for other in others:
            first = first * (1 + other)
        return first

    x = module.Input((3,))
    layers = [module.layers.Dense(1, kernel_initializer="ones", name=n) for n in ("p", "q", "r")]
    model = module.Model(x, STRUCTURES[name](*(layer(x) for layer in layers)))
    weights = WEIGHTS[name] if is_weighted else None
    given = LOSSES[name](product, "mse") if loss is None else loss(product)
    model.compile("sgd", loss=given, loss_weights=weights, metrics=metrics)
    data = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)
    targets = STRUCTURES[name](*(np.full((4, 1), n, "float32") for n in (0.5, 1.0, -1.0)))
    history = model.fit(
        data, targets, batch_size=2, epochs=2, shuffle=False, verbose=0, sample_weight=sample_weight
    ).history
    evaluated = model.evaluate(data, targets, verbose=0, return_dict=True)
    return list(history), [np.array(v) for v in history.values()], list(evaluated), [*model.get_weights()]


def check(*args, **kwargs):
    ours, theirs = trained(torchkeras_shim, *args, **kwargs), kept(trained, keras, *args, **kwargs)
    assert (list(theirs[0]), list(theirs[2])) == (ours[0], ours[2])
    assert_close(ours[1], theirs[1])
    for one, other in zip(ours[3], theirs[3], strict=True):
        assert_close(one, other)


@pytest.mark.parametrize("name", list(STRUCTURES))
def test_losses_of_structures(name):
    check(name)


@pytest.mark.parametrize("name", list(WEIGHTS))
def test_each_has_its_weight(name):
    check(name, is_weighted=True)


def test_one_sample_weight_is_for_all():
    check("tuple", sample_weight=np.array([1.0, 0.0, 2.0, 0.5], "float32"))


def alone(product):
    return [product]


def test_a_joint_loss_alone():
    check("dict", loss=alone)


@pytest.mark.parametrize("name", ["list", "tuple"])
def test_the_structure_of_the_outputs_is_expected_inside(name):
    kind = {"list": list, "tuple": tuple}[name]
    with pytest.raises(ValueError, match="Expected"):
        trained(torchkeras_shim, name, loss=lambda f: kind([f, {"a": f, "b": f}]))


def test_weights_must_be_as_many_as_losses():
    model = torchkeras_shim.Sequential([torchkeras_shim.layers.Dense(1)])
    x = torchkeras_shim.Input((3,))
    model = torchkeras_shim.Model(x, {"a": model(x), "b": model(x)})
    model.compile("sgd", loss=["mse", {"a": "mse"}], loss_weights=[1.0])
    with pytest.raises(ValueError, match="`loss_weights` must match the number of losses, got 2 losses and 1 weights"):
        model.fit(np.ones((2, 3)), {"a": np.ones((2, 1)), "b": np.ones((2, 1))}, verbose=0)
