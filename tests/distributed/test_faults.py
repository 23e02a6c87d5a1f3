"""What `torchrun` does when something goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "script.py"

pytestmark = [pytest.mark.nightly, pytest.mark.subprocess, pytest.mark.slow]


def start(folder, what, *options):
    """Starts two processes by `torchrun`."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *options]
    return subprocess.Popen(
        [*launcher, str(SCRIPT), str(folder), what],
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def test_a_killed_process_costs_nothing(tmp_path):
    ends = {}
    for what, options in (("nothing", ()), ("kill", ("--max-restarts", "2"))):
        folder = tmp_path / what
        folder.mkdir()
        process = start(folder, what, *options)
        printed, _ = process.communicate(timeout=150)
        assert process.returncode == 0, printed
        ends[what] = [np.load(folder / f"weights-{rank}.npz") for rank in range(2)]
        assert ("SIGKILL" in printed or "-9" in printed) is (what == "kill")
    for name in ends["nothing"][0].files:
        for found in (*ends["kill"], ends["nothing"][1]):
            np.testing.assert_allclose(found[name], ends["nothing"][0][name], rtol=1e-6, atol=1e-7)


def test_an_error_of_one_process_ends_all_and_is_told(tmp_path):
    process = start(tmp_path, "raise")
    printed, _ = process.communicate(timeout=100)
    assert process.returncode != 0
    summary = printed[printed.rindex("Root Cause") :]
    assert "rank      : 1" in summary
    assert "ValueError: a fault of the second process" in summary


def test_an_interrupt_ends_all(tmp_path):
    process = start(tmp_path, "interrupt")
    end = time.monotonic() + 60
    while len(list(tmp_path.glob("running-*"))) < 2 and time.monotonic() < end:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
