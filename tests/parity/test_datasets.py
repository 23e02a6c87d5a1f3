"""Keras's data sets, from small files in the form of the real ones: the same arrays, in the same order."""

import contextlib
import importlib
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import torchkeras_shim
from tests.parity.oracle import kept, keras


def ragged(rng, count, lengths=(1, 9), words=40):
    rows = [rng.integers(1, words, rng.integers(*lengths)).tolist() for _ in range(count)]
    array = np.empty(count, dtype=object)
    array[:] = rows
    return array


def files(folder):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    for name in ("boston_housing", "california_housing"):
        np.savez(folder / f"{name}.npz", x=x, y=y)
    x, y = np.arange(1400).reshape(700, 2), np.arange(700)
    np.savez(folder / "many.npz", x=x, y=y)
    np.savez(folder / "reuters.npz", x=ragged(rng, 23), y=rng.integers(0, 46, 23))
    parts = {"x_train": ragged(rng, 12), "x_test": ragged(rng, 9)}
    np.savez(folder / "imdb.npz", **parts, y_train=rng.integers(0, 2, 12), y_test=rng.integers(0, 2, 9))
    x = ragged(rng, 6, lengths=(3, 4))
    np.savez(
        folder / "same_length.npz", x_train=x, x_test=x, x=x, y=np.arange(6), y_train=np.ones(6), y_test=np.ones(6)
    )
    for name in ("imdb", "reuters"):
        (folder / f"{name}_word_index.json").write_text('{"the": 1, "caf\\u00e9": 2}')


def as_lists(parts):
    """Plain values, and the types and shapes of the arrays."""
    return [[[array.dtype.name, list(array.shape), array.tolist()] for array in part] for part in parts]


def load(library, name, function, arguments):
    """What a function of a data set returns when its files are at hand."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        files(Path(folder))
        if library.__name__ == "keras":
            module = importlib.import_module(f"keras.src.datasets.{name}")
            local = lambda fname, **_: str(Path(folder, fname))  # noqa: E731
            stack.enter_context(mock.patch.object(module, "get_file", local))
        else:
            store = importlib.import_module("torchkeras_shim.datasets.store")
            stack.enter_context(mock.patch.object(store, "fetch", lambda path, *_: str(Path(folder, path))))
        try:
            result = getattr(getattr(library.datasets, name), function)(**arguments)
        except ValueError as error:
            return str(error)
        return as_lists(result) if function == "load_data" else result


WORDS = [
    {},
    {"num_words": 20},
    {"num_words": 30, "skip_top": 8, "oov_char": None},
    {"skip_top": 5, "oov_char": 99},
    {"maxlen": 6, "seed": 7},
    {"start_char": None},
    {"start_char": None, "index_from": 0},
    {"start_char": None, "index_from": None},
    {"start_char": 0, "index_from": 10, "num_words": 1},
    {"path": "same_length.npz"},
]


@pytest.mark.parametrize("arguments", [*WORDS, {"maxlen": 1}, {"path": "same_length.npz", "maxlen": 4}])
def test_imdb(arguments):
    theirs = kept(load, keras, "imdb", "load_data", arguments)
    assert load(torchkeras_shim, "imdb", "load_data", arguments) == theirs


@pytest.mark.parametrize("arguments", [*WORDS, {"test_split": 0}, {"test_split": 0.5}])
def test_reuters(arguments):
    theirs = kept(load, keras, "reuters", "load_data", arguments)
    assert load(torchkeras_shim, "reuters", "load_data", arguments) == theirs


@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_word_index(name):
    theirs = kept(load, keras, name, "get_word_index", {})
    assert load(torchkeras_shim, name, "get_word_index", {}) == theirs


def test_topics():
    assert torchkeras_shim.datasets.reuters.get_label_names() == tuple(keras.datasets.reuters.get_label_names())


@pytest.mark.parametrize("name", ["boston_housing", "california_housing"])
@pytest.mark.parametrize("arguments", [{}, {"test_split": 0, "seed": 3}, {"test_split": 1}, {"test_split": -0.1}])
def test_housing(name, arguments):
    theirs = kept(load, keras, name, "load_data", arguments)
    assert load(torchkeras_shim, name, "load_data", arguments) == theirs


@pytest.mark.parametrize("version", ["small", "large", "medium"])
def test_versions_of_california_housing(version):
    arguments = {"version": version, "path": "many.npz"}

    def shapes_and_sums(library):
        found = load(library, "california_housing", "load_data", arguments)
        if isinstance(found, str):
            return found
        return [[[dtype, shape, float(np.sum(values))] for dtype, shape, values in part] for part in found]

    theirs = kept(lambda k, version: shapes_and_sums(k), keras, version)
    assert shapes_and_sums(torchkeras_shim) == theirs
