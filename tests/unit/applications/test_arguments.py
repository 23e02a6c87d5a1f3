"""Arguments of `keras.applications` that Keras does not look at: what is wrong is said before a layer is built."""

import numpy as np
import pytest

import torchkeras_shim as keras

NAN = float("nan")


@pytest.mark.parametrize("function", ["MobileNet", "MobileNetV2", "MobileNetV3Small", "VGG16"])
@pytest.mark.parametrize(
    ("shape", "error", "words"),
    [
        (32, TypeError, "must be a tuple of three integers. Received: input_shape=32"),
        ("abc", TypeError, "Received: input_shape='abc'"),
        (("a", 32, 3), TypeError, r"Received: input_shape=\('a', 32, 3\)"),
        ((32.5, 32, 3), TypeError, r"Received: input_shape=\(32.5, 32, 3\)"),
        ((32, 32, 0), ValueError, "at least one row, one column and one channel.*without the batch"),
    ],
    ids=repr,
)
def test_a_shape_that_is_none(function, shape, error, words):
    with pytest.raises(error, match=words):
        getattr(keras.applications, function)(weights=None, include_top=False, input_shape=shape)


@pytest.mark.parametrize("function", ["MobileNet", "MobileNetV2", "MobileNetV3Large"])
@pytest.mark.parametrize(
    ("alpha", "error"), [("x", TypeError), (None, TypeError), (NAN, ValueError), (float("inf"), ValueError)], ids=repr
)
def test_an_alpha_that_is_not_a_width(function, alpha, error):
    with pytest.raises(error, match=f"`alpha` must be .*alpha={alpha!r}.*write for example alpha=1.0"):
        getattr(keras.applications, function)(weights=None, alpha=alpha, input_shape=(32, 32, 3), include_top=False)


def test_sizes_of_numpy_and_lists_are_sizes():
    model = keras.applications.MobileNet(
        weights=None, include_top=False, alpha=np.float32(0.25), input_shape=[np.int64(32), np.int32(40), 3]
    )
    assert model.input_shape == (None, 32, 40, 3)
