"""Random numbers: the distributions of real Keras, not its very numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchkeras_shim
from tests.parity.checking import ON_TENSORFLOW
from tests.parity.oracle import keras, to_numpy
from torchkeras_shim import initializers, random
from torchkeras_shim.core import dtypes

N = 4000


def distance(x, y):
    """The Kolmogorov-Smirnov statistic: the largest distance between two distribution functions."""
    x, y = np.sort(np.ravel(x)), np.sort(np.ravel(y))
    both = np.concatenate([x, y])
    return np.abs(np.searchsorted(x, both, "right") / x.size - np.searchsorted(y, both, "right") / y.size).max()


#: Below it with a probability of 0.999 where both samples of N come from one distribution.
LIMIT = 1.95 * np.sqrt(2 / N)

DRAWS = [
    ("normal", ((N,),), {}),
    ("normal", ((N,), 3.0, 0.5), {"dtype": "float16"}),
    ("uniform", ((N,),), {}),
    ("uniform", ((N,), -2.0, 5.0), {"dtype": "bfloat16"}),
    ("truncated_normal", ((N,),), {}),
    ("truncated_normal", ((N,), 1.0, 2.0), {}),
    ("gamma", ((N,), 0.4), {}),
    ("gamma", ((N,), 5.0), {}),
    ("beta", ((N,), 2.0, 0.7), {}),
    ("binomial", ((N,), 20, 0.3), {}),
    ("randint", ((N,), -5, 12), {}),
    ("randint", ((N,), 0, 7), {"dtype": "uint8"}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), DRAWS, ids=[f"{i}-{d[0]}" for i, d in enumerate(DRAWS)])
def test_distributions(name, args, kwargs):
    ours, theirs = (getattr(module, name)(*args, seed=11, **kwargs) for module in (random, keras.random))
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert dtypes.standardize_dtype(ours.dtype) == keras.backend.standardize_dtype(theirs.dtype)
    limit = LIMIT + (0.02 if "16" in kwargs.get("dtype", "") else 0.0)  # half types have few values
    assert distance(to_numpy(ours.double()), np.asarray(theirs, "float64")) < limit


def test_categorical():
    logits = np.log(np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 1e-9]], "float32"))
    ours, theirs = (module.categorical(logits, N, seed=3) for module in (random, keras.random))
    assert tuple(ours.shape) == tuple(theirs.shape) == (2, N)
    assert ours.dtype == torch.int32
    shares = np.stack([np.bincount(row, minlength=3) / N for row in to_numpy(ours)])
    expected = np.stack([np.bincount(row, minlength=3) / N for row in np.asarray(theirs)])
    np.testing.assert_allclose(shares, expected, atol=0.05)
    assert random.categorical(logits, 2, dtype="int64").dtype == torch.int64


def test_parameters_of_several_values():
    alpha = np.array([0.5, 2.0, 8.0], "float32")
    for name, args, means in (
        ("gamma", (alpha,), alpha),
        ("beta", (alpha, 2.0), alpha / (alpha + 2)),
        ("binomial", (10, alpha / 10), alpha),
    ):
        values = to_numpy(getattr(random, name)((N, 3), *args, seed=5))
        np.testing.assert_allclose(values.mean(axis=0), means, rtol=0.1)
    counts = random.randint((N, 3), 0, torch.tensor([1, 5, 100]), seed=2)
    assert counts.amax(dim=0).tolist() == [0, 4, 99]


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_dropout(rate):
    x = np.ones((N, 2), "float32")
    ours, theirs = (to_numpy(module.dropout(x, rate, seed=4)) for module in (random, keras.random))
    np.testing.assert_allclose(np.unique(ours), np.unique(theirs), rtol=1e-6)
    assert abs((ours == 0).mean() - (theirs == 0).mean()) < 0.05


def test_dropout_of_whole_rows():
    x = np.ones((100, 8), "float32")
    ours, theirs = (to_numpy(m.dropout(x, 0.5, noise_shape=(None, 1), seed=4)) for m in (random, keras.random))
    for one in (ours, theirs):
        assert set(one.mean(axis=1)) == {0.0, 2.0}


def test_shuffle_moves_rows_alike():
    """As on TensorFlow; on JAX Keras shuffles each row on its own."""
    x = np.arange(12).reshape(3, 4)
    for module in (random, keras.random) if ON_TENSORFLOW else (random,):
        one = to_numpy(module.shuffle(x, axis=1, seed=6))
        assert sorted(one[0]) == [0, 1, 2, 3]
        np.testing.assert_array_equal(one - one[0], x - x[0])


def test_seed_generators_count_as_those_of_keras():
    ours, theirs = random.SeedGenerator(7), keras.random.SeedGenerator(7)
    for ordered in (True, True, False, False):
        assert ours.next(ordered).tolist() == np.asarray(theirs.next(ordered)).tolist()
    config, reference = (module.SeedGenerator(7, name="mine").get_config() for module in (random, keras.random))
    assert config == reference
    assert random.SeedGenerator().get_config()["seed"] is keras.random.SeedGenerator().get_config()["seed"] is None


def test_initializers_with_a_seed_generator_have_the_config_of_keras():
    ours, theirs = (
        module.initializers.RandomNormal(seed=module.random.SeedGenerator(3, name="g"))
        for module in (torchkeras_shim, keras)
    )
    assert ours.get_config() == theirs.get_config()
    rebuilt = initializers.deserialize(keras.initializers.serialize(theirs))
    assert torch.equal(rebuilt((4,)), ours((4,)))


@pytest.mark.parametrize(
    ("name", "args", "kwargs"),
    [
        ("uniform", ((2,),), {"dtype": "int32"}),
        ("randint", ((2,), 0, 3), {"dtype": "float32"}),
        ("categorical", ([0.0, 1.0], 2), {}),
        ("normal", ((2,),), {"seed": "a"}),
        ("normal", ((2,),), {"seed": 1.5}),
    ],
)
def test_both_refuse(name, args, kwargs):
    for module in (random, keras.random):
        with pytest.raises(ValueError):
            getattr(module, name)(*args, **kwargs)
