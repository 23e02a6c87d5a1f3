"""The tests here build on the CPU, except those that ask for a device."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import torchkeras_shim as keras


@pytest.fixture(autouse=True)
def _on_the_cpu() -> Iterator[None]:
    with keras.device("cpu"):
        yield
