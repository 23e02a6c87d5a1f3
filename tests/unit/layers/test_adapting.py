"""Layers that learn from data: from whatever yields it, in models, and in steps that must not be replayed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import torchkeras_shim as keras
from torchkeras_shim import layers
from torchkeras_shim.data.pipeline.dataset import Dataset

NUMBERS = np.random.default_rng(0).normal(size=(300, 3)).astype("float32")
TEXTS = np.array(["good film", "bad film", "very good", "very bad"] * 4)
LABELS = np.array([1.0, 0.0, 1.0, 0.0] * 4, "float32")


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return NUMBERS[100 * index : 100 * (index + 1)], np.zeros(100)


SOURCES = {
    "array": lambda x: x,
    "tensor": torch.from_numpy,
    "list of batches": lambda x: [x[:100], x[100:]],
    "generator": lambda x: iter([x[:7], x[7:]]),
    "loader": lambda x: DataLoader(TensorDataset(torch.from_numpy(x), torch.zeros(len(x))), batch_size=32),
    "dataset": lambda x: Dataset.from_tensor_slices(x).batch(64),
    "samples": lambda x: Dataset.from_tensor_slices(x),
    "labelled dataset": lambda x: Dataset.from_tensor_slices((x, np.zeros(len(x)))).batch(64),
    "PyDataset": lambda x: Batches(),
}


@pytest.mark.parametrize("source", SOURCES)
def test_sources_of_numbers(source):
    layer = layers.Normalization()
    layer.adapt(SOURCES[source](NUMBERS))
    np.testing.assert_allclose(layer.mean.numpy()[0], NUMBERS.mean(0), atol=1e-5)
    np.testing.assert_allclose(layer.variance.numpy()[0], NUMBERS.var(0), rtol=1e-4)


@pytest.mark.parametrize("source", [one for one in SOURCES if one not in ("list of batches", "PyDataset", "samples")])
def test_sources_of_bins_and_integers(source):
    whole = np.abs(NUMBERS.round()).astype("int64")
    bins, lookup = layers.Discretization(num_bins=4), layers.IntegerLookup()
    bins.adapt(SOURCES[source](NUMBERS))
    lookup.adapt(SOURCES[source](whole))
    counts = np.bincount(whole.reshape(-1))
    assert lookup.get_vocabulary() == [-1, *sorted(range(len(counts)), key=lambda one: -counts[one])]
    np.testing.assert_allclose(bins.bin_boundaries, np.quantile(NUMBERS, [0.25, 0.5, 0.75]), atol=0.1)


TEXT_SOURCES = {
    "list": list,
    "objects": lambda x: x.astype(object),
    "bytes": lambda x: np.char.encode(x),
    "column": lambda x: x[:, None],
    "loader": lambda x: DataLoader(list(x), batch_size=3),
    "dataset": lambda x: Dataset.from_tensor_slices(x).batch(5),
    "samples": lambda x: Dataset.from_tensor_slices(x),
    "generator": lambda x: iter([x[:7], x[7:]]),
}


@pytest.mark.parametrize("source", TEXT_SOURCES)
def test_sources_of_text(source):
    layer = layers.TextVectorization()
    layer.adapt(TEXT_SOURCES[source](TEXTS))
    assert layer.get_vocabulary() == ["", "[UNK]", "very", "good", "film", "bad"]


def test_steps_bound_what_is_taken():
    layer = layers.StringLookup()
    layer.adapt(iter([["a"], ["b"], ["c"]]), steps=2)
    assert layer.get_vocabulary() == ["[UNK]", "b", "a"]


@pytest.mark.parametrize("data", [[], iter([])])
def test_no_batches(data):
    with pytest.raises(ValueError, match="empty iterable"):
        layers.Normalization().adapt(data)
    with pytest.raises(TypeError, match="Unsupported data type"):
        layers.Normalization().adapt(3.0)


def text_model(layer):
    return keras.Sequential(
        [keras.Input((1,), dtype="string"), layer, layers.Embedding(9, 4), layers.Flatten(), layers.Dense(1)]
    )


@pytest.mark.parametrize("jit_compile", ["auto", False])
def test_a_model_of_text_trains(jit_compile):
    layer = layers.TextVectorization(output_sequence_length=3)
    layer.adapt(TEXTS)
    model = text_model(layer)
    model.compile("adam", "mse", jit_compile=jit_compile)
    history = model.fit(TEXTS, LABELS, epochs=12, batch_size=2, verbose=0).history  # enough steps for a trial
    assert history["loss"][-1] < history["loss"][0]
    shuffled = model.predict(TEXTS[::-1].copy(), verbose=0)
    np.testing.assert_allclose(shuffled, model.predict(TEXTS, verbose=0)[::-1], atol=1e-6)
    pairs = Dataset.from_tensor_slices((TEXTS, LABELS)).batch(4)
    assert model.evaluate(pairs, verbose=0) == pytest.approx(model.evaluate(TEXTS, LABELS, verbose=0), rel=1e-4)


def test_a_captured_step_of_text_says_why_it_is_none():
    layer = layers.TextVectorization(output_sequence_length=3)
    layer.adapt(TEXTS)
    model = text_model(layer)
    model.compile("adam", "mse", jit_compile="captured")
    with pytest.warns(UserWarning, match="the batch holds text"):
        model.fit(TEXTS, LABELS, epochs=2, batch_size=4, verbose=0)


def test_in_the_map_of_a_data_set():
    layer = layers.TextVectorization(output_sequence_length=3)
    layer.adapt(TEXTS)
    rows = list(Dataset.from_tensor_slices(TEXTS[:2]).map(layer))
    (batch,) = Dataset.from_tensor_slices(TEXTS[:2]).batch(2).map(layer)
    assert torch.equal(torch.stack(rows), batch)
    assert batch.tolist() == [[3, 4, 0], [5, 4, 0]]


def test_functions_of_the_users_own():
    layer = layers.TextVectorization(
        standardize=lambda texts: np.char.upper(np.array(texts.decode())),
        split=lambda texts: [text.split(",") for text in texts.decode()],
        vocabulary=["A", "B"],
    )
    assert layer(["a,b", "b"]).tolist() == [[2, 3], [3, 0]]
    assert layer(["a,b", "b"]).dtype == torch.int64


def test_the_vocabulary_can_change_where_the_result_does_not():
    layer = layers.StringLookup(vocabulary=["a"])
    layer.set_vocabulary(["a", "b"])
    assert layer(["b"]).tolist() == [2]
    fixed = layers.StringLookup(vocabulary=["a"], output_mode="multi_hot")
    with pytest.raises(RuntimeError, match="vocabulary size cannot be changed"):
        fixed.set_vocabulary(["a", "b"])


def test_sparse_results():
    layer = layers.IntegerLookup(vocabulary=[1, 2], output_mode="count", sparse=True)
    result = layer([[1, 1, 5], [2, 2, 2]])
    assert result.layout is torch.sparse_coo
    assert result.to_dense().tolist() == [[1, 2, 0], [0, 0, 3]]
    with pytest.raises(ValueError, match="functional model, whose tensors are dense"):
        layer(keras.Input((3,), dtype="int64"))


def test_rows_of_different_lengths():
    tokens = layers.TextVectorization(ragged=True, vocabulary=["a", "b"])(["a b a", "c"])
    assert tokens.to_list() == [[2, 3, 2], [1]]
    back = layers.StringLookup(vocabulary=["a", "b"], mask_token="", invert=True)(tokens)
    assert back.to_list() == [[b"a", b"b", b"a"], [b"[UNK]"]]


def test_a_table_of_integers_outlives_a_look_at_shapes_without_data():
    layer = layers.IntegerLookup(vocabulary=[5, 7])
    assert layer(torch.tensor([7, 9])).tolist() == [2, 0]
    layer(torch.empty(2, dtype=torch.int64, device="meta"))
    assert layer(torch.tensor([5, 7])).tolist() == [1, 2]


def test_text_and_numbers_are_fitted_together():
    text, number = keras.Input((1,), dtype="string", name="text"), keras.Input((1,), name="number")
    words = layers.StringLookup(vocabulary=["good", "bad"], output_mode="one_hot")(text)
    model = keras.Model([text, number], layers.Dense(1)(layers.concatenate([words, number])))
    model.compile("sgd", "mse", metrics=["mae"])
    data = Dataset.from_tensor_slices(({"text": TEXTS[:, None], "number": NUMBERS[:16, :1]}, LABELS)).batch(8)
    assert len(model.fit(data, epochs=2, verbose=0).history["mae"]) == 2
