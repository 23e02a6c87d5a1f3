"""Seeds, types, places, and what may stand for an initializer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from torchkeras_shim import initializers
from torchkeras_shim.core.device import device as device_scope

RANDOM = ["random_normal", "truncated_normal", "random_uniform", "glorot_uniform", "he_normal", "orthogonal"]


@pytest.mark.parametrize("name", RANDOM)
def test_without_seed_values_come_from_the_global_generator(name):
    initializer = initializers.get(name)
    torch.manual_seed(1)
    first, second = initializer((4, 4)), initializer((4, 4))
    torch.manual_seed(1)
    again = initializer((4, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("cls", [initializers.RandomNormal, initializers.HeUniform, initializers.Orthogonal])
def test_a_seed_gives_the_same_values_and_leaves_the_global_generator_alone(cls):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    initializer = cls(seed=5)
    assert torch.equal(initializer((4, 4)), initializer((4, 4)))
    assert torch.equal(cls(seed=5)((4, 4)), initializer((4, 4)))
    assert not torch.equal(cls(seed=6)((4, 4)), initializer((4, 4)))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", [*RANDOM, "zeros", "ones", "constant", "identity"])
def test_types_and_devices(name, dtype, device):
    with device_scope(device):
        values = initializers.get(name)((8, 8), dtype=dtype)
    assert values.dtype == getattr(torch, dtype)
    assert values.device.type == device.type


def test_random_integers_are_refused():
    with pytest.raises(ValueError, match="GlorotUniform draws floats"):
        initializers.GlorotUniform()((2, 2), dtype="int32")


def test_a_seed_must_be_an_integer():
    with pytest.raises(ValueError, match="`seed` must be an integer or None"):
        initializers.HeNormal(seed="a")


def test_functions_tensors_and_torch_factories():
    def mine(shape, dtype=None):
        return torch.full(shape, 3.0)

    assert initializers.get(mine) is mine
    assert initializers.get(None) is None
    assert torch.equal(initializers.get(torch.zeros)((2, 2), dtype="float16"), torch.zeros(2, 2, dtype=torch.float16))
    assert initializers.serialize(initializers.get(torch.ones))["class_name"] == "Ones"
    values = np.arange(4.0).reshape(2, 2)
    given = initializers.get(values)
    assert given((2, 2), dtype="float32").tolist() == values.tolist()
    with pytest.raises(ValueError, match="Expected `shape` to be \\(2, 2\\)"):
        given((3, 2))
    with pytest.raises(ValueError, match="cannot be saved"):
        initializers.serialize(given)


def test_wrong_arguments_teach():
    with pytest.raises(ValueError, match="Did you mean 'he_normal'"):
        initializers.get("he_norml")
    with pytest.raises(ValueError, match="only be used for 2D"):
        initializers.Identity()((2, 2, 2))
    with pytest.raises(ValueError, match="at least two-dimensional"):
        initializers.Orthogonal()((2,))
    with pytest.raises(ValueError, match="must be positive"):
        initializers.VarianceScaling(scale=0)
    with pytest.raises(ValueError, match="Invalid `mode`"):
        initializers.VarianceScaling(mode="fan")
    with pytest.raises(ValueError, match="Invalid `distribution`"):
        initializers.VarianceScaling(distribution="cauchy")
    with pytest.raises(NotImplementedError):
        initializers.Initializer()((2,))
    with pytest.raises(ValueError, match="frame's length"):
        initializers.STFT(window=[1.0, 1.0])((3, 1, 2))


def test_normal_is_short_for_truncated_normal_in_variance_scaling():
    assert initializers.VarianceScaling(distribution="normal").get_config()["distribution"] == "truncated_normal"


def test_identity_keeps_its_gain():
    assert initializers.Identity(2.0).clone()((2, 2)).tolist() == [[2.0, 0.0], [0.0, 2.0]]
