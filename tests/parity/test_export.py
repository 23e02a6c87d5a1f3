"""Files of real Keras as plain torch modules and exported programs: they predict what Keras predicts."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

import torchkeras_shim
from tests.parity.oracle import assert_close, keras

L = keras.layers


def images():
    return keras.Sequential(
        [
            keras.Input((12, 11, 3)),
            L.ZeroPadding2D(1),
            L.Conv2D(6, 3, strides=2, padding="same", activation="relu"),
            L.BatchNormalization(),
            L.SeparableConv2D(8, 3, padding="same", activation="gelu"),
            L.AveragePooling2D(3, 2, padding="same"),
            L.Conv2DTranspose(4, 3, strides=2, padding="same"),
            L.DepthwiseConv2D(3, activation="silu"),
            L.GroupNormalization(2),
            L.UpSampling2D(2),
            L.MaxPooling2D(2, padding="same"),
            L.Flatten(),
            L.Dropout(0.5),
            L.Dense(5, activation="softmax"),
        ]
    )


def words():
    inputs = keras.Input((9,), dtype="int32")
    hidden = L.Embedding(12, 6, mask_zero=True)(inputs)
    hidden = L.Bidirectional(L.LSTM(4, return_sequences=True))(hidden)
    hidden = L.GRU(5, return_sequences=True)(hidden)
    return keras.Model(inputs, [L.SimpleRNN(3)(hidden), L.GlobalAveragePooling1D()(hidden)])


def transformer():
    inputs = keras.Input((7, 8))
    hidden = L.Add()([inputs, L.MultiHeadAttention(2, 4)(inputs, inputs, use_causal_mask=True)])
    hidden = L.LayerNormalization()(hidden)
    inner = keras.Sequential([keras.Input((7, 8)), L.Dense(16, activation="gelu"), L.Dense(8)], name="inner")
    hidden = L.LayerNormalization()(hidden + inner(hidden))
    return keras.Model(inputs, L.Dense(2)(keras.ops.mean(hidden, axis=1)))


def merging():
    a, b = keras.Input((5, 4), name="a"), keras.Input((5, 4), name="b")
    shared = L.Conv1D(4, 3, padding="causal", activation="tanh")
    one, other = shared(a), shared(b)
    parts = [L.Multiply()([one, other]), L.Maximum()([one, other]), L.Average()([one, b]), L.Subtract()([one, other])]
    dot = L.Flatten()(L.Dot(axes=2)([one, other]))
    merged = L.Concatenate()([L.Flatten()(L.Concatenate(axis=-1)(parts)), dot])
    return keras.Model([a, b], L.PReLU()(L.RMSNormalization()(L.Dense(3)(merged))))


MODELS = [images, words, transformer, merging]


def vary(model):
    """Gives all weights, moving statistics included, values of their own."""
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.1, 0.6, weight.shape) - 0.3 * (weight.ndim > 1) for weight in model.get_weights()])
    return model


def inputs_of(model, batch=3):
    rng = np.random.default_rng(1)
    shapes = [(batch, *spec.shape[1:]) for spec in model.inputs]
    if model.inputs[0].dtype == "int32":
        tokens = rng.integers(1, 12, shapes[0]).astype("int32")
        tokens[0, 4:] = 0  # padding behind
        tokens[1, :3] = 0  # and before
        return [tokens]
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


@pytest.mark.parametrize("make", MODELS)
def test_a_keras_file_predicts_the_same_in_plain_torch(make, tmp_path):
    theirs = vary(make())
    arrays = inputs_of(theirs)
    expected = theirs.predict(arrays if len(arrays) > 1 else arrays[0], verbose=0)
    expected = expected if isinstance(expected, list) else [expected]
    theirs.save(str(tmp_path / "m.keras"))
    ours = torchkeras_shim.saving.load_model(tmp_path / "m.keras")
    ours.export(tmp_path / "m.pt2", format="torch", verbose=False)
    inputs = [torch.from_numpy(array) for array in arrays]
    for module in (ours.to_torch(), ours.to_torch(copy=True), torch.export.load(tmp_path / "m.pt2").module()):
        found = module(*inputs)
        found = list(found) if isinstance(found, (list, tuple)) else [found]
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_signature_and_errors_are_keras_own(tmp_path):
    mine, other = (list(inspect.signature(k.Model.export).parameters.values()) for k in (torchkeras_shim, keras))
    assert [(p.name, p.default, p.kind) for p in mine] == [(p.name, p.default, p.kind) for p in other]
    for k in (keras, torchkeras_shim):
        model = k.Sequential([k.Input((2,)), k.layers.Dense(1)])
        with pytest.raises(ValueError, match=r"Unrecognized format=x\. Supported formats are"):
            model.export(str(tmp_path / "m"), format="x")
