"""The examples about files run and say what they promise."""

from __future__ import annotations

import pathlib
import re

import pytest

from tests import warm

EXAMPLES = pathlib.Path(__file__).parents[3] / "examples"


def run(name):
    done = warm.run(EXAMPLES / name)
    done.check_returncode()
    return done.stdout


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
