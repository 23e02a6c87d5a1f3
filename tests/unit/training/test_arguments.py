"""Arguments that are not understood are refused before anything is trained."""

from __future__ import annotations

import numpy as np
import pytest

import torchkeras_shim as keras

X = np.linspace(0, 1, 24).reshape(8, 3).astype("float32")
Y = np.arange(8) % 2


def model(**arguments):
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="softmax")])
    network.compile(**{"optimizer": "sgd", "loss": "sparse_categorical_crossentropy", **arguments})
    return network


COUNTS = ["3", 2.5, 2.0, -1, True, float("nan"), [1]]

REFUSED = [
    *(("epochs", value) for value in [*COUNTS, None]),
    *(("initial_epoch", value) for value in [*COUNTS, None]),
    *(
        (name, value)
        for name in ("steps_per_epoch", "validation_steps", "batch_size", "validation_batch_size")
        for value in COUNTS
    ),
    *(("validation_split", value) for value in ("0.2", 1.5, -0.1, 1, 1.0, True, float("nan"), [0.2])),
    *(("validation_freq", value) for value in (0, "1", -1, 1.5, None, ["a"], [0])),
    *(("verbose", value) for value in ("loud", "0", 1.5, [])),
    ("shuffle", "loud"),
]


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_fit_refuses(name, value):
    network = model()
    before = network.get_weights()
    with pytest.raises(ValueError, match=rf"`{name}`.*Received: .*{name}="):
        network.fit(X, Y, **{"verbose": 0, "validation_data": (X, Y), name: value})
    for was, now in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)


@pytest.mark.parametrize("call", ["evaluate", "predict"])
@pytest.mark.parametrize(
    ("name", "value"), [(n, v) for n in ("steps", "batch_size") for v in COUNTS] + [("verbose", "loud")]
)
def test_evaluate_and_predict_refuse(call, name, value):
    with pytest.raises(ValueError, match=rf"`{name}` .*Received: {name}="):
        getattr(model(), call)(X, **{"verbose": 0, name: value})


@pytest.mark.parametrize(
    "arguments",
    [
        {"epochs": 0},
        {"epochs": np.int64(2)},
        {"initial_epoch": 5},
        {"validation_split": 0},
        {"validation_split": np.float32(0.25)},
        {"validation_freq": []},
        {"validation_freq": True},
        {"validation_freq": {1}},
        {"verbose": None},
        {"verbose": False},
        {"batch_size": 0},
        {"steps_per_epoch": 0},
        {"shuffle": None},
    ],
)
def test_what_keras_takes_is_taken(arguments):
    model().fit(X, Y, **{"verbose": 0, "validation_data": (X, Y), **arguments})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (X, "`validation_data` has no targets"),
        ((X,), "`validation_data` has no targets"),
        ((X, None), "`validation_data` has no targets"),
        ((X[:, :2], Y), "incompatible with the layer"),
        ((X, Y[:3]), "Data cardinality is ambiguous"),
        ("val", "Unrecognized data type"),
        ([], "Data is expected to be in format"),
    ],
)
def test_validation_data_is_checked_before_the_training(data, message):
    network = model()
    before = network.get_weights()[0]
    with pytest.raises(ValueError, match=message):
        network.fit(X, Y, validation_data=data, verbose=0)
    np.testing.assert_array_equal(before, network.get_weights()[0])


def test_no_optimizer_is_said_when_it_is_needed():
    network = model(optimizer=None)
    assert network.evaluate(X, Y, verbose=0) > 0
    with pytest.raises(ValueError, match="There is no optimizer to train with"):
        network.fit(X, Y, verbose=0)
