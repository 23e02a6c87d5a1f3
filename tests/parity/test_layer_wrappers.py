"""Layers that hold other layers or functions against Keras's: weights, outputs, gradients, configs, shapes, types."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
import torch._dynamo  # before Keras, see test_layers

from tests.parity import layer_checks as checks
from tests.parity.oracle import assert_close, keras
from torchkeras_shim import backend, layers
from torchkeras_shim.core.symbolic import KerasTensor

STEPS, IMAGES, FILMS = (3, 5, 4), (2, 6, 5, 3), (2, 3, 6, 5, 2)


def half(inputs):
    return inputs * 0.5


def scaled(inputs, by=1.0, training=None):
    return inputs * by if training else inputs + by


# Class, what makes it from the classes of either library, input shape.
CASES = [
    ("Bidirectional", lambda m: m.Bidirectional(m.LSTM(3, name="in"), name="it"), STEPS),
    (
        "Bidirectional",
        lambda m: m.Bidirectional(
            m.LSTM(3, return_sequences=True, name="on"),
            backward_layer=m.GRU(2, return_sequences=True, go_backwards=True, name="back"),
            name="it",
        ),
        STEPS,
    ),
    ("Bidirectional", lambda m: m.Bidirectional(m.RNN(m.GRUCell(2, name="c"), name="in"), "sum", name="it"), STEPS),
    ("Bidirectional", lambda m: m.Bidirectional(m.ConvLSTM1D(2, 2, name="in"), "ave", name="it"), (2, 3, 4, 2)),
    ("TimeDistributed", lambda m: m.TimeDistributed(m.Conv2D(2, 3, strides=2, name="in"), name="it"), FILMS),
    ("TimeDistributed", lambda m: m.TimeDistributed(m.LayerNormalization(name="in"), name="it"), STEPS),
    ("TimeDistributed", lambda m: m.TimeDistributed(m.Bidirectional(m.GRU(2), name="in"), name="it"), (2, 3, 4, 2)),
    ("TimeDistributed", lambda m: m.TimeDistributed(m.Flatten(name="in"), name="it"), FILMS),
    ("SpectralNormalization", lambda m: m.SpectralNormalization(m.Dense(3, name="in"), name="it"), STEPS),
    (
        "SpectralNormalization",
        lambda m: m.SpectralNormalization(m.Conv2D(2, 3, padding="same", name="in"), power_iterations=2, name="it"),
        IMAGES,
    ),
    ("RNN", lambda m: m.RNN(m.GRUCell(3, reset_after=False, name="c"), return_sequences=True, name="it"), STEPS),
    ("RNN", lambda m: m.RNN([m.LSTMCell(2, name="a"), m.LSTMCell(3, name="b")], name="it"), STEPS),
    (
        "StackedRNNCells",
        lambda m: m.RNN(
            m.StackedRNNCells([m.GRUCell(2, name="a"), m.SimpleRNNCell(3, name="b")], name="cells"), name="it"
        ),
        STEPS,
    ),
    (
        "StackedRNNCells",
        lambda m: m.RNN(
            m.StackedRNNCells([m.LSTMCell(2), m.LSTMCell(2)], name="c"), True, go_backwards=True, name="it"
        ),
        STEPS,
    ),
    ("Lambda", lambda m: m.Lambda(half, name="it"), STEPS),
    ("Lambda", lambda m: m.Lambda(scaled, arguments={"by": 3.0}, output_shape=(5, 4), name="it"), STEPS),
]
IDS = [f"{name}-{index}" for index, (name, _, _) in enumerate(CASES)]
every_case = pytest.mark.parametrize(("name", "build", "shape"), CASES, ids=IDS)


def pair(build, shape):
    """The same layer of ours and of Keras's, built, with equal weights."""
    backend.clear_session(free_memory=False)  # names that are made up count from the start in both
    keras.backend.clear_session()
    ours, theirs = build(layers), build(keras.layers)
    x = checks.inputs_of("", shape)
    ours(torch.from_numpy(x))
    theirs(x)
    random = np.random.RandomState(1)
    theirs.set_weights([(0.4 * random.standard_normal(w.shape)).astype("float32") for w in theirs.weights])
    ours.set_weights(theirs.get_weights())
    return ours, theirs, x


def without_build_config(config):
    """A config without the shapes that layers were built for: Keras notes them for layers without weights, too."""
    if isinstance(config, dict):
        return {key: without_build_config(value) for key, value in config.items() if key != "build_config"}
    return [without_build_config(value) for value in config] if isinstance(config, list) else config


@every_case
def test_weights_and_config(name, build, shape):
    ours, theirs, _ = pair(build, shape)
    for which in ("weights", "trainable_weights", "non_trainable_weights"):
        expected = [(v.name, tuple(v.shape)) for v in getattr(theirs, which)]
        assert [(v.name, tuple(v.shape)) for v in getattr(ours, which)] == expected, which
    if name == "Lambda":  # its function is not registered, and written down by each library as it finds it
        assert ours.get_config().keys() == theirs.get_config().keys()
        return
    assert without_build_config(ours.get_config()) == without_build_config(theirs.get_config())
    again = layers.deserialize(keras.layers.serialize(theirs))
    assert type(again) is type(ours)
    assert without_build_config(again.get_config()) == without_build_config(ours.get_config())
    assert [w.shape for w in again.weights] == [w.shape for w in ours.weights]
    back = keras.layers.deserialize(layers.serialize(ours))
    assert without_build_config(back.get_config()) == without_build_config(theirs.get_config())


@every_case
@pytest.mark.parametrize("training", [False, True])
def test_outputs_and_gradients(name, build, shape, training):
    ours, theirs, data = pair(build, shape)
    x = torch.from_numpy(data).requires_grad_()
    cotangent = np.random.RandomState(2).standard_normal(ours.compute_output_shape(shape)).astype("float32")
    if name == "SpectralNormalization":
        # Training changes the kernel itself, where Keras's gradient depends on its backend.
        assert_close(ours(x, training=training), theirs(data, training=training), rtol=1e-4, atol=2e-5)
        training = False
    y, moved, for_weights, for_input = checks.gradients_of_keras(theirs, data, cotangent, training)
    output = ours(x, training=training)
    assert_close(output, y, rtol=1e-4, atol=2e-5)
    (output * torch.from_numpy(cotangent)).sum().backward()
    for weight, expected in zip(ours.trainable_weights, for_weights, strict=True):
        assert_close(weight.grad, expected, rtol=1e-3, atol=1e-4, message=weight.path)
    for weight, expected in zip(ours.non_trainable_weights, moved, strict=True):
        assert_close(weight, expected, rtol=1e-4, atol=1e-5, message=weight.path)
    assert_close(x.grad, for_input, rtol=1e-3, atol=1e-4)


@every_case
def test_static_shape_and_types(name, build, shape):
    ours, theirs, x = pair(build, shape)
    symbolic = build(layers)(KerasTensor((None, *shape[1:])))
    expected = theirs(x)  # of its symbolic shape, that of a Bidirectional with unequal layers is wrong
    assert symbolic.shape == (None, *expected.shape[1:])
    assert symbolic.dtype == keras.backend.standardize_dtype(expected.dtype)
    output = ours(torch.from_numpy(x))
    assert ours.compute_output_shape(shape) == tuple(output.shape)
    for dtype in ("float64", "bfloat16"):
        wide = build(
            type("Typed", (), {key: functools.partial(getattr(layers, key), dtype=dtype) for key in LAYERS_WITH_TYPE})
        )
        wide(torch.from_numpy(x))
        wide.set_weights(ours.get_weights())
        result = wide(torch.from_numpy(x))
        assert str(result.dtype) == f"torch.{dtype}"
        assert {str(w.dtype) for w in wide.weights} <= {f"torch.{dtype}"}
        assert_close(result.float(), output, rtol=1e-4 if dtype == "float64" else 0.05, atol=0.05)


LAYERS_WITH_TYPE = {
    *(name for name, _, _ in CASES),
    *("LSTM", "GRU", "LSTMCell", "GRUCell", "SimpleRNNCell", "ConvLSTM1D"),
    *("Conv2D", "LayerNormalization", "Flatten", "Dense"),
}


def test_an_input_layer():
    for arguments in (
        {"shape": (3, None), "name": "it"},
        {"batch_shape": (2, 3), "dtype": "int32", "name": "it"},
        {"shape": (4,), "batch_size": 5, "optional": True, "name": "it"},
    ):
        ours, theirs = layers.InputLayer(**arguments), keras.layers.InputLayer(**arguments)
        assert ours.get_config() == theirs.get_config()
        assert (ours.output.shape, ours.output.dtype) == (tuple(theirs.output.shape), theirs.output.dtype)
        assert layers.deserialize(keras.layers.serialize(theirs)).get_config() == ours.get_config()
        assert keras.layers.deserialize(layers.serialize(ours)).get_config() == theirs.get_config()
