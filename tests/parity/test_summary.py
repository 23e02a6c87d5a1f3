"""`model.summary()` beside Keras's, line by line."""

from __future__ import annotations

import importlib
import types

import numpy as np
import pytest

import torchkeras_shim
from tests.parity.oracle import imported, kept, keras
from torchkeras_shim.core import naming


def image_classifier(k):
    return k.Sequential(
        [
            k.Input((12, 12, 3)),
            k.layers.Conv2D(8, 3, activation="relu"),
            k.layers.BatchNormalization(),
            k.layers.GlobalAveragePooling2D(),
            k.layers.Dropout(0.5),
            k.layers.Dense(10, activation="softmax"),
        ]
    )


def perceptron(k):
    layers = [k.Input((28, 28)), k.layers.Flatten(), k.layers.Dense(128), k.layers.Dense(10)]
    return k.Sequential(layers, name="perceptron")


def long_names(k):
    return k.Sequential(
        [
            k.Input((3,)),
            k.layers.Dense(3, name="a_name_that_is_far_too_long_for_any_column_of_the_table_and_has_no_break"),
            k.layers.Dense(4, name="words here and there so that it is wrapped at least twice"),
        ]
    )


def unbuilt(k):
    return k.Sequential([k.layers.Dense(3), k.layers.Dropout(0.1), k.layers.Dense(4)])


def built_by_data(k):
    model = unbuilt(k)
    model(np.zeros((5, 3), "float32"))
    return model


def built_by_shape(k):
    model = unbuilt(k)
    model.build((None, 3))
    return model


def nested(k):
    inner = k.Sequential([k.layers.Dense(3), k.Sequential([k.layers.Dense(2)], name="innermost")], name="inner")
    return k.Sequential([k.Input((4,)), k.layers.Dense(3), inner, k.layers.Dense(1)])


def partly_frozen(k):
    model = image_classifier(k)
    model.layers[0].trainable = False
    return model


def empty(k):
    return k.Sequential()


def trained(k):
    model = perceptron(k)
    model.compile("adam", "mse")
    model.fit(np.zeros((2, 28, 28), "float32"), np.zeros((2, 10), "float32"), verbose=0)
    return model


def compiled(k):
    model = perceptron(k)
    model.compile("adam", "mse")
    return model


def half_precision(k):
    return k.Sequential([k.Input((4,)), k.layers.Dense(5, dtype="float16"), k.layers.Dense(1000)])


def subclassed(k):
    class Net(k.Model):
        def __init__(self):
            super().__init__()
            self.out = k.layers.Dense(2)
            self.stack = [k.layers.Dense(3), k.layers.Dense(4)]
            self.drop = k.layers.Dropout(0.5)
            self.named = {"x": k.layers.Dense(5)}

        def call(self, inputs):
            for layer in self.stack:
                inputs = layer(inputs)
            return self.named["x"](self.drop(self.out(inputs)))

    model = Net()
    model(np.zeros((2, 3), "float32"))
    return model


MODELS = [
    image_classifier,
    perceptron,
    long_names,
    unbuilt,
    built_by_data,
    built_by_shape,
    nested,
    partly_frozen,
    empty,
    trained,
    compiled,
    half_precision,
    subclassed,
]
OPTIONS = {
    "default": {},
    "wide": {"line_length": 100},
    "narrow": {"line_length": 41},
    "narrowest": {"line_length": 15, "positions": [0.3, 0.6, 1.0]},
    "positions": {"positions": [0.3, 0.6, 0.7]},
    "many_positions": {"positions": [0.5, 0.6, 0.7, 1.0]},
    "absolute_positions": {"positions": [20, 40, 80]},
    "trainable": {"show_trainable": True},
    "trainable_positions": {"show_trainable": True, "positions": [0.5, 0.8, 1.0], "line_length": 70},
    "expanded": {"expand_nested": True},
    "everything": {"expand_nested": True, "show_trainable": True, "line_length": 90},
}
RANGES = [("dense", "dense_1"), ("dense_1", "dense"), ("conv.*", ".*pooling.*"), ("drop", "drop"), (".*", "batch")]


def printed(name, make, options):
    """The text of a summary, made with fresh automatic names."""
    if name == "theirs":
        return kept(_printed, keras, make, options)
    naming.reset_uids()
    return _printed(torchkeras_shim, make, options)


def _printed(library, make, options):
    texts = []
    make(library).summary(print_fn=texts.append, **options)
    return "".join(texts)


@pytest.fixture(autouse=True)
def _terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("make", [image_classifier, long_names, nested])
def test_options(make, options):
    expected = printed("theirs", make, OPTIONS[options])
    assert printed("ours", make, OPTIONS[options]).splitlines() == expected.splitlines()


@pytest.mark.parametrize("make", MODELS)
def test_models(make):
    expected = printed("theirs", make, {"show_trainable": True})
    assert printed("ours", make, {"show_trainable": True}).splitlines() == expected.splitlines()


@pytest.mark.parametrize("layer_range", RANGES)
def test_ranges(layer_range):
    make = image_classifier if layer_range[0] != "dense" and layer_range[1] != "dense" else perceptron
    expected = printed("theirs", make, {"layer_range": layer_range})
    assert printed("ours", make, {"layer_range": layer_range}).splitlines() == expected.splitlines()


@pytest.mark.parametrize("columns", [37, 40, 80, 93, 300])
def test_the_terminals_width(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    outcomes = {}
    for name in ("theirs", "ours"):
        try:
            outcomes[name] = printed(name, image_classifier, {})
        except ValueError as error:
            outcomes[name] = str(error)
    assert outcomes["ours"] == outcomes["theirs"]


ERRORS = {
    "short": {"line_length": 12},
    "one_name": {"layer_range": ["dense"]},
    "no_text": {"layer_range": [0, 1]},
    "no_match": {"layer_range": ["dense", "nothing"]},
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    with pytest.raises(ValueError) as expected:
        printed("theirs", perceptron, ERRORS[name])
    with pytest.raises(ValueError) as actual:
        printed("ours", perceptron, ERRORS[name])
    assert str(expected.value) in str(actual.value)


@pytest.mark.parametrize("size", [0, 1023, 1024, 5_000_000, 3 * 2**31, 2**52])
def test_sizes(size):
    text = importlib.import_module("torchkeras_shim.summary.text")
    theirs = imported("keras.src.utils.summary_utils")
    expected = theirs.readable_memory_size(size)
    assert text._count(types.SimpleNamespace(params=1, size=size)) == f"1 ({expected})"
