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


#: Where a process is killed, and which one.
KILLED = [
    ("first", 1),
    ("middle", 1),
    ("middle", 0),
    ("validation", 1),
    ("end", 0),
    ("between", 1),
    ("backup", 0),
]


def start(folder, what, place="", rank=1, distribution="DataParallel", *, options=()):
    """Starts two processes by `torchrun`, one of which fails at a place."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *options]
    return subprocess.Popen(
        [*launcher, str(SCRIPT), str(folder), what, place, str(rank), distribution],
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def weights_after(process, folder):
    """Waits for the processes. Returns the weights and the last loss of each, and what was printed."""
    printed, _ = process.communicate(timeout=200)
    assert process.returncode == 0, printed
    return [np.load(folder / f"weights-{rank}.npz") for rank in range(2)], printed


def numbers_of(process, folder):
    """Waits until both processes train. Returns their numbers in the system."""
    end = time.monotonic() + 60
    files = [folder / f"running-{rank}" for rank in range(2)]
    while not all(file.exists() for file in files) and time.monotonic() < end:
        assert process.poll() is None
        time.sleep(0.1)
    return [int(file.read_text()) for file in files]


def is_running(pid):
    """Returns whether there is a process that has not ended."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module", params=["DataParallel", "FullySharded"])
def undisturbed(request, tmp_path_factory):
    """A distribution, and the weights of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("undisturbed")
    process = start(folder, "nothing", distribution=request.param)
    return request.param, weights_after(process, folder)[0]


@pytest.mark.parametrize(("place", "rank"), KILLED)
def test_a_killed_process_costs_nothing(tmp_path, undisturbed, place, rank):
    """One restart is enough, and the weights are those of an uninterrupted run."""
    distribution, expected = undisturbed
    process = start(tmp_path, "kill", place, rank, distribution, options=("--max-restarts", "1"))
    found, printed = weights_after(process, tmp_path)
    assert "failed (exitcode: " in printed  # the killed one, or the other, which misses it
    for name in expected[0].files:
        for one in (*found, expected[1]):
            np.testing.assert_allclose(one[name], expected[0][name], rtol=1e-6, atol=1e-7)


def test_processes_end_with_a_killed_torchrun(tmp_path):
    process = start(tmp_path, "interrupt")
    pids = numbers_of(process, tmp_path)
    process.kill()
    process.communicate(timeout=60)
    end = time.monotonic() + 20
    while any(map(is_running, pids)) and time.monotonic() < end:
        time.sleep(0.1)
    left = list(filter(is_running, pids))
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


@pytest.mark.parametrize(
    ("what", "place", "message"),
    [
        ("raise", "middle", "ValueError: a fault of one process"),
        ("raise", "end", "ValueError: a fault of one process"),
        ("exit", "middle", "exitcode  : 3"),
    ],
)
def test_an_error_of_one_process_ends_all_and_is_told(tmp_path, what, place, message):
    process = start(tmp_path, what, place)
    printed, _ = process.communicate(timeout=100)
    assert process.returncode != 0
    summary = printed[printed.rindex("Root Cause") :]
    assert "rank      : 1" in summary
    assert message in summary


def test_an_interrupt_ends_all(tmp_path):
    process = start(tmp_path, "interrupt")
    numbers_of(process, tmp_path)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
