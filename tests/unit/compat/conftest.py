"""The zero-change mode inside one process, and the end of it after each test."""

import sys

import pytest

from torchkeras_shim import compat


def _real_modules():
    return {name: module for name, module in sys.modules.items() if name.split(".")[0] in ("keras", "tensorflow")}


@pytest.fixture
def clean():
    """No trace of the real packages, which other tests may have imported, and none of ours afterwards."""
    before = _real_modules()
    for name in before:
        del sys.modules[name]
    yield
    compat.uninstall()
    sys.modules.update(before)


@pytest.fixture
def installed(clean):
    compat.install()
