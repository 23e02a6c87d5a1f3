"""`clone_model` with its functions and inputs, as real Keras has it."""

from __future__ import annotations

import pytest

import torchkeras_shim
from tests.parity.oracle import keras as real


def functional(keras):
    x = keras.Input((4,), name="x")
    nested = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, name="within")], name="nested")
    y = keras.layers.Dense(3, name="first")(x)
    return keras.Model(x, keras.layers.Add(name="sum")([nested(y), y * 2.0]), name="graph")


def sequential(keras):
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="first")], name="line")


def structure(model):
    """What two libraries must agree on: the layers in order, nested ones too, their sizes and rates."""
    found = []
    for layer in model.layers:
        config = layer.get_config()
        found.append([type(layer).__name__, layer.name, config.get("units"), [list(w.shape) for w in layer.weights]])
        if hasattr(layer, "layers"):
            found.append(structure(layer))
    return found


def wider(keras):
    def clone(layer):
        config = layer.get_config()
        if isinstance(layer, keras.layers.Dense):
            config["name"] += "_again"
        return type(layer).from_config(config)

    return clone


CASES = {
    "plain": lambda keras: keras.models.clone_model(functional(keras)),
    "function": lambda keras: keras.models.clone_model(functional(keras), clone_function=wider(keras)),
    "recursive": lambda keras: keras.models.clone_model(functional(keras), clone_function=wider(keras), recursive=True),
    "inputs": lambda keras: keras.models.clone_model(functional(keras), input_tensors=keras.Input((4,), name="other")),
    "call": lambda keras: keras.models.clone_model(
        functional(keras), call_function=lambda layer, *args, **kwargs: layer(*args, **kwargs) * 0.5
    ),
    "sequential": lambda keras: keras.models.clone_model(sequential(keras), clone_function=wider(keras)),
    "sequential with inputs": lambda keras: keras.models.clone_model(
        sequential(keras), input_tensors=keras.Input((4,), name="other")
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_structures_are_keras(case):
    ours, theirs = CASES[case](torchkeras_shim), CASES[case](real)
    if case != "call":  # the operations that it adds are named differently
        assert structure(ours) == structure(theirs)
    assert [tuple(one.shape) for one in ours.inputs] == [tuple(one.shape) for one in theirs.inputs]
    assert [tuple(one.shape) for one in ours.outputs] == [tuple(one.shape) for one in theirs.outputs]


def test_a_call_function_counts():
    keras = torchkeras_shim
    model = functional(keras)
    clone = CASES["call"](keras)
    clone.set_weights(model.get_weights())
    x = keras.ops.ones((2, 4))
    y = model.get_layer("first")(x) * 0.5
    expected = (model.get_layer("nested")(y) * 0.5 + y * 2.0) * 0.5
    assert keras.ops.max(abs(clone(x) - expected)) < 1e-6


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (sequential, {"call_function": print}, "not supported with Sequential"),
        (functional, {"input_tensors": [1.0]}, "KerasTensors"),
        (sequential, {"speed": 3}, "Unexpected keyword"),
    ],
)
def test_what_is_refused(make, options, message):
    with pytest.raises(ValueError, match=message):
        torchkeras_shim.models.clone_model(make(torchkeras_shim), **options)


def test_torch_modules_get_new_weights():
    import torch

    model = torchkeras_shim.Sequential([torch.nn.Linear(4, 3), torch.nn.ReLU()])
    clone = torchkeras_shim.models.clone_model(model)
    assert clone.layers[0].weight.shape == (3, 4)
    assert not torch.equal(clone.layers[0].weight, model.layers[0].weight)
