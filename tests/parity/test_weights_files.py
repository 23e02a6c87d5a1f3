"""Weights files exchanged with Keras, in both directions."""

from __future__ import annotations

import json
import secrets

import h5py
import numpy as np
import pytest

import torchkeras_shim
from tests.parity.oracle import assert_close, keras


def token(size):
    """Stands in for what makes the names of shards new ones, so that a case always writes the same."""
    return "0" * 2 * size


def perceptron(k):
    return k.Sequential([k.Input((6,)), k.layers.Dense(5), k.layers.Dropout(0.5), k.layers.Dense(4), k.layers.Dense(3)])


def image_classifier(k):
    return k.Sequential(
        [
            k.Input((8, 8, 3)),
            k.layers.Conv2D(4, 3),
            k.layers.BatchNormalization(),
            k.layers.GlobalAveragePooling2D(),
            k.layers.Dense(3),
        ]
    )


def nested(k):
    inner = k.Sequential([k.layers.Dense(5), k.Sequential([k.layers.Dense(4)])])
    return k.Sequential([k.Input((6,)), k.layers.Dense(5), inner, k.layers.Dense(3)])


def half_precision(k):
    return k.Sequential([k.Input((6,)), k.layers.Dense(5, dtype="bfloat16"), k.layers.Dense(3, dtype="float16")])


def subclassed(k):
    class Net(k.Model):
        def __init__(self):
            super().__init__()
            self.zoo = k.layers.Dense(2)
            self.stack = [k.layers.Dense(3), k.layers.Dense(4)]
            self.arms = {"x": k.layers.Dense(5), "y": [k.layers.Dense(6)]}
            self._hidden = k.layers.Dense(7)
            self.scale = self.add_weight(shape=(2,), name="scale")

        def call(self, inputs):
            for layer in self.stack:
                inputs = layer(inputs)
            return self._hidden(self.arms["y"][0](self.arms["x"](self.zoo(inputs) * self.scale)))

    model = Net()
    model(np.zeros((2, 6), "float32"))
    return model


MODELS = [perceptron, image_classifier, nested, half_precision, subclassed]
INPUT_SHAPES = {image_classifier: (2, 8, 8, 3)}


def with_random_weights(make, library, seed):
    model = make(library)
    generator = np.random.default_rng(seed)
    model.set_weights([generator.uniform(0.1, 0.9, w.shape).astype("float32") for w in model.get_weights()])
    return model


def contents(path):
    """Every array and every name in a file."""
    found = {}

    def visit(name, item):
        found[name] = (item.shape, item.dtype) if isinstance(item, h5py.Dataset) else sorted(item.attrs)

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


def as_floats(weights):
    return [np.asarray(weight).astype("float32") for weight in weights]


@pytest.mark.parametrize("make", MODELS)
def test_keras_opens_our_files(make, tmp_path):
    ours, theirs = with_random_weights(make, torchkeras_shim, 0), with_random_weights(make, keras, 1)
    path = str(tmp_path / "ours.weights.h5")
    ours.save_weights(path)
    theirs.load_weights(path)
    for a, b in zip(ours.get_weights(), as_floats(theirs.get_weights()), strict=True):
        assert_close(a, b, rtol=0, atol=0)
    x = np.random.default_rng(2).uniform(size=INPUT_SHAPES.get(make, (2, 6))).astype("float32")
    tolerance = 5e-2 if make is half_precision else 1e-5
    assert_close(ours(x), np.asarray(theirs(x)).astype("float32"), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("make", MODELS)
def test_we_open_kerass_files(make, tmp_path):
    ours, theirs = with_random_weights(make, torchkeras_shim, 0), with_random_weights(make, keras, 1)
    path = str(tmp_path / "theirs.weights.h5")
    theirs.save_weights(path)
    ours.load_weights(path)
    for a, b in zip(ours.get_weights(), as_floats(theirs.get_weights()), strict=True):
        assert_close(a, b, rtol=0, atol=0)


@pytest.mark.parametrize("make", MODELS)
def test_the_layout_is_the_same(make, tmp_path):
    paths = {}
    for name, library in (("ours", torchkeras_shim), ("theirs", keras)):
        paths[name] = str(tmp_path / f"{name}.weights.h5")
        make(library).save_weights(paths[name])
    assert contents(paths["ours"]) == contents(paths["theirs"])


def trained(library):
    model = perceptron(library)
    model.compile("adam", "mse")
    model.fit(np.ones((4, 6), "float32"), np.ones((4, 3), "float32"), verbose=0)
    return model


def test_the_optimizers_state_travels_too(tmp_path):
    ours, theirs = trained(torchkeras_shim), trained(keras)
    path = str(tmp_path / "ours.weights.h5")
    ours.save_weights(path)
    theirs.load_weights(path)
    for a, b in zip(ours.optimizer.variables, theirs.optimizer.variables, strict=True):
        assert_close(a, np.asarray(b), rtol=0, atol=0)
    theirs.fit(np.ones((4, 6), "float32"), np.ones((4, 3), "float32"), verbose=0)
    path = str(tmp_path / "theirs.weights.h5")
    theirs.save_weights(path)
    ours.load_weights(path)
    for a, b in zip(ours.optimizer.variables, theirs.optimizer.variables, strict=True):
        assert_close(a, np.asarray(b), rtol=0, atol=0)


def test_files_of_the_2_13_era_are_understood(tmp_path):
    theirs = with_random_weights(nested, keras, 1)
    path = str(tmp_path / "old.weights.h5")
    theirs.save_weights(path)
    with h5py.File(path, "r+") as file:
        file.move("layers/sequential/layers/sequential/layers", "layers/sequential/layers/sequential/moved")
        for group in ("layers/sequential/layers/sequential", "layers/sequential", ""):
            inner = file[group] if group else file
            old = "moved" if "moved" in inner else "layers"
            inner.move(old, "_layer_checkpoint_dependencies")
    ours = with_random_weights(nested, torchkeras_shim, 0)
    ours.load_weights(path)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert_close(a, b, rtol=0, atol=0)


def wider(k):
    return k.Sequential([k.Input((6,)), k.layers.Dense(5), k.layers.Dense(9), k.layers.Dense(3)])


def deeper(k):
    return k.Sequential([k.Input((6,)), *(k.layers.Dense(n) for n in (5, 4, 3, 3))])


def unbuilt(k):
    return k.Sequential([k.layers.Dense(3)])


@pytest.mark.parametrize("make", [wider, deeper, unbuilt])
def test_what_does_not_fit_is_refused(make, tmp_path):
    path = str(tmp_path / "x.weights.h5")
    perceptron(keras).save_weights(path)
    with pytest.raises(ValueError) as expected:
        make(keras).load_weights(path)
    with pytest.raises(ValueError) as actual:
        make(torchkeras_shim).load_weights(path)
    assert str(expected.value).split(". ")[0] == str(actual.value).split(". ")[0]


def test_saving_what_is_not_built_is_refused(tmp_path):
    path = str(tmp_path / "x.weights.h5")
    for library in (keras, torchkeras_shim):
        with pytest.raises(ValueError, match="You are saving a model that has not yet been built"):
            unbuilt(library).save_weights(path)
        with pytest.raises(ValueError, match=r"The filename must end in `\.weights\.h5`"):
            perceptron(library).save_weights(str(tmp_path / "x.bin"))


@pytest.mark.parametrize("make", [perceptron, image_classifier, subclassed])
@pytest.mark.parametrize("writer", [keras, torchkeras_shim], ids=["from keras", "to keras"])
def test_weights_in_several_files(make, writer, tmp_path, monkeypatch):
    monkeypatch.setattr(secrets, "token_hex", token)
    reader = torchkeras_shim if writer is keras else keras
    path = str(tmp_path / "m.weights.json")
    written = make(writer)
    written.set_weights([np.random.default_rng(0).random(weight.shape) for weight in written.get_weights()])
    read = make(reader)
    written.save_weights(path, max_shard_size=(450 if make is image_classifier else 250) / 1024**3)
    assert len(list(tmp_path.glob("*.h5"))) > 1
    read.load_weights(path)
    for ours, theirs in zip(read.get_weights(), written.get_weights(), strict=True):
        assert_close(ours, theirs)


def test_the_index_of_several_files_is_keras_own(tmp_path, monkeypatch):
    """But for the names of the files, which are new ones for each save."""
    monkeypatch.setattr(secrets, "token_hex", token)
    indices = []
    for k in (keras, torchkeras_shim):
        (tmp_path / k.__name__).mkdir()
        image_classifier(k).save_weights(str(tmp_path / k.__name__ / "m.weights.json"), max_shard_size=450 / 1024**3)
        indices.append(json.loads((tmp_path / k.__name__ / "m.weights.json").read_text().replace(f"_{token(4)}", "")))
    assert indices[0] == indices[1]


@pytest.mark.parametrize("name", ["m.weights.h5", "m.weights.json"])
def test_objects_to_skip(name, tmp_path):
    results = []
    for k in (keras, torchkeras_shim):
        written, read = perceptron(k), perceptron(k)
        written.set_weights([np.full(weight.shape, 2.0) for weight in written.get_weights()])
        read.set_weights([np.full(weight.shape, 3.0) for weight in read.get_weights()])
        path = str(tmp_path / f"{k.__name__}_{name}")
        k.saving.save_weights(written, path, max_shard_size=1 if name.endswith("json") else None)
        k.saving.load_weights(read, path, objects_to_skip=[read.layers[0]])
        results.append([float(weight.mean()) for weight in read.get_weights()])
    assert results[0] == results[1] == [3.0, 3.0, 2.0, 2.0, 2.0, 2.0]


def attention(k, name, *args, **kwargs):
    a, b = k.Input((5, 6)), k.Input((7, 6))
    layer = getattr(k.layers, name)(*args, **kwargs)
    return k.Model([a, b], layer(a, b) if args else layer([a, b]))


def cells(k):
    return [k.layers.LSTMCell(3), k.layers.GRUCell(4)]


#: Layers whose weights lie in parts of their own, or under names of their own: the shape of the input, and the layer.
LAYERS = {
    "einsum": ((5, 4), lambda k: k.layers.EinsumDense("abc,cd->abd", output_shape=(None, 3), bias_axes="d")),
    "depthwise": ((9, 4), lambda k: k.layers.DepthwiseConv1D(3)),
    "augmenting": ((6, 6, 3), lambda k: k.layers.RandAugment(seed=3)),
    "jitter": ((6, 6, 3), lambda k: k.layers.RandomColorJitter(hue_factor=0.2, contrast_factor=0.1, seed=3)),
    "spectrogram": ((20, 2), lambda k: k.layers.STFTSpectrogram(frame_length=8)),
    "separable": ((9, 9, 4), lambda k: k.layers.SeparableConv2D(3, 2)),
    "transpose": ((5, 5, 5, 2), lambda k: k.layers.Conv3DTranspose(3, 2)),
    "renorm": ((6, 4), lambda k: k.layers.BatchNormalization(renorm=True)),
    "spectral": ((6, 6, 4), lambda k: k.layers.SpectralNormalization(k.layers.Conv2D(3, 2))),
    "prelu": ((6, 4), lambda k: k.layers.PReLU()),
    "lstm": ((5, 4), lambda k: k.layers.LSTM(3, dropout=0.2, seed=3)),
    "gru": ((5, 4), lambda k: k.layers.GRU(3)),
    "cell": ((5, 4), lambda k: k.layers.RNN(k.layers.LSTMCell(3))),
    "cells": ((5, 4), lambda k: k.layers.RNN(cells(k))),
    "stacked": ((5, 4), lambda k: k.layers.RNN(k.layers.StackedRNNCells(cells(k)))),
    "bidirectional": ((5, 4), lambda k: k.layers.Bidirectional(k.layers.SimpleRNN(3))),
    "distributed": ((5, 4), lambda k: k.layers.TimeDistributed(k.Sequential([k.layers.Dense(3)]))),
    "convolutional": ((5, 6, 4), lambda k: k.layers.ConvLSTM1D(3, 2)),
    "noise": ((4,), lambda k: k.layers.GaussianNoise(0.2, seed=1)),
    "heads": (None, lambda k: attention(k, "MultiHeadAttention", 2, 3, use_gate=True)),
    "grouped": (None, lambda k: attention(k, "GroupQueryAttention", 3, 4, 2)),
    "attention": (None, lambda k: attention(k, "Attention", use_scale=True, score_mode="concat")),
    "additive": (None, lambda k: attention(k, "AdditiveAttention")),
}


def arrays_in(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item.shape}) if isinstance(item, h5py.Dataset) else None)
    return found


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_has_its_weights_where_keras_has_them(name, tmp_path):
    shape, make = LAYERS[name]
    theirs, ours = (
        make(k) if shape is None else k.Sequential([k.Input(shape), make(k)]) for k in (keras, torchkeras_shim)
    )
    paths = [str(tmp_path / f"{index}.weights.h5") for index in range(2)]
    theirs.save_weights(paths[0])
    ours.save_weights(paths[1])
    assert arrays_in(paths[0]) == arrays_in(paths[1])
    ours.load_weights(paths[0])
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert_close(a, b)
    theirs.load_weights(paths[1])
