"""The functions of `keras.backend` before Keras 3, compared with those of Keras 2."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from tests.parity.oracle import imported, kept
from torchkeras_shim import backend as today
from torchkeras_shim import ops
from torchkeras_shim.compat.legacy import backend, names

keras2 = imported("tf_keras.src.backend")
public = imported("tf_keras.backend")

OURS = {**vars(today), **names.OWN["backend"]}
RANDOM = np.random.RandomState(0)
X = RANDOM.standard_normal((2, 3)).round(2).astype("float32")
Y = RANDOM.standard_normal((2, 3)).round(2).astype("float32")
P = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]], "float32")
T = np.array([[0, 1, 0], [0, 0, 1]], "float32")
CUBE = RANDOM.standard_normal((2, 3, 4)).round(2).astype("float32")
IMAGE = RANDOM.standard_normal((1, 4, 4, 2)).round(2).astype("float32")
SERIES = RANDOM.standard_normal((1, 5, 2)).round(2).astype("float32")
VOLUME = RANDOM.standard_normal((1, 3, 2, 3, 2)).round(2).astype("float32")
SPELLED = np.array([[0.1, 0.6, 0.3], [0.2, 0.1, 0.7], [0.7, 0.2, 0.1]], "float32")


def _draw(*shape):
    return RANDOM.standard_normal(shape).round(2).astype("float32")


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
    ("batch_dot", (CUBE, CUBE[:, 0]), {}),
    ("batch_dot", (_draw(2, 5, 3, 4), _draw(2, 4, 6)), {}),
    ("batch_dot", (_draw(2, 5, 3, 4), _draw(2, 7, 3, 6)), {"axes": [2, 2]}),
    ("batch_dot", (CUBE, _draw(2, 3)), {"axes": 1}),
    ("l2_normalize", (CUBE,), {"axis": [0, 2]}),
    ("ones_like", (X,), {"dtype": "int32"}),
    ("zeros_like", (X,), {"dtype": "bool"}),
    ("is_sparse", (X,), {}),
    ("to_dense", (X,), {}),
    ("bias_add", (IMAGE, _draw(4, 4, 2)), {}),
    ("bias_add", (IMAGE, _draw(4, 2, 4)), {"data_format": "channels_first"}),
    ("bias_add", (SERIES, _draw(2)), {}),
    ("conv1d", (SERIES, _draw(2, 2, 1)), {"padding": "same", "strides": 2}),
    ("conv1d", (SERIES, _draw(2, 2, 1)), {"dilation_rate": 2, "padding": "causal"}),
    ("conv2d", (IMAGE, _draw(3, 3, 2, 1)), {"padding": "same", "dilation_rate": (2, 2)}),
    ("conv3d", (VOLUME, _draw(2, 2, 2, 2, 1)), {"padding": "same", "strides": (2, 1, 1)}),
    ("conv2d_transpose", (IMAGE, _draw(3, 2, 5, 2), (1, 9, 8, 5)), {"strides": (2, 2)}),
    ("conv2d_transpose", (IMAGE, _draw(2, 2, 3, 2), (1, 9, 9, 3)), {"strides": (2, 2)}),
    ("conv2d_transpose", (IMAGE, _draw(3, 3, 1, 2), (1, 8, 7, 1)), {"strides": (2, 2), "padding": "same"}),
    ("conv2d_transpose", (IMAGE, _draw(2, 2, 1, 2), (1, 4, 4, 1)), {"dilation_rate": (2, 2), "padding": "same"}),
    ("depthwise_conv2d", (IMAGE, _draw(2, 2, 2, 2)), {"padding": "same"}),
    ("separable_conv2d", (IMAGE, _draw(2, 2, 2, 2), _draw(1, 1, 4, 3)), {"strides": (2, 2)}),
    ("local_conv1d", (SERIES, _draw(4, 4, 3), (2,), (1,)), {}),
    ("local_conv1d", (SERIES.transpose(0, 2, 1).copy(), _draw(2, 6, 3), (3,), (2,)), {"data_format": "channels_first"}),
    ("local_conv2d", (IMAGE, _draw(6, 12, 2), (2, 3), (1, 1), (3, 2)), {}),
    ("local_conv2d", (IMAGE[:, :, :3].transpose(0, 3, 1, 2).copy(), _draw(4, 8, 2), (2, 2), (2, 1), (2, 2)),
     {"data_format": "channels_first"}),
    ("pool3d", (VOLUME, (2, 2, 2)), {}),
    ("pool3d", (VOLUME, (2, 2, 2)), {"padding": "same", "strides": (2, 2, 2), "pool_mode": "avg"}),
    ("pool2d", (IMAGE, (3, 3)), {"padding": "same", "pool_mode": "avg"}),
    ("resize_volumes", (VOLUME, 2, 1, 3, "channels_last"), {}),
    ("resize_volumes", (VOLUME, 2, 1, 3, "channels_first"), {}),
    ("resize_images", (IMAGE, 2, 3, "channels_first"), {}),
    ("spatial_2d_padding", (IMAGE,), {"padding": ((0, 1), (2, 0)), "data_format": "channels_first"}),
    ("spatial_3d_padding", (VOLUME,), {"padding": ((0, 1), (2, 0), (1, 1))}),
    ("batch_normalization", (IMAGE, _draw(2), P[0, :2], _draw(2), _draw(2)), {}),
    ("batch_normalization", (IMAGE, _draw(4), P.ravel()[:4], _draw(4), _draw(4)), {"axis": 1, "epsilon": 0.1}),
    ("binary_focal_crossentropy", (T, P), {}),
    ("binary_focal_crossentropy", (T, X), {"from_logits": True, "apply_class_balancing": True, "gamma": 1.0}),
    ("categorical_focal_crossentropy", (T, P), {}),
    ("categorical_focal_crossentropy", (T, X), {"from_logits": True, "alpha": 0.5}),
    ("sparse_categorical_crossentropy", (np.array([1, -1]), P), {"ignore_class": -1}),
    ("categorical_crossentropy", (np.abs(CUBE), np.abs(CUBE)), {"axis": 1}),
    ("switch", (np.array([[True], [False]]), X, Y), {}),
    ("switch", (np.array(False), X, Y), {}),
    ("relu", (X,), {"max_value": 0.5}),
    ("arange", (5, 1, -2), {}),
    ("cast_to_floatx", ([1, 2],), {}),
    ("elu", (CUBE, 2.0), {}),
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
    return found if isinstance(found, (str, int, tuple, bool)) else np.asarray(found)


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


def test_every_public_name_takes_what_it_took():
    theirs = kept(_parameters, public)
    assert len(theirs) > 140
    for name, parameters in theirs.items():
        assert name in OURS, name
        function = OURS[name]
        if parameters is not None:
            given = inspect.signature(function).bind(*parameters[: _needed(function)]).arguments  # takes as many
            assert len(given) <= len(parameters)
            accepted = inspect.signature(function).parameters
            if not any(one.kind is one.VAR_KEYWORD for one in accepted.values()):
                assert set(parameters) - {"kwargs"} <= set(accepted), name


def _needed(function):
    return sum(
        one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD
        for one in inspect.signature(function).parameters.values()
    )


def _parameters(public):
    import inspect

    found = {}
    for name in sorted(dir(public)):
        value = getattr(public, name)
        if not name.startswith("_"):
            found[name] = list(inspect.signature(value).parameters) if callable(value) else None
    return found


RNN_CASES = [
    {},
    {"go_backwards": True},
    {"mask": [[1, 1, 0, 1], [1, 0, 0, 0]]},
    {"mask": [[0, 1, 0, 1], [1, 0, 0, 0]], "zero_output_for_mask": True},
    {"mask": [[1, 1, 0, 1], [1, 0, 0, 0]], "go_backwards": True, "unroll": True},
    {"mask": [[1, 1, 0, 1], [1, 0, 0, 0]], "return_all_outputs": False},
    {"return_all_outputs": False},
    {"time_major": True},
    {"constants": [2.0]},
]


def _rnn(rnn, convert, options):
    x = np.linspace(-1, 1, 24).reshape(2, 4, 3).astype("float32")
    options = dict(options)
    if "mask" in options:
        options["mask"] = convert(np.array(options["mask"], bool))
    if "constants" in options:
        options["constants"] = [convert(np.array(options["constants"], "float32"))]
    state = convert(np.zeros((4 if options.get("time_major") else 2, 3), "float32"))

    def step(inputs, states):
        new = states[0] * 0.5 + inputs
        return new * (states[1] if len(states) > 1 else 3.0), [new]

    last, outputs, states = rnn(step, convert(x), [state], **options)
    return [np.asarray(last), np.asarray(outputs), np.asarray(states[0])]


def _their_rnn(keras2, options):
    import tensorflow as tf

    return _rnn(keras2.rnn, tf.constant, options)


@pytest.mark.parametrize("options", RNN_CASES, ids=str)
def test_rnn(options):
    ours = _rnn(OURS["rnn"], ops.convert_to_tensor, options)
    for a, b in zip(ours, kept(_their_rnn, keras2, options), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def _decoded(keras2, greedy):
    import tensorflow as tf

    probabilities = tf.constant(np.stack([SPELLED, SPELLED[::-1]]))
    labels, scores = keras2.ctc_decode(probabilities, tf.constant([3, 2]), greedy, beam_width=5, top_paths=2 - greedy)
    return [np.asarray(one) for one in labels], np.asarray(scores)


@pytest.mark.parametrize("greedy", [True, False])
def test_ctc_decode(greedy):
    labels, scores = OURS["ctc_decode"](
        np.stack([SPELLED, SPELLED[::-1]]), [3, 2], greedy, beam_width=5, top_paths=2 - greedy
    )
    their_labels, their_scores = kept(_decoded, keras2, greedy)
    for a, b in zip(labels, their_labels, strict=True):
        np.testing.assert_array_equal(a[:, : b.shape[1]], b)
        assert str(a.dtype) == "torch.int64"
        assert (a[:, b.shape[1] :] == -1).all()
    np.testing.assert_allclose(scores, their_scores, rtol=1e-4, atol=1e-4)


def _folded(keras2, convert):
    return [
        np.asarray(one)
        for one in (
            keras2["map_fn"](lambda row: row * 2, convert(X)),
            keras2["foldl"](lambda a, b: a * 2 + b, convert(X)),
            keras2["foldr"](lambda a, b: a * 2 + b, convert(X), convert(Y[0])),
            *keras2["normalize_batch_in_training"](convert(CUBE), convert(X[0]), None, [0, 2]),
        )
    ]


def _their_folded(keras2):
    import tensorflow as tf

    return _folded(vars(keras2), tf.constant)


def test_folds_and_statistics():
    ours = _folded(OURS, ops.convert_to_tensor)
    for a, b in zip(ours, kept(_their_folded, keras2), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_labels_as_a_sparse_tensor():
    found = OURS["ctc_label_dense_to_sparse"](np.array([[1, 2, 0], [3, 0, 0]]), np.array([2, 1]))
    assert found.indices().T.tolist() == [[0, 0], [0, 1], [1, 0]]
    assert found.values().tolist() == [1, 2, 3]
    assert OURS["to_dense"](found).tolist() == [[1, 2, 0], [3, 0, 0]]
