"""`FeatureSpace` compared with Keras on TensorFlow: values, shapes, files both ways."""

from __future__ import annotations

import numpy as np
import pytest

import torchkeras_shim
from tests.parity.oracle import kept, keras
from tests.parity.tensorflow.adaptable import failure, plain
from torchkeras_shim.models.feature_space import FeatureSpace

DATA = {
    "f": [1.0, 2.0, 3.0, 4.0],
    "n": [1.0, 2.0, 3.0, 5.0],
    "d": [1.0, 2.0, 3.0, 4.0],
    "s": ["a", "b", "a", "c"],
    "i": [1, 2, 3, 1],
    "h": ["x", "y", "z", "x"],
    "j": [7, 8, 9, 7],
    "r": [1.0, 2.0, 3.0, 4.0],
}
NAMED = {
    "f": "float",
    "n": "float_normalized",
    "d": "float_discretized",
    "s": "string_categorical",
    "i": "integer_categorical",
    "h": "string_hashed",
    "j": "integer_hashed",
    "r": "float_rescaled",
}


def made_by_methods(space, layers):
    return {
        "n": space.float_normalized(),
        "d": space.float_discretized(num_bins=3),
        "s": space.string_categorical(max_tokens=3, num_oov_indices=1, output_mode="one_hot"),
        "i": space.integer_categorical(num_oov_indices=2, name="whole"),
        "h": space.string_hashed(num_bins=4),
        "r": space.float_rescaled(scale=0.5, offset=1.0),
        "j": space.feature("int32", layers.IntegerLookup(num_oov_indices=2), "one_hot"),
    }


def as_integers(space, layers):
    return {
        "s": space.string_categorical(output_mode="int"),
        "d": space.float_discretized(num_bins=2, output_mode="int"),
        "f": space.float(),
    }


SPACES = {
    "by name": (lambda space, layers: NAMED, {"hashing_dim": 5, "num_discretization_bins": 3}),
    "by method": (made_by_methods, {}),
    "as a dict": (made_by_methods, {"output_mode": "dict"}),
    "integers": (as_integers, {"output_mode": "dict", "crosses": [("s", "d")], "crossing_dim": 7}),
    "crossed": (
        lambda space, layers: {"s": "string_categorical", "i": "integer_categorical", "h": "string_hashed"},
        {"crosses": [("s", "i"), ("h", "i")], "crossing_dim": 6, "hashing_dim": 4},
    ),
}
REFUSED = {
    "no features": ({}, {}),
    "unknown kind": ({"f": "floating"}, {}),
    "unknown mode": ({"f": "float"}, {"output_mode": "list"}),
    "unknown cross": ({"f": "integer_hashed"}, {"crosses": [("f", "g")]}),
    "no dimension": ({"f": "integer_hashed", "g": "integer_hashed"}, {"crosses": [("f", "g")], "crossing_dim": 0}),
    "integers side by side": (lambda space, layers: as_integers(space, layers), {}),
}


def space_of(library, case, data_set):
    features, arguments = SPACES[case]
    space = library.utils.FeatureSpace(features(library.utils.FeatureSpace, library.layers), **arguments)
    columns = {name: DATA[name] for name in space.features}
    space.adapt(data_set(columns))
    return space, columns


def said(space, columns, tree):
    """What a space makes of all rows and of one, and the symbolic results."""
    rows, row = space(columns), space({name: values[1] for name, values in columns.items()})
    specs = tree.map_structure(lambda spec: [list(spec.shape), spec.dtype], space.get_encoded_features())
    inputs = {name: [list(spec.shape), spec.dtype] for name, spec in space.get_inputs().items()}
    return plain(rows), plain(row), specs, inputs


def of_keras(keras, case, path=None):
    import tensorflow as tf

    space, columns = space_of(keras, case, tf.data.Dataset.from_tensor_slices)
    if path is not None:
        space.save(path)
    return *said(space, columns, keras.tree), None if path is None else path.read_bytes()


def as_stream(columns):
    """Single samples, as a data set without batches yields them."""
    return ({name: np.asarray(values[row]) for name, values in columns.items()} for row in range(len(DATA["f"])))


class Stream:
    def __init__(self, columns):
        self.columns = columns

    def __iter__(self):
        return as_stream(self.columns)


@pytest.mark.parametrize("data_set", [dict, Stream], ids=["arrays", "samples"])
@pytest.mark.parametrize("case", SPACES)
def test_features(case, data_set):
    theirs = kept(of_keras, keras, case)
    assert list(said(*space_of(torchkeras_shim, case, data_set), torchkeras_shim.tree)) == list(theirs[:4])


def refusal_of(library, case):
    features, arguments = REFUSED[case]
    space = library.utils.FeatureSpace
    try:
        made = space(features(space, library.layers) if callable(features) else features, **arguments)
        made.adapt({name: DATA[name] for name in made.features})
    except Exception as error:
        return failure(error)
    return "made"


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    ours, theirs = refusal_of(torchkeras_shim, case), kept(refusal_of, keras, case)
    assert ours[0] == theirs[0]
    assert ours[1][:20] == theirs[1][:20] or theirs[0] == "KeyError"


@pytest.mark.parametrize("case", SPACES)
def test_keras_writes(case, tmp_path):
    *theirs, content = kept(of_keras, keras, case, tmp_path / "theirs.keras")
    path = tmp_path / "copy.keras"
    path.write_bytes(content)
    space = torchkeras_shim.saving.load_model(path)
    assert isinstance(space, FeatureSpace)
    assert list(said(space, {name: DATA[name] for name in space.features}, torchkeras_shim.tree)) == theirs


class Reader:
    """Loads a file in Keras; an object, because a file's bytes differ by their date from run to run."""

    __qualname__ = "Reader"

    def __init__(self, path):
        self.path = path

    def __call__(self, keras, case):
        space = keras.saving.load_model(self.path)
        return said(space, {name: DATA[name] for name in space.features}, keras.tree)


@pytest.mark.parametrize("case", SPACES)
def test_keras_reads(case, tmp_path):
    space, columns = space_of(torchkeras_shim, case, dict)
    space.save(tmp_path / "ours.keras")
    ours = list(said(space, columns, torchkeras_shim.tree))
    again = torchkeras_shim.saving.load_model(tmp_path / "ours.keras")
    assert list(said(again, columns, torchkeras_shim.tree)) == ours
    assert list(kept(Reader(tmp_path / "ours.keras"), keras, case)) == ours
