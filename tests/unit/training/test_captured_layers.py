"""Every layer trains to the same bits when its steps are replayed."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from tests.parity.layer_cases import AUDIO_CASES, CASES, MERGES, MORE_CASES
from torchkeras_shim import layers

STEPS = (2, 5, 4)
FRAMES = (2, 3, 6, 6, 2)

#: What the tables of one input do not hold: recurrent layers, wrappers, attention, preprocessing on tensors.
MORE = {
    "LSTM": (lambda: layers.LSTM(3), STEPS),
    "LSTM, sequences": (lambda: layers.LSTM(3, return_sequences=True, go_backwards=True), STEPS),
    "LSTM, dropout": (lambda: layers.LSTM(3, dropout=0.3, recurrent_dropout=0.2), STEPS),
    "LSTM, another activation": (lambda: layers.LSTM(3, activation="relu"), STEPS),
    "GRU": (lambda: layers.GRU(3, dropout=0.3), STEPS),
    "GRU, reset before": (lambda: layers.GRU(3, reset_after=False), STEPS),
    "SimpleRNN": (lambda: layers.SimpleRNN(3), STEPS),
    "RNN": (lambda: layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)]), STEPS),
    "RNN, SimpleRNNCell": (lambda: layers.RNN(layers.StackedRNNCells([layers.SimpleRNNCell(3)])), STEPS),
    "Bidirectional": (lambda: layers.Bidirectional(layers.LSTM(3)), STEPS),
    "Bidirectional, GRU": (lambda: layers.Bidirectional(layers.GRU(3, return_sequences=True), "sum"), STEPS),
    "TimeDistributed": (lambda: layers.TimeDistributed(layers.BatchNormalization()), STEPS),
    "SpectralNormalization": (lambda: layers.SpectralNormalization(layers.Dense(4)), STEPS),
    "ConvLSTM1D": (lambda: layers.ConvLSTM1D(2, 3, dropout=0.2), (2, 3, 6, 2)),
    "ConvLSTM2D": (lambda: layers.ConvLSTM2D(2, 3), FRAMES),
    "ConvLSTM3D": (lambda: layers.ConvLSTM3D(2, 2), (2, 2, 4, 4, 4, 2)),
    "Lambda": (lambda: layers.Lambda(torch.tanh), STEPS),
    "Discretization": (lambda: layers.Discretization([-1.0, 0.0, 1.0], output_mode="one_hot"), STEPS),
    "Hashing": (lambda: layers.Hashing(7, output_mode="one_hot"), (14, 3)),
    "TorchModuleWrapper": (lambda: layers.TorchModuleWrapper(torch.nn.BatchNorm1d(5)), STEPS),
}


def called(layer):
    """A function of a list of inputs from a layer that takes them one by one."""
    return lambda inputs: layer(*inputs)


TABLE = {
    f"{number} {name}": (lambda name=name, arguments=arguments: getattr(layers, name)(**arguments), shape)
    for number, (name, arguments, shape) in enumerate([*CASES, *MORE_CASES, *AUDIO_CASES])
    if name != "BatchNormalization" or arguments.get("axis") != 0
}
SEVERAL = {
    f"{number} {name}": (lambda name=name, arguments=arguments: getattr(layers, name)(**arguments), shapes)
    for number, (name, arguments, shapes) in enumerate(MERGES)
} | {
    "Attention": (lambda: layers.Attention(use_scale=True, dropout=0.2), [STEPS, STEPS]),
    "AdditiveAttention": (lambda: layers.AdditiveAttention(), [STEPS, STEPS]),
    "MultiHeadAttention": (lambda: called(layers.MultiHeadAttention(2, 2, dropout=0.2)), [STEPS, STEPS]),
    "GroupedQueryAttention": (lambda: called(layers.GroupQueryAttention(2, 4, 2)), [STEPS, STEPS]),
}

#: Layers of which no step of training is made, or not with one argument.
LEFT_OUT = {
    "FlaxLayer", "InputLayer", "InputSpec", "JaxLayer", "Layer", "ReversibleEmbedding", "TFSMLayer", "Wrapper",
    "HashedCrossing", "MultiHeadAttention", "GroupedQueryAttention", "LSTMCell", "GRUCell", "SimpleRNNCell",
    "StackedRNNCells",
}  # fmt: skip


def data(make, shape):
    random = np.random.default_rng(0)
    x = random.normal(size=(14, *shape[1:])).astype("float32")
    return random.integers(0, 5, x.shape) if type(make()).__name__ == "Embedding" else x


def trained(make, shapes, jit_compile):
    """All numbers of a model after seven steps of each of two shapes."""
    keras.utils.set_random_seed(1)
    several = isinstance(shapes, list)
    inputs = [keras.Input(shape[1:]) for shape in (shapes if several else [shapes])]
    hidden = make()(inputs if several else inputs[0])
    hidden = layers.Flatten()(hidden) if len(hidden.shape) > 2 else hidden
    model = keras.Model(inputs if several else inputs[0], layers.Dense(3)(hidden))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"], jit_compile=jit_compile)
    x = [data(make, shape) for shape in shapes] if several else data(make, shapes)
    labels = np.random.default_rng(1).integers(0, 3, 14)
    history = model.fit(x, labels, batch_size=8, epochs=7, verbose=0).history
    return model, [history, *model.get_weights(), *(buffer.numpy() for buffer in model.buffers()), torch.rand(1)]


@pytest.mark.parametrize("case", [*MORE, *TABLE, *SEVERAL])
@pytest.mark.filterwarnings("ignore:Layer .flatten.*was passed an input with a mask")
def test_it_trains_to_the_same_bits(case):
    make, shapes = (MORE | TABLE | SEVERAL)[case]
    _, expected = trained(make, shapes, False)
    model, got = trained(make, shapes, "captured")
    captured = model._trainer.reports["fit"].ran
    assert captured.refusal is None
    assert captured.replayed >= 6  # a layer that adds its first loss has the step made again
    assert got[0] == expected[0]
    for one, other in zip(got[1:], expected[1:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_layer_is_left_out():
    made = {type(make()).__name__ for make, _ in (MORE | TABLE | SEVERAL).values()}
    public = {value.__name__ for value in vars(layers).values() if inspect.isclass(value)}
    assert public - made - LEFT_OUT == set()
