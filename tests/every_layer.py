"""Each layer in a small model, for tests that ask the same of every one of them."""

from __future__ import annotations

import inspect

import numpy as np
import torch

import torchkeras_shim as keras
from tests.parity.layer_cases import AUDIO_CASES, CASES, COLOR_CASES, MERGES, MORE_CASES
from torchkeras_shim import layers

STEPS = (2, 5, 4)
PIXELS = (2, 6, 6, 2)
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
    "IntegerLookup": (lambda: layers.IntegerLookup(vocabulary=[0, 1, 2], output_mode="multi_hot"), (14, 3)),
    "Pipeline": (lambda: layers.Pipeline([layers.RandomInvert(value_range=(0, 1)), layers.RandomFlip()]), PIXELS),
    "RandomCrop": (lambda: layers.RandomCrop(6, 6), PIXELS),
    "RandomElasticTransform": (lambda: layers.RandomElasticTransform(seed=1), PIXELS),
    "RandomErasing": (lambda: layers.RandomErasing(), PIXELS),
    "RandomFlip": (lambda: layers.RandomFlip(), PIXELS),
    "RandomFlip, with a seed": (lambda: layers.RandomFlip(seed=3), PIXELS),
    "RandomPerspective": (lambda: layers.RandomPerspective(), PIXELS),
    "RandomRotation": (lambda: layers.RandomRotation(0.1), PIXELS),
    "RandomShear": (lambda: layers.RandomShear(0.2, 0.1, seed=1), PIXELS),
    "RandomTranslation": (lambda: layers.RandomTranslation(0.2, 0.1, interpolation="nearest"), PIXELS),
    "RandomZoom": (lambda: layers.RandomZoom(0.2, fill_mode="constant"), PIXELS),
    "TorchModuleWrapper": (lambda: layers.TorchModuleWrapper(torch.nn.BatchNorm1d(5)), STEPS),
}


def called(layer):
    """A function of a list of inputs from a layer that takes them one by one."""
    return lambda inputs: layer(*inputs)


TABLE = {
    f"{number} {name}": (lambda name=name, arguments=arguments: getattr(layers, name)(**arguments), shape)
    for number, (name, arguments, shape) in enumerate([*CASES, *MORE_CASES, *AUDIO_CASES, *COLOR_CASES])
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
    "AugMix", "RandAugment",  # they choose on the host
    "FlaxLayer", "InputLayer", "InputSpec", "JaxLayer", "Layer", "ReversibleEmbedding", "TFSMLayer", "Wrapper",
    "HashedCrossing", "MultiHeadAttention", "GroupedQueryAttention", "LSTMCell", "GRUCell", "SimpleRNNCell",
    "StackedRNNCells", "StringLookup", "TextVectorization",
}  # fmt: skip


#: By name: a function that makes the layer, and the shape of its input or a list of shapes.
EVERY_LAYER = MORE | TABLE | SEVERAL


def data(make, shape):
    random = np.random.default_rng(0)
    x = random.normal(size=(14, *shape[1:])).astype("float32")
    return random.integers(0, 5, x.shape) if type(make()).__name__ == "Embedding" else x


def compiled_model(make, shapes, jit_compile=False, optimizer=None):
    """A compiled classifier with the layer in it, and its inputs: 14 samples."""
    several = isinstance(shapes, list)
    inputs = [keras.Input(shape[1:]) for shape in (shapes if several else [shapes])]
    hidden = make()(inputs if several else inputs[0])
    hidden = layers.Flatten()(hidden) if len(hidden.shape) > 2 else hidden
    model = keras.Model(inputs if several else inputs[0], layers.Dense(3)(hidden))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer or keras.optimizers.Adam(0.01), loss, metrics=["accuracy"], jit_compile=jit_compile)
    return model, [data(make, shape) for shape in shapes] if several else data(make, shapes)


#: What the models are trained to say.
LABELS = np.random.default_rng(1).integers(0, 3, 14)


def names_without_a_model():
    """The public layers that no entry of the tables makes, apart from those that are left out."""
    made = {type(make()).__name__ for make, _ in EVERY_LAYER.values()}
    return {value.__name__ for value in vars(layers).values() if inspect.isclass(value)} - made - LEFT_OUT
