"""Layers that turn numbers and categories into what models compute with, compared with Keras on TensorFlow."""

from __future__ import annotations

import numpy as np
import pytest

import torchkeras_shim
from tests.parity.oracle import imported, kept, keras
from tests.parity.tensorflow.adaptable import answers, shape_of
from torchkeras_shim.core.text import StringTensor
from torchkeras_shim.ops import hashing

WORDS = ["a", "", "cat", "a somewhat longer name, of 40 bytes or so", "é" * 50, "x" * 64, "y" * 65, "z" * 300]
INTEGERS = [0, 1, -1, 12345, -99999999, 2**31 - 1]
FLOATS = np.random.RandomState(0).standard_normal((40, 3)).round(3).tolist()
LINE = [0.5, -1.0, 0.0, 1.0, 2.5, 1.5]

# Class, arguments, what it adapts to, inputs.
CASES = [
    ("Normalization", {}, FLOATS, [FLOATS[:3], [[1, 2, 3]]]),
    ("Normalization", {"axis": None}, FLOATS, [FLOATS[:3], [1.0]]),
    ("Normalization", {"axis": 0}, FLOATS, [FLOATS]),
    ("Normalization", {"axis": (0, 1)}, FLOATS, [FLOATS]),
    ("Normalization", {"axis": (1, 2)}, [FLOATS[:4], FLOATS[4:8]], [[FLOATS[:4]]]),
    ("Normalization", {"invert": True}, FLOATS, [FLOATS[:3]]),
    ("Normalization", {"dtype": "float64"}, FLOATS, [FLOATS[:3]]),
    ("Normalization", {}, [[1, 2], [3, 6]], [[[1, 2]]]),
    ("Normalization", {}, [[1.0, 2.0], [1.0, 4.0]], [[[1.0, 2.0], [3.0, 4.0]]]),
    ("Normalization", {"mean": 2.0, "variance": 4.0}, None, [[[4.0, 0.0]], [1.0, 2.0, 3.0]]),
    ("Normalization", {"mean": [1.0, 2.0], "variance": [4.0, 9.0]}, None, [[[4.0, 0.0]], [[[4.0, 0.0]]]]),
    ("Normalization", {"mean": [1.0, 2.0], "variance": [4.0, 9.0], "invert": True}, None, [[[4.0, 0.0]]]),
    ("Normalization", {"axis": (1, 2), "mean": [1.0, 2.0], "variance": [4.0, 9.0]}, None, [[[[4.0, 0.0]]]]),
    ("Normalization", {"mean": 1.0}, None, []),
    ("Normalization", {"mean": [1.0], "variance": [[1.0]]}, None, []),
    ("Normalization", {"mean": [[1.0]], "variance": [[1.0]]}, None, []),
    ("Normalization", {"axis": 3}, FLOATS, []),
    ("Discretization", {"bin_boundaries": [0.0, 1.0, 2.0]}, None, [[LINE], LINE, [[1], [2]], [[float("nan")]]]),
    ("Discretization", {"bin_boundaries": [0.0, 1.0], "output_mode": "one_hot"}, None, [[LINE], [[0.5], [2.0]], LINE]),
    ("Discretization", {"bin_boundaries": [0.0, 1.0], "output_mode": "multi_hot"}, None, [[LINE], LINE]),
    ("Discretization", {"bin_boundaries": [0.0, 1.0], "output_mode": "count"}, None, [[LINE], LINE, [[[0.5]]]]),
    ("Discretization", {"bin_boundaries": [0.0], "output_mode": "count", "dtype": "float64"}, None, [[LINE]]),
    ("Discretization", {"num_bins": 4}, FLOATS, [FLOATS[:4]]),
    ("Discretization", {"num_bins": 3, "epsilon": 0.1}, FLOATS, [FLOATS[:4]]),
    ("Discretization", {"num_bins": 5, "output_mode": "one_hot"}, FLOATS, [[[0.2]]]),
    ("Discretization", {"num_bins": 100}, LINE, [LINE]),
    ("Discretization", {"num_bins": 2}, [1, 2, 3, 4], [[1, 4]]),
    ("Discretization", {"num_bins": 4}, None, [LINE]),
    ("Discretization", {}, None, []),
    ("Discretization", {"num_bins": -1}, None, []),
    ("Discretization", {"num_bins": 2, "bin_boundaries": [1.0]}, None, []),
    ("Discretization", {"bin_boundaries": [1.0]}, LINE, []),
    ("Discretization", {"bin_boundaries": [1.0], "output_mode": "tf_idf"}, None, []),
    ("Discretization", {"bin_boundaries": [1.0], "sparse": True}, None, []),
    ("Discretization", {"bin_boundaries": [1.0], "output_mode": "count", "sparse": True}, None, [[LINE]]),
    ("CategoryEncoding", {"num_tokens": 4}, None, [[[0, 1], [3, 3]], [1, 2], 3, [[0, 9]], [[[1, 2], [3, 3]]]]),
    ("CategoryEncoding", {"num_tokens": 4, "output_mode": "one_hot"}, None, [[[0, 1], [3, 3]], [1, 2], [[2], [0]], 2]),
    ("CategoryEncoding", {"num_tokens": 4, "output_mode": "count"}, None, [[[0, 1], [3, 3]], [1, 1], [[9, 0]]]),
    ("CategoryEncoding", {"num_tokens": 4, "output_mode": "binary", "dtype": "int32"}, None, [[[0, 3]]]),
    ("CategoryEncoding", {"num_tokens": 3, "output_mode": "count", "sparse": True}, None, [[[0, 2, 2]]]),
    ("CategoryEncoding", {"num_tokens": 3, "sparse": True}, None, [[[0, 2, 2]]]),
    ("CategoryEncoding", {}, None, []),
    ("CategoryEncoding", {"num_tokens": 0}, None, []),
    ("CategoryEncoding", {"num_tokens": 3, "output_mode": "int"}, None, []),
    ("Hashing", {"num_bins": 1000003}, None, [WORDS, INTEGERS, [[1.7, -2.2]], "one", [[["a"], ["b"]]], [True, False]]),
    ("Hashing", {"num_bins": 1000003, "salt": 133}, None, [WORDS, INTEGERS]),
    ("Hashing", {"num_bins": 1000003, "salt": [133, 137]}, None, [WORDS, INTEGERS]),
    ("Hashing", {"num_bins": 5, "mask_value": ""}, None, [WORDS]),
    ("Hashing", {"num_bins": 1, "mask_value": ""}, None, [WORDS]),
    ("Hashing", {"num_bins": 5, "mask_value": -1, "dtype": "int32"}, None, [INTEGERS]),
    ("Hashing", {"num_bins": 4, "output_mode": "one_hot"}, None, [[["a"], ["b"]], ["a", "b"], [["a", "b"]]]),
    ("Hashing", {"num_bins": 4, "output_mode": "multi_hot"}, None, [[["a", "b", "c"], ["d", "d", "d"]], ["a", "b"]]),
    ("Hashing", {"num_bins": 4, "output_mode": "count"}, None, [[["a", "b", "c"], ["d", "d", "d"]]]),
    ("Hashing", {"num_bins": 4, "output_mode": "count", "sparse": True}, None, [[["d", "d", "d"]]]),
    ("Hashing", {"num_bins": 0}, None, []),
    ("Hashing", {"num_bins": 3, "dtype": "float32"}, None, []),
    ("Hashing", {"num_bins": 3, "output_mode": "tf_idf"}, None, []),
    ("Hashing", {"num_bins": 3, "sparse": True}, None, []),
    ("Hashing", {"num_bins": 3, "salt": "abc"}, None, []),
    (
        "HashedCrossing",
        {"num_bins": 1000003},
        None,
        [(WORDS[:6], INTEGERS), ([["a"]], [["b"]]), ([1, 2], [3, 4], [5, 6])],
    ),
    ("HashedCrossing", {"num_bins": 4, "output_mode": "one_hot"}, None, [(["a", "b"], [1, 2]), ([["a"]], [["b"]])]),
    (
        "HashedCrossing",
        {"num_bins": 4},
        None,
        [("a", 1), ([1.0], [2.0]), (["a"], ["b", "c"]), ([["a", "b"]], [["a", "b"]])],
    ),
    ("HashedCrossing", {"num_bins": 4, "output_mode": "one_hot", "sparse": True}, None, [(["a", "b"], [1, 2])]),
    ("HashedCrossing", {"num_bins": 4, "output_mode": "multi_hot"}, None, []),
]


@pytest.mark.parametrize(
    ("name", "arguments", "data", "inputs"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)]
)
def test_layer(name, arguments, data, inputs):
    ours = answers(torchkeras_shim, name, arguments, data, inputs)
    theirs = kept(answers, keras, name, arguments, data, inputs)
    if isinstance(theirs, dict) and isinstance(ours, dict):
        weights, expected = ours.pop("weights"), theirs.pop("weights")
        assert len(weights) == len(expected)
        for one, other in zip(weights, expected, strict=True):
            assert one.dtype.kind == other.dtype.kind  # `int` is int64 to Keras on TensorFlow, int32 on JAX
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
        if arguments.get("sparse"):
            ours["config"].pop("sparse", None), theirs["config"].pop("sparse", None)
    assert ours == theirs


SHAPES = [
    ("Normalization", {}, FLOATS, (None, 3), "float32"),
    ("Discretization", {"num_bins": 3}, None, (None, 3), "float32"),
    ("Discretization", {"num_bins": 3, "output_mode": "one_hot"}, None, (None, 3), "float32"),
    ("Discretization", {"num_bins": 3, "output_mode": "one_hot"}, None, (None, 1), "float32"),
    ("Discretization", {"bin_boundaries": [0.0], "output_mode": "count"}, None, (None, 3), "float32"),
    ("CategoryEncoding", {"num_tokens": 4}, None, (None, 7), "int32"),
    ("CategoryEncoding", {"num_tokens": 4, "output_mode": "one_hot"}, None, (None, 7), "int32"),
    ("CategoryEncoding", {"num_tokens": 4, "output_mode": "count"}, None, (None, None), "int64"),
    ("Hashing", {"num_bins": 4}, None, (None, 7), "string"),
    ("Hashing", {"num_bins": 4, "output_mode": "multi_hot"}, None, (None, 7), "string"),
    ("Hashing", {"num_bins": 4, "output_mode": "one_hot"}, None, (None, 1), "int32"),
    ("HashedCrossing", {"num_bins": 4}, None, [(None, 1), (None, 1)], "string"),
    ("HashedCrossing", {"num_bins": 4, "output_mode": "one_hot"}, None, [(None, 1), (None, 1)], "int64"),
]


@pytest.mark.parametrize(("name", "arguments", "data", "shape", "dtype"), SHAPES, ids=str)
def test_symbolic_result(name, arguments, data, shape, dtype):
    assert shape_of(torchkeras_shim, name, arguments, data, shape, dtype) == kept(
        shape_of, keras, name, arguments, data, shape, dtype
    )


def hashes_of(tf, texts, count, key):
    if key is None:
        return tf.strings.to_hash_bucket_fast(texts, count).numpy()
    return tf.strings.to_hash_bucket_strong(texts, count, key=key).numpy()


@pytest.mark.parametrize("key", [None, [123, 2**60 + 5]])
def test_hashes_of_all_lengths(key):
    random = np.random.RandomState(0)
    texts = [random.randint(0, 256, length).astype("uint8").tobytes() for length in [*range(140), 1000]]
    count = 2**61 - 1
    values = StringTensor(np.array(texts, dtype=object))
    ours = hashing.fingerprint(values) if key is None else hashing.keyed_hash(values, key)
    theirs = kept(hashes_of, imported("tensorflow"), texts, count, key)
    np.testing.assert_array_equal(hashing.buckets(ours, count).numpy(), theirs)
