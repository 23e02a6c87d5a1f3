"""Functional models against real Keras: outputs, order of layers, training, configs both ways, clones."""

from __future__ import annotations

import json

import numpy as np
import pytest

import torchkeras_shim as tks
from tests.parity.oracle import assert_close, kept, keras


def residual(k):
    inputs = k.Input((8, 8, 3), name="image")
    x = k.layers.Conv2D(4, 3, padding="same", activation="relu", name="conv_a")(inputs)
    y = k.layers.Conv2D(4, 3, padding="same", name="conv_b")(x)
    y = k.layers.BatchNormalization(name="norm")(y)
    x = k.layers.Activation("relu", name="act")(x + y)
    x = k.layers.GlobalAveragePooling2D(name="pool")(x)
    return k.Model(inputs, k.layers.Dense(3, activation="softmax", name="scores")(x), name="residual")


def shared(k):
    left, right = k.Input((4,), name="left"), k.Input((4,), name="right")
    dense = k.layers.Dense(3, activation="tanh", name="dense")
    a, b = dense(left), dense(right)
    joined = k.ops.concatenate([a, b * 2.0 - 1.0], axis=-1)
    return k.Model([left, right], [k.layers.Dense(1, name="value")(joined), a], name="shared")


def by_name(k):
    inputs = {"x": k.Input((4,), name="x"), "y": k.Input((2,), name="y")}
    hidden = k.layers.Dense(5, activation="relu", name="hidden")(inputs["x"])
    outputs = {"p": k.layers.Dense(2, name="p")(hidden), "q": k.layers.Dense(1, name="q")(inputs["y"] + hidden[:, :2])}
    return k.Model(inputs, outputs, name="by_name")


def nested(k):
    inner_input = k.Input((6,), name="inner_input")
    inner = k.Model(inner_input, k.layers.Dense(4, activation="relu", name="inner_dense")(inner_input), name="inner")
    stack = k.Sequential([k.Input((4,)), k.layers.Dense(3, name="stack_dense")], name="stack")
    inputs = k.Input((6,), name="outer_input")
    return k.Model(inputs, k.layers.Dense(2, name="head")(stack(inner(inputs))), name="outer")


def functions(k):
    inputs = k.Input((5, 4), name="sequence")
    x = k.ops.relu(k.ops.mean(inputs, axis=1))
    x = k.ops.reshape(k.ops.expand_dims(x, -1), (-1, 2, 2))
    x = k.ops.maximum(k.ops.abs(x), 0.5) / 3.0
    return k.Model(inputs, k.layers.Flatten(name="flat")(x), name="functions")


MODELS = {
    "residual": (residual, lambda rng: rng.normal(size=(6, 8, 8, 3))),
    "shared": (shared, lambda rng: [rng.normal(size=(6, 4)), rng.normal(size=(6, 4))]),
    "by_name": (by_name, lambda rng: {"x": rng.normal(size=(6, 4)), "y": rng.normal(size=(6, 2))}),
    "nested": (nested, lambda rng: rng.normal(size=(6, 6))),
    "functions": (functions, lambda rng: rng.normal(size=(6, 5, 4))),
}


def as_float32(data):
    return tks.tree.map_structure(lambda leaf: leaf.astype("float32"), data)


def pair(name):
    make, data = MODELS[name]
    keras.utils.clear_session()  # names are counted from the start on both sides
    theirs, ours = make(keras), make(tks)
    ours.set_weights(theirs.get_weights())
    return ours, theirs, as_float32(data(np.random.default_rng(0)))


def compare_outputs(ours, theirs, x):
    expected = theirs.predict(x, verbose=0)
    found = ours.predict(x, verbose=0)
    assert type(found) is type(expected)
    for a, b in zip(tks.tree.flatten(found), tks.tree.flatten(expected), strict=True):
        assert_close(a, b, 1e-4, 1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_structure_and_outputs(name):
    ours, theirs, x = pair(name)
    compare_outputs(ours, theirs, x)
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    assert [type(layer).__name__ for layer in ours.layers] == [type(layer).__name__ for layer in theirs.layers]
    assert [tuple(w.shape) for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    assert ours.output_names == theirs.output_names
    assert ours.input_shape == theirs.input_shape
    assert ours.output_shape == theirs.output_shape


@pytest.mark.parametrize("name", MODELS)
def test_configs_go_both_ways(name):
    ours, theirs, x = pair(name)
    mine, their = ours.get_config(), theirs.get_config()
    assert [entry["name"] for entry in mine["layers"]] == [entry["name"] for entry in their["layers"]]
    from_theirs = tks.Model.from_config(json.loads(json.dumps(their)))
    from_theirs.set_weights(theirs.get_weights())
    compare_outputs(from_theirs, theirs, x)
    from_ours = keras.Model.from_config(json.loads(json.dumps(mine)))
    from_ours.set_weights(theirs.get_weights())
    compare_outputs(ours, from_ours, x)


@pytest.mark.parametrize("name", MODELS)
def test_clones_have_the_same_architecture(name):
    ours, _, x = pair(name)
    clone = tks.models.clone_model(ours)
    assert [tuple(w.shape) for w in clone.weights] == [tuple(w.shape) for w in ours.weights]
    assert not any(a is b for a, b in zip(clone.weights, ours.weights, strict=True))
    clone.set_weights(ours.get_weights())
    for a, b in zip(
        tks.tree.flatten(clone.predict(x, verbose=0)), tks.tree.flatten(ours.predict(x, verbose=0)), strict=True
    ):
        assert_close(a, b)


def test_training_with_several_outputs():
    ours, theirs, x = pair("by_name")
    rng = np.random.default_rng(1)
    y = as_float32({"p": rng.normal(size=(6, 2)), "q": rng.normal(size=(6, 1))})
    histories = []
    for model in (ours, theirs):
        model.compile(
            "sgd",
            loss={"p": "mse", "q": "mae"},
            loss_weights={"p": 0.5, "q": 2.0},
            metrics={"p": ["mae"], "q": ["mse"]},
        )
        histories.append(model.fit(x, y, epochs=3, batch_size=2, shuffle=False, verbose=0).history)
    assert set(histories[0]) == set(histories[1])
    for name, values in histories[1].items():
        assert_close(np.array(histories[0][name]), np.array(values), 1e-4, 1e-5, message=name)


def test_training_a_residual_network():
    ours, theirs, x = pair("residual")
    y = np.random.default_rng(1).integers(0, 3, 6)
    histories = []
    for model in (ours, theirs):
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        histories.append(model.fit(x, y, epochs=3, batch_size=3, shuffle=False, verbose=0).history)
    for name, values in histories[1].items():
        assert_close(np.array(histories[0][name]), np.array(values), 1e-3, 1e-4, message=name)


def test_feature_extraction():
    ours, theirs, x = pair("residual")
    parts = [k.Model(m.input, m.get_layer("pool").output) for k, m in ((tks, ours), (keras, theirs))]
    compare_outputs(*parts, x)
    middle = [
        k.Model(m.get_layer("conv_b").output, m.get_layer("norm").output) for k, m in ((tks, ours), (keras, theirs))
    ]
    compare_outputs(*middle, np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype("float32"))


@pytest.mark.parametrize("arguments", [{}, {"show_trainable": True, "expand_nested": True}, {"line_length": 70}])
@pytest.mark.parametrize("name", MODELS)
def test_summaries_are_keras_own(name, arguments):
    ours, theirs, _ = pair(name)

    def lines(model):
        printed = []
        model.summary(print_fn=lambda text, **_: printed.append(str(text)), **arguments)
        return "\n".join(printed).strip()

    assert lines(ours) == kept(lines, theirs)
