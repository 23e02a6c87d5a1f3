"""The functions of `keras.backend` before Keras 3, compared with those of Keras 2."""

from __future__ import annotations

import numpy as np
import pytest

from tests.parity.oracle import imported, kept
from torchkeras_shim import ops
from torchkeras_shim.compat.legacy import backend, backend_nn

keras2 = imported("tf_keras.src.backend")

OURS = {**backend.NAMES, **backend_nn.NAMES}
RANDOM = np.random.RandomState(0)
X = RANDOM.standard_normal((2, 3)).round(2).astype("float32")
Y = RANDOM.standard_normal((2, 3)).round(2).astype("float32")
P = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]], "float32")
T = np.array([[0, 1, 0], [0, 0, 1]], "float32")
CUBE = RANDOM.standard_normal((2, 3, 4)).round(2).astype("float32")
IMAGE = RANDOM.standard_normal((1, 4, 4, 2)).round(2).astype("float32")
SERIES = RANDOM.standard_normal((1, 5, 2)).round(2).astype("float32")
B = np.array([[True, False, True], [True, True, True]])

REDUCTIONS = ("all", "any", "logsumexp", "max", "mean", "min", "prod", "std", "sum", "var")
UNARY = (
    "abs batch_flatten cos exp flatten hard_sigmoid identity l2_normalize ones_like relu round sigmoid sign sin "
    "softmax softplus softsign sqrt square tanh transpose zeros_like elu argmax argmin cumsum cumprod expand_dims ndim "
    "count_params int_shape shape dtype cast_to_floatx eval"
)
CASES = [
    *[(name, (B if name in ("all", "any") else X,), {}) for name in REDUCTIONS],
    *[(name, (X,), {"axis": 1, "keepdims": True}) for name in REDUCTIONS],
    *[(name, (CUBE,), {"axis": [0, -1]}) for name in ("max", "mean", "std", "sum", "logsumexp")],
    ("mean", (B,), {}),
    *[(name, (X,), {}) for name in UNARY.split()],
    ("log", (P,), {}),
    *[(name, (X, Y), {}) for name in ("equal", "greater", "less_equal", "maximum", "minimum", "not_equal")],
    ("maximum", (), {"x": X, "y": Y}),
    ("round", (np.array([0.5, 1.5, -0.5, 2.4], "float32"),), {}),
    ("pow", (X, 2), {}),
    ("pow", (X,), {"a": 3}),
    ("clip", (X, -0.5, 0.5), {}),
    ("clip", (X, None, 0.5), {}),
    ("clip", (X, 0.0, None), {}),
    ("clip", (X, 1.0, -1.0), {}),
    ("cast", (X, "int32"), {}),
    ("argmax", (X,), {"axis": 0}),
    ("cumsum", (X,), {"axis": 1}),
    ("softmax", (CUBE,), {"axis": 1}),
    ("l2_normalize", (X,), {"axis": 1}),
    ("relu", (X,), {"alpha": 0.1, "max_value": 0.5, "threshold": 0.2}),
    ("elu", (X, 0.5), {}),
    ("dot", (X, Y.T), {}),
    ("dot", (CUBE, RANDOM.standard_normal((4, 2)).astype("float32")), {}),
    ("dot", (X, RANDOM.standard_normal((2, 3, 4)).astype("float32")), {}),
    ("batch_dot", (X, Y), {"axes": 1}),
    ("batch_dot", (CUBE, CUBE), {"axes": (2, 2)}),
    ("batch_dot", (CUBE, CUBE), {"axes": 1}),
    ("batch_dot", (CUBE, X), {"axes": (1, 1)}),
    ("batch_dot", (CUBE, CUBE.transpose(0, 2, 1).copy()), {}),
    ("gather", (CUBE, np.array([1, 0, 1])), {}),
    ("concatenate", ([X, Y],), {}),
    ("concatenate", ([X, Y],), {"axis": 0}),
    ("stack", ([X, Y],), {"axis": 1}),
    ("reshape", (X, (3, 2)), {}),
    ("reshape", (X, [-1]), {}),
    ("permute_dimensions", (CUBE, (0, 2, 1)), {}),
    ("permute_dimensions", (CUBE,), {"pattern": [2, 0, 1]}),
    ("tile", (X, (2, 1)), {}),
    ("tile", (X,), {"n": [1, 2]}),
    ("repeat", (X, 3), {}),
    ("repeat_elements", (X, 2), {"axis": 1}),
    ("reverse", (CUBE, 1), {}),
    ("reverse", (CUBE, [0, 2]), {}),
    ("squeeze", (IMAGE, 0), {}),
    ("expand_dims", (X, 1), {}),
    ("arange", (4,), {}),
    ("arange", (1, 7, 2), {"dtype": "float32"}),
    ("one_hot", (np.array([[0, 2]]), 3), {}),
    ("eye", (2,), {}),
    ("zeros", ((2, 1),), {}),
    ("ones", ((2, 1),), {"dtype": "int32"}),
    ("constant", ([1, 2],), {}),
    ("constant", (2,), {"shape": (2, 2), "dtype": "int32"}),
    ("binary_crossentropy", (T, P), {}),
    ("binary_crossentropy", (T, X), {"from_logits": True}),
    ("categorical_crossentropy", (T, P), {}),
    ("categorical_crossentropy", (T, 2 * P), {}),
    ("categorical_crossentropy", (T, X), {"from_logits": True}),
    ("sparse_categorical_crossentropy", (np.array([1, 2]), P), {}),
    ("in_top_k", (P, np.array([2, 0]), 2), {}),
    ("bias_add", (IMAGE, np.array([1.0, 2.0], "float32")), {}),
    ("bias_add", (IMAGE, np.arange(4, dtype="float32")), {"data_format": "channels_first"}),
    ("conv1d", (SERIES, RANDOM.standard_normal((2, 2, 1)).astype("float32")), {"padding": "causal"}),
    ("conv2d", (IMAGE, RANDOM.standard_normal((2, 2, 2, 1)).astype("float32")), {"strides": (2, 2)}),
    ("pool2d", (IMAGE, (2, 2)), {}),
    ("pool2d", (IMAGE, (2, 2)), {"strides": (2, 2), "pool_mode": "avg"}),
    ("resize_images", (IMAGE, 2, 1, "channels_last"), {}),
    ("resize_images", (IMAGE, 2, 2, "channels_last"), {"interpolation": "bilinear"}),
    ("temporal_padding", (SERIES,), {"padding": (1, 2)}),
    ("spatial_2d_padding", (IMAGE,), {"padding": ((0, 1), (2, 0))}),
    ("switch", (np.array(True), X, Y), {}),
    ("switch", (X > 0, X, Y), {}),
    ("in_train_phase", (X, Y), {"training": 1}),
    ("in_test_phase", (X, Y), {"training": 1}),
    ("ctc_batch_cost", (np.array([[0], [1]]), np.stack([P, P]), np.array([[2], [2]]), np.array([[1], [1]])), {}),
]  # fmt: skip


def _as(convert, args):
    return tuple(
        [convert(one) for one in arg] if isinstance(arg, list) and isinstance(arg[0], np.ndarray)
        else convert(arg) if isinstance(arg, np.ndarray) else arg
        for arg in args
    )  # fmt: skip


def _theirs(keras2, name, args, kwargs):
    import tensorflow as tf

    kwargs = {key: tf.constant(value) if isinstance(value, np.ndarray) else value for key, value in kwargs.items()}
    found = getattr(keras2, name)(*_as(tf.constant, args), **kwargs)
    return found if isinstance(found, (str, int, tuple)) else np.asarray(found)


@pytest.mark.parametrize(("name", "args", "kwargs"), CASES, ids=[f"{i}-{name}" for i, (name, *_) in enumerate(CASES)])
def test_value(name, args, kwargs):
    theirs = kept(_theirs, keras2, name, args, kwargs)
    kwargs = {key: ops.convert_to_tensor(v) if isinstance(v, np.ndarray) else v for key, v in kwargs.items()}
    ours = OURS[name](*_as(ops.convert_to_tensor, args), **kwargs)
    if isinstance(theirs, str):
        assert ours == theirs
        return
    ours = backend.get_value(ours)
    assert ours.shape == np.shape(theirs)
    assert (ours.dtype.kind == "f") == (np.asarray(theirs).dtype.kind == "f")
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
