"""The examples about files run and say what they promise."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).parents[3] / "examples"


def run(name):
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(EXAMPLES / name)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_train_kill_resume():
    pytest.importorskip("sklearn")
    printed = run("train_kill_resume.py")
    assert "bit by bit: True" in printed
    assert printed.count("Epoch 3/5") == 3
    assert printed.count("Epoch 2/5") == 2


@pytest.mark.slow
def test_load_keras_file_in_torch():
    pytest.importorskip("sklearn")
    before, after = map(float, re.findall(r"accuracy.*: ([\d.]+)", run("load_keras_file_in_torch.py")))
    assert 0.8 < before < after
