"""What the checks on the stand-in accelerator share."""

from __future__ import annotations

import pytest

from tests.accelerator import device as stand_in
from torchkeras_shim.core.device import device as placed_on


@pytest.fixture(scope="session")
def accelerator():
    """The device."""
    return stand_in.load()


@pytest.fixture
def on_accelerator(accelerator):
    """Whatever the test makes lives on the device."""
    with placed_on(accelerator):
        yield accelerator
