"""Arguments that no layer can be made with are refused where they are given, by name."""

import numpy as np
import pytest

import torchkeras_shim as keras
from torchkeras_shim import layers

REFUSED = {
    "filters": (lambda value: layers.Conv2D(value, 3), ["3", 2.5, True, -1, 0, None, float("nan")]),
    "filters of a transposed one": (lambda value: layers.Conv1DTranspose(value, 3), ["3", 2.5, True, 0]),
    "groups": (lambda value: layers.Conv2D(4, 3, groups=value), ["2", 0, 1.5]),
    "depth_multiplier": (lambda value: layers.DepthwiseConv2D(3, depth_multiplier=value), ["2", 0, 1.5]),
    "filters of a ConvLSTM": (lambda value: layers.ConvLSTM2D(value, 3), ["3", 2.5, True, 0]),
    "units": (layers.Dense, ["3", 2.5, True, -1, 0, None]),
    "units of an LSTM": (layers.LSTM, ["a", 2.5, True, 0, None]),
    "units of a GRU": (layers.GRU, ["a", 2.5, True, 0, None]),
    "units of a SimpleRNN": (layers.SimpleRNN, ["a", 2.5, True, 0, None]),
    "dropout": (lambda value: layers.LSTM(2, dropout=value), ["a", None]),
    "rate": (layers.Dropout, ["a", None, True, 1.5, -0.1, float("nan")]),
    "rate of channels": (layers.SpatialDropout1D, ["a", 1.5]),
    "rate of noise": (layers.GaussianDropout, ["a", None, 1.5]),
    "n": (layers.RepeatVector, ["3", 2.5, True, 0]),
    "trainable": (lambda value: layers.Dense(1, trainable=value), [5, "a", None]),
}
CASES = [(name, value) for name, (_, values) in REFUSED.items() for value in values]


@pytest.mark.parametrize(("name", "value"), CASES, ids=str)
def test_what_cannot_be_is_refused(name, value):
    with pytest.raises((ValueError, TypeError), match=name.split()[0]) as caught:
        REFUSED[name][0](value)
    assert repr(value) in str(caught.value) or str(value) in str(caught.value)


def test_integers_of_numpy_are_integers():
    assert layers.Conv2D(np.int64(3), 3).filters == 3
    assert layers.LSTM(np.int32(3)).units == 3
    assert layers.Dropout(np.float32(0.5)).rate == 0.5


def test_a_recurrent_layer_on_a_last_step_says_what_to_write():
    with pytest.raises(ValueError, match="expected ndim=3, found ndim=2") as caught:
        keras.Sequential([keras.Input((5, 3)), layers.LSTM(4), layers.LSTM(4)])
    assert "return_sequences=True" in str(caught.value)


def test_a_call_without_a_result_is_named():
    class Forgetful(layers.Layer):
        def call(self, x):
            x + 1.0

    with pytest.raises(ValueError, match=r"'forgetful'.*Its `call` returned None"):
        keras.Sequential([keras.Input((5,)), Forgetful(name="forgetful")])


def test_a_variable_takes_the_name_of_an_initializer():
    variable = keras.Variable("ones", shape=(2, 3), dtype="float32")
    np.testing.assert_array_equal(variable.numpy(), np.ones((2, 3)))
    with pytest.raises(ValueError, match="shape"):
        keras.Variable("ones")
