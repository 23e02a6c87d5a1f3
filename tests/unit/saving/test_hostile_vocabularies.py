"""Configs and assets of vocabularies that are made to harm: nothing is read but the file, nothing is without bounds."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from tests.unit.saving.hostile import rewrite, watched
from torchkeras_shim import layers

ASSETS = "assets/layers/{}/vocabulary.{}"


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret.txt"
    path.write_text("password\n")
    return str(path)


def saved(tmp_path, layer, dtype="string"):
    path = str(tmp_path / "model.keras")
    column = keras.Input((1,), dtype=dtype)
    keras.Model(column, layer(column)).save(path)
    return path


def change(path, **arguments):
    rewrite(path, lambda config: config["config"]["layers"][1]["config"].update(arguments))


@pytest.mark.parametrize("name", ["StringLookup", "IntegerLookup", "TextVectorization"])
def test_a_path_in_a_config_is_not_read(name, tmp_path, secret):
    layer = getattr(layers, name)(vocabulary=["a"] if name != "IntegerLookup" else [1])
    path = saved(tmp_path, layer, "int64" if name == "IntegerLookup" else "string")
    change(path, vocabulary=secret)
    with watched(path), pytest.raises(ValueError, match="outside of the model archive"):
        keras.saving.load_model(path)
    with pytest.raises(ValueError, match="outside of the model archive"):
        type(layer).from_config({**layer.get_config(), "vocabulary": secret})
    with pytest.raises(ValueError, match="outside of the model archive"):
        layers.deserialize({"class_name": name, "config": {"vocabulary": secret}})


class Reader(layers.StringLookup):
    @classmethod
    def from_config(cls, config):
        return cls(**config)  # without the check of the class that it is made from


def test_a_subclass_does_not_read_it_either(tmp_path, secret):
    path = saved(tmp_path, Reader(vocabulary=["a"]))
    change(path, vocabulary=secret)
    with pytest.raises(ValueError, match="outside of the model archive"):
        keras.saving.load_model(path, custom_objects={"Reader": Reader})


def test_the_users_own_path_is_read(tmp_path):
    words = tmp_path / "words.txt"
    words.write_bytes("a\r\né\n".encode())
    layer = layers.TextVectorization(vocabulary=str(words))
    assert layer.get_vocabulary() == ["", "[UNK]", "a", "é"]
    path = saved(tmp_path, layer)
    words.unlink()
    assert keras.saving.load_model(path).layers[-1].get_vocabulary() == layer.get_vocabulary()


def test_huge_numbers_of_places_take_no_memory(tmp_path):
    layer = layers.StringLookup(vocabulary=["a"], num_oov_indices=2)
    path = saved(tmp_path, layer)
    change(path, num_oov_indices=10**15)
    loaded = keras.saving.load_model(path)
    assert loaded(np.array([["a"]])).item() == 10**15
    layer = layers.StringLookup(vocabulary=["a"], output_mode="tf_idf", idf_weights=[1.0])
    path = saved(tmp_path, layer)
    change(path, num_oov_indices=10**15, vocabulary_size=None)
    with pytest.raises(ValueError, match="asks for a weight of shape"):
        keras.saving.load_model(path)


def test_huge_numbers_of_runs_take_no_time(tmp_path):
    path = saved(tmp_path, layers.TextVectorization(vocabulary=["a"], ngrams=2))
    change(path, ngrams=10**12)
    start = time.perf_counter()
    assert keras.saving.load_model(path)(np.array([["a b"]])).tolist() == [[2, 1, 1]]
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("how", ["upper", "[a-z]+", "os.system", {"class_name": "function", "config": "system"}])
def test_functions_and_patterns_in_a_config_are_refused(how, tmp_path):
    path = saved(tmp_path, layers.TextVectorization(vocabulary=["a"]))
    for key in ("standardize", "split"):
        change(path, **{"standardize": "lower", "split": "whitespace", key: how})
        with pytest.raises(ValueError, match=r"Unknown value|Could not locate function"):
            keras.saving.load_model(path)


@pytest.mark.parametrize(
    ("ending", "content"),
    [("txt", b"x"), ("txt", b"9" * 100), ("txt", b"1\n1"), ("json", b"[" * 100_000), ("json", b"{}"), ("json", b"[1]")],
)
def test_broken_assets(ending, content, tmp_path):
    layer = layers.IntegerLookup()
    layer.adapt([1, 2])
    path = saved(tmp_path, layer, "int64")
    rewrite(path, members={ASSETS.format("integer_lookup", ending): content})
    with pytest.raises(ValueError, match=r"vocabulary|asset"):
        keras.saving.load_model(path)


def test_bytes_that_are_no_text_come_back(tmp_path):
    layer = layers.StringLookup()
    layer.adapt(np.array([b"\xff\xfe", b"a"], dtype=object))
    loaded = keras.saving.load_model(saved(tmp_path, layer)).layers[-1]
    assert loaded(np.array([[b"\xff\xfe"]], dtype=object)).item() == layer(np.array([b"\xff\xfe"], dtype=object)).item()


def test_state_of_the_vocabulary_is_plain_data():
    layer = layers.TextVectorization(output_mode="tf_idf")
    layer.adapt(["a b", "b"])
    state = {key: value.clone() for key, value in layer.state_dict().items()}
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    other = layers.TextVectorization(output_mode="tf_idf")
    other.load_state_dict(state)
    assert other.get_vocabulary() == layer.get_vocabulary()
    torch.testing.assert_close(other(["a c"]), layer(["a c"]))
    assert json.loads(bytes(state["_lookup_layer._extra_state"].tolist()))["vocabulary"] == ["b", "a"]
