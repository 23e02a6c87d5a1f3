"""Runs the checks on the stand-in accelerator in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.accelerator import device

ROOT = Path(__file__).parents[2]


@pytest.mark.subprocess
@pytest.mark.skipif(device.why_not() is not None, reason=str(device.why_not()))
def test_all_checks_pass():
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.accelerator", "-n", "0"],
        cwd=ROOT,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-10000:] + done.stderr[-2000:]
