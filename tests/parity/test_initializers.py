"""Initializers against real Keras: distributions, fans, configs, exact values of those that draw nothing."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

from tests.parity.oracle import assert_close, imported, kept, keras, to_numpy
from torchkeras_shim import initializers

CASES = [
    ("Zeros", {}),
    ("Ones", {}),
    ("Constant", {"value": 2.5}),
    ("Identity", {}),
    ("STFT", {"side": "imag", "window": None}),
    ("RandomNormal", {}),
    ("RandomNormal", {"mean": 1.0, "stddev": 2.0}),
    ("TruncatedNormal", {}),
    ("TruncatedNormal", {"mean": -1.0, "stddev": 0.5}),
    ("RandomUniform", {}),
    ("RandomUniform", {"minval": 1.0, "maxval": 3.0}),
    ("VarianceScaling", {}),
    ("VarianceScaling", {"scale": 3.0, "mode": "fan_out", "distribution": "uniform"}),
    ("VarianceScaling", {"mode": "fan_avg", "distribution": "untruncated_normal"}),
    ("VarianceScaling", {"distribution": "uniform", "input_axes": [2], "output_axes": [0, 1]}),
    ("GlorotUniform", {}),
    ("GlorotNormal", {}),
    ("HeNormal", {}),
    ("HeUniform", {}),
    ("LecunNormal", {}),
    ("LecunUniform", {}),
    ("Orthogonal", {"gain": 2.0}),
]
IDS = [f"{name}-{kwargs}" for name, kwargs in CASES]
DRAWN = [case for case in CASES if case[0] not in ("Zeros", "Ones", "Constant", "Identity", "STFT", "Orthogonal")]


def distance(first, second):
    """The Kolmogorov-Smirnov statistic of two samples."""
    first, second = np.sort(first), np.sort(second)
    places = np.concatenate([first, second])
    below_first = np.searchsorted(first, places, side="right") / len(first)
    below_second = np.searchsorted(second, places, side="right") / len(second)
    return np.abs(below_first - below_second).max()


def quantiles(make, shape, kwargs):
    """A thousand quantiles of what Keras draws, which stand for all of it, and the standard deviation."""
    sample = to_numpy(make(seed=1, **kwargs)(shape)).ravel()
    return np.quantile(sample, np.linspace(0, 1, 1001)).astype("float32"), sample.std()


@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=IDS)
def test_configs_signatures_and_names(name, kwargs):
    ours, theirs = getattr(initializers, name)(**kwargs), getattr(keras.initializers, name)(**kwargs)
    assert ours.get_config() == theirs.get_config()
    assert initializers.serialize(ours) == keras.initializers.serialize(theirs)
    assert initializers.deserialize(keras.initializers.serialize(theirs)).get_config() == theirs.get_config()
    assert initializers.get(initializers.serialize(ours)).get_config() == ours.get_config()
    assert ours.clone().get_config() == ours.get_config()
    expected = inspect.signature(type(theirs)).parameters
    actual = inspect.signature(type(ours)).parameters
    assert {p: v.default for p, v in actual.items()} == {p: v.default for p, v in expected.items()}


@pytest.mark.parametrize(("name", "kwargs"), DRAWN, ids=[f"{name}-{kwargs}" for name, kwargs in DRAWN])
@pytest.mark.parametrize("shape", [(5, 10, 400), (100, 200)])
def test_distributions(name, kwargs, shape):
    if "input_axes" in kwargs and len(shape) < 3:
        pytest.skip("names a third axis")
    ours = to_numpy(getattr(initializers, name)(seed=1, **kwargs)(shape)).ravel()
    theirs, deviation = kept(quantiles, getattr(keras.initializers, name), shape, kwargs)
    # 20,000 samples of one distribution differ by more than this once in a million cases.
    assert distance(ours, theirs) < 2.6 * math.sqrt(2 / len(ours))
    np.testing.assert_allclose(ours.std(), deviation, rtol=0.03)
    if name != "RandomNormal" and kwargs.get("distribution") != "untruncated_normal":
        np.testing.assert_allclose([ours.min(), ours.max()], theirs[[0, -1]], atol=0.05 * deviation)


@pytest.mark.parametrize(
    ("name", "kwargs", "shape"),
    [
        ("Zeros", {}, (2, 3)),
        ("Ones", {}, (2, 3)),
        ("Constant", {"value": 2.5}, (2, 3)),
        ("Identity", {"gain": 3.0}, (3, 4)),
        ("STFT", {}, (8, 1, 5)),
        ("STFT", {"side": "imag", "window": "hamming", "scaling": "spectrum", "periodic": True}, (8, 1, 5)),
        ("STFT", {"window": None}, (8, 1, 5)),
    ],
)
@pytest.mark.parametrize("dtype", [None, "float16"])
def test_exact_values(name, kwargs, shape, dtype):
    if kwargs.get("window", "hann") is not None and name == "STFT":
        pytest.importorskip("scipy")
    ours = getattr(initializers, name)(**kwargs)(shape, dtype=dtype)
    theirs = getattr(keras.initializers, name)(**kwargs)(shape, dtype=dtype)
    assert_close(ours.float(), np.asarray(theirs, "float32"), atol=1e-6 if dtype is None else 1e-2)
    assert str(ours.dtype).removeprefix("torch.") == keras.backend.standardize_dtype(theirs.dtype)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (2, 3, 5), (3, 3, 2, 64)])
def test_orthogonal(shape):
    ours = to_numpy(initializers.Orthogonal(gain=2.0, seed=3)(shape)).reshape(-1, shape[-1])
    theirs = to_numpy(keras.initializers.Orthogonal(gain=2.0, seed=3)(shape)).reshape(-1, shape[-1])
    for flat in (ours, theirs):
        product = flat.T @ flat if flat.shape[0] >= flat.shape[1] else flat @ flat.T
        np.testing.assert_allclose(product, 4.0 * np.eye(min(flat.shape)), atol=1e-4)


def test_orthogonal_is_uniform_over_signs():
    corners = [float(initializers.Orthogonal(seed=seed)((4, 4))[0, 0]) for seed in range(200)]
    assert abs(np.mean(np.sign(corners))) < 0.3


def test_every_name_of_keras_is_known():
    theirs = imported("keras.src.initializers")

    assert set(theirs.ALL_OBJECTS_DICT) <= set(initializers.INITIALIZERS.names())
    missing = [name for name in dir(keras.initializers) if not name.startswith("_") and not hasattr(initializers, name)]
    assert missing == []


@pytest.mark.parametrize("shape", [(), (7,), (3, 4), (3, 3, 8, 16), (2, 2, 2, 3, 5)])
def test_fans(shape):
    compute_fans = imported("keras.src.initializers.random_initializers").compute_fans

    assert initializers.compute_fans(shape) == compute_fans(shape)
