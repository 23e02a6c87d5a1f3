"""Runs the checks on the stand-in accelerator in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.accelerator import device

ROOT = Path(__file__).parents[2]
#: Together they call every function of `keras.ops`, and compare it with real Keras's kept answers.
OPERATIONS = [str(path) for path in sorted((ROOT / "tests/parity").glob("test_ops*.py"))]
OPERATIONS += [str(ROOT / "tests/parity/test_kernels.py")]


@pytest.mark.subprocess
@pytest.mark.skipif(device.why_not() is not None, reason=str(device.why_not()))
@pytest.mark.parametrize("files", [[], OPERATIONS], ids=["checks", "operations"])
def test_all_pass(files):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.accelerator", "-n", "0", *files],
        cwd=ROOT,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-10000:] + done.stderr[-2000:]
