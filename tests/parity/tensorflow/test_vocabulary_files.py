"""Models with vocabularies in `.keras` files: Keras on TensorFlow reads what is written here, and the reverse."""

from __future__ import annotations

import json

import numpy as np
import pytest

import torchkeras_shim
from tests.parity.oracle import kept, keras
from torchkeras_shim import layers

TEXTS = ["The quick fox", "the dog é", "a dog", "fox fox"]
NUMBERS = [[1, 5], [5, 7], [9, 5], [0, 5]]

MODES = {
    "int": {"output_mode": "int", "output_sequence_length": 4},
    "multi_hot": {"output_mode": "multi_hot", "ngrams": 2},
    "tf_idf, not padded": {"output_mode": "tf_idf"},
    "tf_idf": {"output_mode": "tf_idf", "max_tokens": 12, "pad_to_max_tokens": True},
}


def made(library, mode, path):
    """Writes a model of text, words and integers; returns what it says."""
    k = library.layers
    text, word = (library.Input((1,), dtype="string", name=name) for name in ("text", "word"))
    number = library.Input((2,), dtype="int64", name="number")
    vectorizer = k.TextVectorization(**MODES[mode])
    vectorizer.adapt(np.array(TEXTS))
    strings = k.StringLookup(output_mode="one_hot", num_oov_indices=2)
    strings.adapt(np.array([["x"], ["y"], ["x"]]))
    given = k.StringLookup(vocabulary=["y", "é"], output_mode="multi_hot")
    integers = k.IntegerLookup(output_mode="count", mask_token=0)
    integers.adapt(np.array(NUMBERS))
    bins = k.Discretization(num_bins=3, output_mode="one_hot")
    bins.adapt(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
    normal = k.Normalization()
    normal.adapt(np.array(NUMBERS, "float32"))
    parts = [vectorizer(text), strings(word), given(word), integers(number), bins(number), normal(number)]
    flat = [k.Flatten()(k.Rescaling(1.0)(part)) for part in parts]
    model = library.Model([text, word, number], k.Concatenate()(flat))
    model.save(path)
    return said(model)


def said(model):
    """What a model says of the texts, and its vocabularies."""
    inputs = [np.array(TEXTS)[:, None], np.array([["x"], ["y"], ["é"], ["?"]]), np.array(NUMBERS)]
    outputs = model(inputs)
    vocabularies = [layer.get_vocabulary() for layer in model.layers if hasattr(layer, "get_vocabulary")]
    values = np.asarray(outputs.detach() if hasattr(outputs, "detach") else outputs)
    return values, [[str(term) for term in terms] for terms in vocabularies]


def as_bytes(keras, mode, path):
    return *made(keras, mode, path), path.read_bytes()


def read(keras, content, path):
    path.write_bytes(content)
    return said(keras.saving.load_model(path))


@pytest.mark.parametrize("mode", MODES)
def test_keras_writes(mode, tmp_path):
    values, vocabularies, content = kept(as_bytes, keras, mode, tmp_path / "theirs.keras")
    path = tmp_path / "copy.keras"
    path.write_bytes(content)
    ours = said(torchkeras_shim.saving.load_model(path))
    np.testing.assert_allclose(ours[0], values, rtol=1e-5)
    assert ours[1] == vocabularies


@pytest.mark.parametrize("mode", ["int", "multi_hot", "tf_idf, not padded"])  # padded ones Keras cannot read back
def test_keras_reads(mode, tmp_path):
    values, vocabularies = made(torchkeras_shim, mode, tmp_path / "ours.keras")
    again = said(torchkeras_shim.saving.load_model(tmp_path / "ours.keras"))
    np.testing.assert_array_equal(again[0], values)
    theirs = kept(Reader(tmp_path / "ours.keras"), keras)
    np.testing.assert_allclose(theirs[0], values, rtol=1e-5)
    assert theirs[1] == vocabularies == again[1]


class Reader:
    """Loads a file in Keras; an object, because a file's bytes differ by their date from run to run."""

    __qualname__ = "Reader"

    def __init__(self, path):
        self.path = path

    def __call__(self, keras):
        return said(keras.saving.load_model(self.path))


def test_tokens_that_end_lines_come_back(tmp_path):
    layer = layers.TextVectorization(standardize=None, split="character")
    layer.adapt(["a\nb\r", "\u2028\x0b"])
    model = torchkeras_shim.Sequential([torchkeras_shim.Input((1,), dtype="string"), layer])
    model.save(tmp_path / "lines.keras")
    again = torchkeras_shim.saving.load_model(tmp_path / "lines.keras").layers[-1]
    assert again.get_vocabulary() == layer.get_vocabulary()
    assert {"\n", "\r", "\u2028", "\x0b"} < set(again.get_vocabulary())
    assert json.dumps(again.get_config()) == json.dumps({**layer.get_config()})
