"""What every test shares: fixed seeds, a device fixture and fresh names."""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest
import torch

from torchkeras_shim.core import naming
from torchkeras_shim.ops import crossentropy


def _seed():
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


def pytest_collectstart(collector):
    """What a file of tests draws while it is imported is the same in every run."""
    _seed()


@pytest.fixture(autouse=True)
def _seeded():
    """Every test starts from the same random state and the same automatic names."""
    _seed()
    naming.reset_uids()
    crossentropy._warned.clear()


@pytest.fixture(autouse=True, scope="module")
def _small_memory():
    """What the oracle compiled for one file of tests is of no use to the next."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    """Each device that is here."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    return torch.device(request.param)
