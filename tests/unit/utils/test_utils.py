import random

import numpy as np
import pytest
import torch

from torchkeras_shim import backend, config, utils
from torchkeras_shim.core import dtype_policies, naming
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.data import PyDataset


def test_set_random_seed_seeds_everything():
    def draw():
        utils.set_random_seed(7)
        return random.random(), np.random.rand(), torch.rand(2).tolist()

    assert draw() == draw()
    with pytest.raises(ValueError, match="Expected `seed` argument to be an integer"):
        utils.set_random_seed("7")


def test_to_categorical_keeps_tensors_on_their_device(device):
    result = utils.to_categorical(torch.tensor([[0], [2]], device=device))
    assert result.device.type == device.type
    assert result.dtype == torch.float32
    assert result.tolist() == [[1, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize("labels", [[0, 3], [-4, 0]])
def test_to_categorical_names_labels_outside(labels):
    with pytest.raises(IndexError, match="Received: labels from"):
        utils.to_categorical(labels, num_classes=3)


def test_to_categorical_of_nothing():
    assert utils.to_categorical([], num_classes=3).shape == (0, 3)
    with pytest.raises(ValueError, match="num_classes"):
        utils.to_categorical([])


def test_sequence_is_the_old_name():
    assert utils.Sequence is utils.PyDataset is PyDataset


@pytest.mark.parametrize("module", [backend, config, utils])
def test_every_public_name_exists(module):
    for name in module.__all__:
        assert getattr(module, name) is not None


def test_clear_session_restarts_names_and_policy():
    assert naming.auto_name("Dense") == "dense"
    dtype_policies.set_dtype_policy("float64")
    backend.clear_session()
    assert naming.auto_name("Dense") == "dense"
    assert config.dtype_policy().name == "float32"


def test_backend_questions():
    assert backend.backend() == config.backend() == "torch"
    assert backend.is_keras_tensor(KerasTensor((None, 2)))
    assert not backend.is_keras_tensor(torch.zeros(1))
    assert backend.standardize_dtype(torch.int32) == "int32"
    with pytest.raises(ValueError, match="PyTorch only"):
        config.set_backend("jax")
    config.set_backend("torch")


def test_settings_are_one_and_the_same():
    try:
        backend.set_epsilon(1e-3)
        config.set_floatx("float64")
        assert config.epsilon() == 1e-3
        assert backend.floatx() == "float64"
    finally:
        backend.set_epsilon(1e-7)
        config.set_floatx("float32")
