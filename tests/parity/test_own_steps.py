"""Overridden steps and losses against real Keras: the same classes, from equal weights, epoch by epoch."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

import torchkeras_shim as tks
from tests.parity import own_steps
from tests.parity.oracle import assert_close, kept


def results_of_keras(name):
    """What real Keras finds on its torch backend, for which alone these classes are written."""
    return {key: value for key, value in every_result_of_keras().items() if key.startswith(f"{name}: ")}


@functools.cache
def every_result_of_keras():
    with tempfile.TemporaryDirectory() as folder:
        return _results_of_keras(Path(folder, "results.npz"))


def _results_of_keras(path):
    environment = {**os.environ, "KERAS_BACKEND": "torch", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.parity.own_steps", str(path)]
    done = subprocess.run(
        command, env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("name", own_steps.CASES)
def test_own_steps(name):
    expected = kept(results_of_keras, name)
    found = {f"{name}: {key}": value for key, value in own_steps.results(tks, name).items()}
    assert set(found) == set(expected)
    for key, value in found.items():
        atol = 2e-4 if "predicted" in key else 2e-5  # what the last bits of the weights become in the outputs
        assert_close(value, expected[key], rtol=2e-4, atol=atol, message=key)
