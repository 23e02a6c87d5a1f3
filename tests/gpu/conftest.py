"""The device of the GPU tests: CUDA, or, to try the code of the tests, the stand-in accelerator.

python -m pytest tests/gpu                               # on a machine with a CUDA device
GPU_TESTS_ON=stand_in python -m pytest -n 0 tests/gpu    # what needs no CUDA, on the stand-in
"""

from __future__ import annotations

import contextlib
import os

import pytest
import torch

from tests.accelerator import device as stand_in
from torchkeras_shim.core.device import device as placed_on

ON_STAND_IN = os.environ.get("GPU_TESTS_ON") == "stand_in" and not torch.cuda.is_available()
if ON_STAND_IN:
    os.environ.setdefault("TORCHKERAS_SHIM_DEVICE", "cpu")
    stand_in.load()  # before the first backward pass


@pytest.fixture
def gpu():
    """The device, on which all is made that the test makes."""
    if ON_STAND_IN:
        device = torch.device(stand_in.NAME, 0)
    elif torch.cuda.is_available():
        device = torch.device("cuda", torch.cuda.current_device())
    else:
        pytest.skip("needs a CUDA device")
    with placed_on(device):
        yield device


@contextlib.contextmanager
def _cuda_without_waiting():
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.fixture
def no_waiting(gpu):
    """A context manager in which it is an error to wait for the device."""
    return stand_in.no_waiting if ON_STAND_IN else _cuda_without_waiting
