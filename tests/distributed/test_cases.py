"""Several processes compute what one does."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.distributed import launch
from torchkeras_shim.core import tree

ROOT = Path(__file__).parents[2]
SECONDS = 240


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What each process has found, by number of processes and rank."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "distributed-cases"
    try:
        folder.mkdir()
    except FileExistsError:  # another worker of pytest runs them
        end = time.monotonic() + SECONDS
        while not (folder / "done").exists() and time.monotonic() < end:
            time.sleep(0.1)
    else:
        run(folder)
    found = {"folder": folder}
    for world in (1, 2, 4):
        for rank in range(world):
            file = folder / f"{world}-{rank}.pickle"
            assert file.exists(), (folder / f"{world}-{rank}.txt").read_text()[-3000:]
            found[world, rank] = pickle.loads(file.read_bytes())
            found["text", world, rank] = (folder / f"{world}-{rank}.txt").read_text()
    return found


def run(folder):
    """Runs all cases, once for all workers of pytest."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    for name in ("RANK", "WORLD_SIZE"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "tests.distributed.launch", str(folder)]
    try:
        subprocess.run(command, cwd=ROOT, env=environment, timeout=SECONDS, check=True)
    finally:
        (folder / "done").touch()


@pytest.mark.subprocess
def test_a_killed_process_costs_nothing(results):
    undisturbed, *others = (
        np.load(results["folder"] / what / f"weights-{rank}.npz") for what in ("nothing", "kill") for rank in range(2)
    )
    for one in others:
        for name in undisturbed.files:
            np.testing.assert_allclose(one[name], undisturbed[name], rtol=1e-6, atol=1e-7)


def _assert_same(found, expected, place):
    assert len(tree.flatten(found)) == len(tree.flatten(expected)), place
    for (path, value), (_, right) in zip(tree.flatten_with_path(found), tree.flatten_with_path(expected), strict=True):
        np.testing.assert_allclose(value, right, rtol=2e-5, atol=2e-6, err_msg=f"{place} {path}")


@pytest.mark.subprocess
@pytest.mark.parametrize("name", list(launch.CASES))
def test_as_one_process(results, name):
    expected = results[1, 0][name]
    assert not isinstance(expected, str), expected
    for world in launch.worlds(name):
        for rank in range(world):
            found = results[world, rank][name]
            assert not isinstance(found, str), f"process {rank} of {world}: {found}"
            _assert_same(found, expected, f"{name}, process {rank} of {world}")


@pytest.mark.subprocess
@pytest.mark.parametrize("name", list(launch.TOGETHER))
def test_two_processes(results, name):
    for rank in range(2):
        error = results[2, rank][name]
        assert error is None, f"process {rank}: {error}"


@pytest.mark.subprocess
def test_the_first_process_speaks(results):
    assert results["text", 2, 0].count("Training data-parallel on 2 processes (gloo)") == 1
    assert "Total params" in results["text", 2, 0]
    own = [line for line in results["text", 2, 1].splitlines() if "torch/_logging" not in line]
    assert not own
