"""Sequences of rows, labels and text of `keras.utils` against real Keras."""

import numpy as np
import pytest

from tests.parity.oracle import assert_close, keras
from torchkeras_shim import backend, utils


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([0, 1, 2], None),
        ([[0], [3]], 5),
        ([[0, 1], [2, 1]], None),
        (np.array([1.7, 0.2]), 3),
        (np.array(2), 4),
        ([-1, 0], 3),
        (np.zeros((2, 3, 1), "uint8"), 2),
    ],
)
def test_to_categorical(labels, classes):
    ours, theirs = utils.to_categorical(labels, classes), keras.utils.to_categorical(labels, classes)
    np.testing.assert_array_equal(ours, theirs)
    assert ours.dtype == theirs.dtype


@pytest.mark.parametrize("order", [1, 2, 3, np.inf])
@pytest.mark.parametrize("axis", [-1, 1])
def test_normalize_arrays(order, axis):
    x = np.array([[[1.0, -2.0], [0.0, 0.0]], [[3.0, 4.0], [5.0, 0.5]]])
    assert_close(utils.normalize(x, axis, order), keras.utils.normalize(x, axis, order))


def test_normalize_along_the_first_axis():
    x = np.array([[1.0, -2.0, 2.0], [4.0, 0.5, 0.0]])  # Keras itself mistakes axis 0 for the last one here
    np.testing.assert_allclose(np.linalg.norm(utils.normalize(x, axis=0), axis=0), 1.0)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("axis", [-1, 0])
def test_normalize_tensors(order, axis):
    import torch

    x = np.array([[1.0, -2.0, 2.0], [4.0, 0.5, 0.0], [0, 0, 0]], "float32")
    theirs = keras.utils.normalize(keras.ops.convert_to_tensor(x), axis, order)
    assert_close(utils.normalize(torch.from_numpy(x), axis, order), theirs)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "int8", "uint32", "bool"])
def test_dtype_questions(dtype):
    assert backend.is_float_dtype(dtype) == keras.backend.is_float_dtype(dtype)
    assert backend.is_int_dtype(dtype) == keras.backend.is_int_dtype(dtype)


@pytest.mark.parametrize("x", [1, [1], (1,), {"a": 1}])
def test_pack(x):
    for arguments in ((x,), (x, 2), (x, 2, 3), (x, None, 3)):
        assert utils.pack_x_y_sample_weight(*arguments) == keras.utils.pack_x_y_sample_weight(*arguments)


@pytest.mark.parametrize("data", [1, (1,), [1, 2], (1, 2, 3), {"a": 1}, None])
def test_unpack(data):
    assert utils.unpack_x_y_sample_weight(data) == keras.utils.unpack_x_y_sample_weight(data)


@pytest.mark.parametrize("data", [(), (1, 2, 3, 4)])
def test_unpack_errors(data):
    for library in (utils, keras.utils):
        with pytest.raises(ValueError, match="Data is expected to be in format"):
            library.unpack_x_y_sample_weight(data)
