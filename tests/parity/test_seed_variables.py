"""The states of random generators among a layer's variables, against real Keras."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

import torchkeras_shim as tks
from tests.parity.oracle import kept, keras, to_numpy

X = np.ones((2, 4, 3), "float32")
IMAGES = np.ones((2, 4, 4, 3), "float32")


def _own_layer(k):
    class Own(k.layers.Layer):
        def __init__(self):
            super().__init__(name="own")
            self.source = k.random.SeedGenerator(5)
            self.more = [k.random.SeedGenerator(6)]

        def build(self, input_shape):
            self.w = self.add_weight(shape=(3,), name="w")
            self.inner = k.layers.Dropout(0.5)

        def call(self, inputs):
            return self.inner(inputs * self.w)

    return Own()


CASES = {
    "Dropout": (lambda k: k.layers.Dropout(0.5), [X]),
    "Dropout, 0": (lambda k: k.layers.Dropout(0.0), [X]),
    "Dropout, seed": (lambda k: k.layers.Dropout(0.5, seed=7), [X]),
    "GaussianNoise": (lambda k: k.layers.GaussianNoise(0.5), [X]),
    "GaussianNoise, 0": (lambda k: k.layers.GaussianNoise(0.0), [X]),
    "GaussianDropout": (lambda k: k.layers.GaussianDropout(0.5), [X]),
    "AlphaDropout": (lambda k: k.layers.AlphaDropout(0.5), [X]),
    "SpatialDropout1D": (lambda k: k.layers.SpatialDropout1D(0.5), [X]),
    "LSTM": (lambda k: k.layers.LSTM(2), [X]),
    "GRU": (lambda k: k.layers.GRU(2, dropout=0.1), [X]),
    "SimpleRNN": (lambda k: k.layers.SimpleRNN(2), [X]),
    "RNN of cells": (lambda k: k.layers.RNN([k.layers.LSTMCell(2), k.layers.GRUCell(2)]), [X]),
    "ConvLSTM1D": (lambda k: k.layers.ConvLSTM1D(2, 2), [IMAGES]),
    "Attention": (lambda k: k.layers.Attention(), [[X, X]]),
    "Attention, dropout": (lambda k: k.layers.Attention(dropout=0.1), [[X, X]]),
    "AdditiveAttention": (lambda k: k.layers.AdditiveAttention(dropout=0.1), [[X, X]]),
    "MultiHeadAttention": (lambda k: k.layers.MultiHeadAttention(1, 2, name="m"), [X, X]),
    "MultiHeadAttention, dropout": (lambda k: k.layers.MultiHeadAttention(1, 2, dropout=0.1, name="m"), [X, X]),
    "GroupQueryAttention": (lambda k: k.layers.GroupQueryAttention(2, 2, 1, dropout=0.1, name="m"), [X, X]),
    "TimeDistributed": (lambda k: k.layers.TimeDistributed(k.layers.Dropout(0.5)), [X]),
    "RandomFlip": (lambda k: k.layers.RandomFlip(), [IMAGES]),
    "Sequential": (lambda k: k.Sequential([k.layers.Dropout(0.5), k.layers.Dense(2), k.layers.LSTM(1)]), [X]),
    "a layer of one's own": (_own_layer, [X]),
}


def facts(k, name):
    """What is said of a layer, before and after it is built."""
    make, inputs = CASES[name]
    k.backend.clear_session(free_memory=False)
    layer = make(k)
    before = [variable.path for variable in layer.variables]
    layer(*inputs)
    listed = {
        kind: [variable.path for variable in getattr(layer, kind)]
        for kind in ("variables", "non_trainable_variables", "trainable_variables", "weights", "non_trainable_weights")
    }
    states = [v for v in layer.variables if v.path.endswith("seed_generator_state")]
    of_states = [[v.name, tuple(v.shape), v.trainable] for v in states]
    return [before, listed, of_states, layer.count_params(), len(layer.get_weights())]


@pytest.mark.parametrize("name", CASES)
def test_states_are_variables_but_not_weights(name):
    assert facts(tks, name) == kept(lambda: facts(keras, name))


def test_frozen_layers_have_states_too():
    layer = tks.layers.LSTM(2)
    layer(X)
    layer.trainable = False
    assert len(layer.non_trainable_variables) == 4


def draws(k):
    generator = k.random.SeedGenerator(3)
    generator.next()
    before = np.array(to_numpy(generator.state))
    generator.next()
    generator.state.assign(before)
    return [before.tolist(), to_numpy(generator.next()).tolist(), to_numpy(generator.state).tolist()]


def test_assigning_the_state_of_a_generator_goes_back():
    assert draws(tks) == kept(lambda: draws(keras))


DRAWING = {
    "Dropout": lambda seed: tks.layers.Dropout(0.5, seed=seed),
    "GaussianNoise": lambda seed: tks.layers.GaussianNoise(0.5, seed=seed),
    "AlphaDropout": lambda seed: tks.layers.AlphaDropout(0.5, seed=seed),
    "SpatialDropout1D": lambda seed: tks.layers.SpatialDropout1D(0.5, seed=seed),
    "LSTM": lambda seed: tks.layers.LSTM(2, dropout=0.5, seed=seed),
    "RandomFlip": lambda seed: tks.layers.RandomFlip(seed=seed),
}


@pytest.mark.parametrize("seed", [None, 7])
@pytest.mark.parametrize("name", DRAWING)
def test_assigning_the_state_of_a_layer_starts_its_stream(name, seed):
    inputs = torch.linspace(-1, 1, 960).reshape(40, 8, 3) if name != "RandomFlip" else torch.rand(64, 4, 4, 3)
    layer = DRAWING[name](seed)
    layer(inputs)
    (state,) = [variable for variable in layer.variables if variable.name == "seed_generator_state"]
    state.assign([3, 4])
    first, second = layer(inputs, training=True), layer(inputs, training=True)
    assert not torch.equal(first, second)
    state.assign([3, 4])
    torch.manual_seed(1)  # is not what decides any more
    assert torch.equal(layer(inputs, training=True), first)
    other = copy.deepcopy(layer)
    assert torch.equal(other(inputs, training=True), second)
    assert torch.equal(layer(inputs, training=True), second)
    state.assign([3, 5])
    assert not torch.equal(layer(inputs, training=True), first)


def test_a_layer_without_a_seed_draws_from_the_generator_of_torch_until_a_state_is_assigned():
    layer, ones = tks.layers.Dropout(0.5), torch.ones(64)
    torch.manual_seed(3)
    first = layer(ones, training=True)
    _ = layer.variables[0].numpy()
    torch.manual_seed(3)
    assert torch.equal(layer(ones, training=True), first)


def test_a_seed_and_the_state_that_it_stands_for_are_one():
    a, b, ones = tks.layers.Dropout(0.5, seed=7), tks.layers.Dropout(0.5), torch.ones(64)
    b.seed_generator.state.assign([7, 0])
    assert torch.equal(a(ones, training=True), b(ones, training=True))


@pytest.mark.parametrize("jit_compile", [False, "captured"])
def test_a_state_assigned_between_two_fits_counts(jit_compile):
    def trained(source):
        tks.utils.set_random_seed(1)
        model = tks.Sequential([tks.Input((3,)), tks.layers.Dropout(0.5), tks.layers.Dense(1)])
        model.compile("sgd", "mse", jit_compile=jit_compile)
        x = np.linspace(0, 1, 96).reshape(32, 3).astype("float32")
        model.fit(x, x[:, :1], batch_size=8, epochs=2, verbose=0, shuffle=False)
        if source is not None:
            model.variables[0].assign(source)
        torch.manual_seed(5)
        history = model.fit(x, x[:, :1], batch_size=8, epochs=2, verbose=0, shuffle=False)
        if source is not None:  # replayed steps hear of it too
            model.variables[0].assign(source)
        return history.history["loss"] + model.fit(x, x[:, :1], batch_size=8, verbose=0).history["loss"]

    assert trained([3, 0]) == trained([3, 0])
    assert trained([3, 0]) != trained([4, 0])
    assert trained([3, 0]) != trained(None)


def test_states_stay_on_the_host_and_out_of_the_state_dict():
    model = tks.Sequential([tks.Input((3,)), tks.layers.Dropout(0.5), tks.layers.Dense(1)])
    model.to(torch.float64)
    assert list(model.state_dict()) == ["1.kernel", "1.bias"]
    assert model.variables[0].dtype is torch.int64  # as in Keras on TensorFlow
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.variables[0].numpy(), model.variables[0].numpy())
    loaded.variables[0].assign_add([1, 1])
    np.testing.assert_array_equal(loaded.variables[0].numpy(), model.variables[0].numpy() + 1)
