"""Spectrograms against Keras's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
import torch._dynamo  # before Keras, see test_layers

from tests.parity import layer_checks as checks
from tests.parity.layer_cases import AUDIO_CASES, SAMPLES, SHORT
from tests.parity.oracle import assert_close, keras
from torchkeras_shim import layers

IDS = [f"{name}-{index}" for index, (name, _, _) in enumerate(AUDIO_CASES)]
every_case = pytest.mark.parametrize(("name", "arguments", "shape"), AUDIO_CASES, ids=IDS)


@every_case
def test_weights(name, arguments, shape):
    checks.check_weights(name, arguments, shape)


@every_case
def test_outputs_and_gradients(name, arguments, shape):
    checks.check_outputs_and_gradients(name, arguments, shape, False)


@every_case
def test_config(name, arguments, shape):
    checks.check_config(name, arguments, shape)


@every_case
def test_static_shape_and_type(name, arguments, shape):
    checks.check_static_shape_and_type(name, arguments, shape)


@every_case
def test_other_types(name, arguments, shape):
    checks.check_float64(name, arguments, shape)
    checks.check_half(name, arguments, shape)


def test_angles():
    arguments = {"mode": "angle", "frame_length": 8, "scaling": None}
    x = checks.inputs_of("STFTSpectrogram", (2, 24, 1))
    ours, theirs = layers.STFTSpectrogram(**arguments)(x), keras.layers.STFTSpectrogram(**arguments)(x)
    # An imaginary part that is zero but for rounding says nothing of the angle's sign.
    for function in (np.sin, np.cos):
        assert_close(function(ours.detach().numpy()), function(np.asarray(theirs)), atol=1e-4)


def test_one_signal_without_a_batch():
    x = checks.inputs_of("MelSpectrogram", SAMPLES)[0]
    assert_close(layers.MelSpectrogram(**SHORT)(x), keras.layers.MelSpectrogram(**SHORT)(x), rtol=1e-4, atol=1e-4)
    x = (x * 100).astype("int16")
    assert_close(layers.MelSpectrogram(**SHORT)(x), keras.layers.MelSpectrogram(**SHORT)(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("arguments", [(), (10, 17, 16000, 0.0, 8000.0), (3, 5, 100, 1.0, 30.0)])
def test_mel_matrix(arguments):
    ours, theirs = (one.MelSpectrogram().linear_to_mel_weight_matrix(*arguments) for one in (layers, keras.layers))
    assert_close(ours, theirs, atol=1e-5)


def test_silence_is_trained_through():
    """Powers of zero have a slope: the one of a square, not of a root."""
    layer = layers.MelSpectrogram(**SHORT, power_to_db=False)
    x = torch.zeros(1, 50, requires_grad=True)
    layer(x).sum().backward()
    assert torch.equal(x.grad, torch.zeros(1, 50))


def test_settings_changed_after_a_call_count():
    layer, x = layers.MelSpectrogram(**SHORT), torch.from_numpy(checks.inputs_of("MelSpectrogram", SAMPLES))
    layer(x)
    layer.min_freq = 2000.0
    assert torch.equal(layer(x), layers.MelSpectrogram(**SHORT, min_freq=2000.0)(x))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("STFTSpectrogram", {"mode": "power"}),
        ("STFTSpectrogram", {"frame_length": 8, "frame_step": 9}),
        ("STFTSpectrogram", {"frame_length": 8, "frame_step": 0}),
        ("STFTSpectrogram", {"frame_length": 8, "fft_length": 4}),
        ("STFTSpectrogram", {"scaling": "log"}),
        ("STFTSpectrogram", {"padding": "causal"}),
        ("STFTSpectrogram", {"window": "no such window"}),
        ("STFTSpectrogram", {"data_format": "last"}),
        ("MelSpectrogram", {"fft_length": 8, "sequence_length": 9}),
    ],
)
def test_wrong_arguments(name, arguments):
    for library in (layers, keras.layers):
        with pytest.raises(ValueError):
            getattr(library, name)(**arguments)


def test_wrong_inputs():
    for library in (layers, keras.layers):
        with pytest.raises(TypeError, match="Invalid input type"):
            library.STFTSpectrogram(frame_length=4)(np.ones((1, 8, 1), "int32"))
        with pytest.raises(ValueError):
            library.STFTSpectrogram(frame_length=4)(np.ones((1, 8), "float32"))
        with pytest.raises(ValueError, match="window"):
            library.STFTSpectrogram(frame_length=4, window=[1.0, 2.0])(np.ones((1, 8, 1), "float32"))
        with pytest.raises(ValueError, match="window"):
            library.MelSpectrogram(**SHORT, window=[1.0, 2.0])(np.ones((50,), "float32"))


@pytest.mark.parametrize("library", [layers, keras.layers])
def test_a_length_that_is_not_a_power_of_two_warns(library):
    with pytest.warns(UserWarning, match="recommended to be a power of two"):
        library.STFTSpectrogram(frame_length=8, fft_length=9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        library.STFTSpectrogram(frame_length=8, fft_length=8)
