"""Several outputs: names and order of results, nested structures, what is refused. The numbers are Keras's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import torchkeras_shim as keras
from torchkeras_shim import layers

X = np.linspace(0, 1, 24).reshape(8, 3).astype("float32")
P, Q = np.zeros((8, 2), "float32"), np.ones((8, 1), "float32")
W = np.linspace(0, 1, 8).astype("float32")


def model(structure):
    inputs = keras.Input((3,))
    p, q, r = (
        layers.Dense(units, kernel_initializer="ones", name=name)(inputs)
        for units, name in ((2, "p"), (1, "q"), (1, "r"))
    )
    return keras.Model(inputs, structure(p, q, r))


STRUCTURES = {
    "list": lambda p, q, r: [p, q],
    "dict": lambda p, q, r: {"p": p, "q": q},
    "nested": lambda p, q, r: {"u": [p, q], "v": r},
    "lists": lambda p, q, r: [p, [q, r]],
    "one": lambda p, q, r: p,
}


def results(kind, y, sample_weight=None, **arguments):
    network = model(STRUCTURES[kind])
    network.compile("sgd", **arguments)
    named = network.test_on_batch(X, y, sample_weight=sample_weight, return_dict=True)
    values = network.evaluate(X, y, sample_weight=sample_weight, verbose=0)
    history = network.fit(X, y, sample_weight=sample_weight, batch_size=8, verbose=0).history
    assert set(history) == set(named) == set(network.metrics_names)
    np.testing.assert_allclose(values, [named[name] for name in network.metrics_names], rtol=1e-6)
    return {name: round(named[name], 3) for name in network.metrics_names}


def test_losses_come_before_metrics_and_weighted_metrics_have_keras_names():
    found = results("list", [P, Q], loss="mse", metrics=[["mae"], ["mse", "mae"]], weighted_metrics=[["mae"], ["mae"]])
    assert list(found.items()) == [
        ("loss", 4.108),
        ("p_loss", 3.054),
        ("q_loss", 1.054),
        ("p_mae", 1.5),
        ("p_weighted_mae", 1.5),
        ("q_mae", 0.859),
        ("q_mse", 1.054),
        ("q_weighted_mae", 0.859),
    ]


def test_weighted_metrics_weigh():
    found = results(
        "dict", {"p": P, "q": Q}, W, loss="mse", weighted_metrics={"p": ["mse"], "q": ["mae"]}, metrics={"q": ["mae"]}
    )
    expected = {"loss": 3.228, "p_loss": 2.407, "q_loss": 0.82, "p_mse": 4.815, "q_mae": 0.859, "q_weighted_mae": 1.134}
    assert found == expected


NESTED = {"u": [P, Q], "v": Q}
LISTS = [P, [Q, Q]]


@pytest.mark.parametrize(
    ("kind", "y", "weights", "arguments", "expected"),
    [
        (
            "nested",
            NESTED,
            None,
            {
                "loss": {"u": ["mse", "mae"], "v": "mse"},
                "metrics": {"u": ["mae", "mse"], "v": "mae"},
                "loss_weights": {"u": [0.5, 2.0], "v": 3.0},
            },
            {
                "loss": 6.406,
                "u/p_loss": 3.054,
                "u/q_loss": 0.859,
                "v_loss": 1.054,
                "p_mae": 1.5,
                "q_mse": 1.054,
                "r_mae": 0.859,
            },
        ),
        (
            "nested",
            NESTED,
            None,
            {"loss": "mse"},
            {"loss": 5.162, "u/p_loss": 3.054, "u/q_loss": 1.054, "v_loss": 1.054},
        ),
        (
            "nested",
            NESTED,
            {"u": [W, W], "v": W},
            {"loss": {"u": ["mse", "mae"], "v": "mse"}},
            {"loss": 3.795, "u/p_loss": 2.407, "u/q_loss": 0.567, "v_loss": 0.82},
        ),
        (
            "lists",
            LISTS,
            None,
            {"loss": ["mse", ["mae", "mse"]], "loss_weights": [1.0, [2.0, 3.0]]},
            {"loss": 7.933, "p_loss": 3.054, "1/q_loss": 0.859, "1/r_loss": 1.054},
        ),
        (
            "lists",
            LISTS,
            None,
            {"loss": ["mse", "mae", "mse"]},
            {"loss": 4.966, "p_loss": 3.054, "1/q_loss": 0.859, "1/r_loss": 1.054},
        ),
    ],
)
def test_nested_outputs(kind, y, weights, arguments, expected):
    assert results(kind, y, weights, **arguments) == expected


@pytest.mark.parametrize(
    ("kind", "argument"),
    [
        *itertools.product(["list", "dict"], ["loss", "loss_weights", "metrics", "weighted_metrics"]),
        *itertools.product(["one"], ["loss", "loss_weights"]),  # Keras takes any name for an only output's metrics
    ],
)
def test_names_of_no_output_are_refused(kind, argument):
    value = {"loss": "mse", "loss_weights": 1.0}.get(argument, ["mae"])
    y = P if kind == "one" else [P, Q]
    with pytest.raises(ValueError, match=r"has the key 'nope', which is not an output of the model"):
        results(kind, y, **{"loss": "mse", argument: {"nope": value}})


@pytest.mark.parametrize("kind", ["list", "dict", "one"])
@pytest.mark.parametrize("y", [{"nope": P, "q": Q}, {"p": P, "q": Q, "nope": Q}])
def test_targets_of_no_output_are_refused(kind, y):
    with pytest.raises(ValueError, match=r"`y_true` has the key '(nope|q)', but the model"):
        results(kind, y, loss="mse")


class Unnamed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2, kernel_initializer="ones")

    def call(self, inputs):
        return self.dense(inputs)


ONLY = {
    "stack": lambda: keras.Sequential([layers.Dense(2, kernel_initializer="ones", name="p")]),
    "stack with an input": lambda: keras.Sequential([keras.Input((3,)), layers.Dense(2, name="p")]),
    "subclass": Unnamed,
}


@pytest.mark.parametrize("kind", ONLY)
@pytest.mark.parametrize(
    ("arguments", "y", "weights", "message"),
    [
        ({"loss": {"nope": "mse"}}, P, None, "`loss` (has the key 'nope'|is a dict, but)"),
        ({"loss": {"nope": "mse"}}, {"nope": P}, None, "`y_true` has the key 'nope'"),
        ({"loss": {}}, P, None, "(No loss is given for any output|`loss` is a dict)"),
        (
            {"loss": "mse"},
            {"nope": P},
            None,
            "`y_true` has the key 'nope', but the model's output (is 'p'|has no name)",
        ),
        ({"loss": "mse", "loss_weights": {"nope": 2.0}}, P, None, "`loss_weights` (has the key 'nope'|is a dict)"),
        ({"loss": "mse"}, P, {"nope": W}, "`sample_weight` has the key 'nope'"),
    ],
)
def test_names_of_no_output_are_refused_by_models_with_one_output(kind, arguments, y, weights, message):
    network = ONLY[kind]()
    network.compile("sgd", **arguments)
    with pytest.raises(ValueError, match=message):
        network.fit(X, y, sample_weight=weights, verbose=0)


def test_a_subclass_has_no_names_of_outputs():
    network = Unnamed()
    network.compile("sgd", {"dense": "mse"})
    with pytest.raises(ValueError, match="`loss` is a dict, but the model's outputs have no names"):
        network.fit(X, P, verbose=0)


def test_the_output_of_a_stack_is_named_after_its_last_layer():
    network = ONLY["stack"]()
    network.compile("sgd", {"p": "mse"}, loss_weights={"p": 2.0}, metrics={"p": ["mae"]})
    found = network.test_on_batch(X, {"p": P}, sample_weight={"p": W}, return_dict=True)
    assert {name: round(value, 3) for name, value in found.items()} == {"loss": 4.815, "mae": 1.5}


@pytest.mark.parametrize("arguments", [{"loss": "mse"}, {"loss": {"p": "mse"}, "metrics": {"q": ["mae"]}}])
def test_an_output_that_is_measured_needs_a_target(arguments):
    with pytest.raises(ValueError, match=r"no target for output 'q', for which `(loss|metrics)` was given"):
        results("list", {"p": P}, **arguments)


def test_targets_of_a_nested_model_must_have_its_names():
    with pytest.raises(ValueError, match="different structures"):
        results("nested", {"u": [P, Q], "nope": Q}, loss="mse")


def test_the_target_of_an_only_output_may_come_by_name():
    assert results("one", {"p": P}, loss="mse", metrics=["mae"]) == {"loss": 3.054, "mae": 1.5}


class Adds(layers.Layer):
    def call(self, inputs):
        self.add_loss(inputs.sum() * 0.1)
        return inputs


def test_add_loss_alone_is_a_loss():
    network = keras.Sequential([keras.Input((3,)), layers.Dense(2, kernel_initializer="ones"), Adds()])
    network.compile("sgd")
    history = network.fit(X, epochs=2, batch_size=8, verbose=0).history
    np.testing.assert_allclose(history["loss"], [2.4, 2.377551794], rtol=1e-5)
    np.testing.assert_allclose(network.evaluate(X, verbose=0), 2.355103254, rtol=1e-5)
    np.testing.assert_allclose(network.train_on_batch(X), 2.355103254, rtol=1e-5)


def test_no_loss_at_all_is_refused():
    network = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    network.compile("sgd")
    with pytest.raises(ValueError, match="No loss to compute"):
        network.fit(X, verbose=0)


def test_a_loss_in_a_list_of_its_own_is_that_loss():
    wanted = results("list", [P, Q], loss=["mse", "mae"])
    assert results("list", [P, Q], loss=["mse", ["mae"]]) == wanted
    assert results("dict", {"p": P, "q": Q}, loss={"p": ["mse"], "q": "mae"}) == wanted


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (["mse", None], np.ones((4, 3))),
        (["mse", None], [np.ones((4, 3))]),
        (["mse", None], [np.ones((4, 3)), None]),
        ([None, "mse"], np.ones((4, 2))),
    ],
)
def test_targets_of_outputs_with_a_loss_are_enough(loss, y):
    x = keras.Input((4,))
    hidden = keras.layers.Dense(3, kernel_initializer="ones")(x)
    model = keras.Model(x, [hidden, keras.layers.Dense(2, kernel_initializer="ones")(hidden)])
    model.compile("sgd", loss, metrics=[["mae"], None] if loss[0] else None)
    inputs = np.arange(16.0).reshape(4, 4) / 10
    found = model.evaluate(inputs, y, verbose=0)
    # The numbers of Keras 3.15.1.
    assert found == pytest.approx([7.2, 2.2] if loss[0] else 92.8, rel=1e-4)
