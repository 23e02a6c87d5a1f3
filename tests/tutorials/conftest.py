"""A tiny Fashion-MNIST in the form that its files have, and a way to run scripts on it."""

import gzip
import re
import runpy
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from tests import warm
from torchkeras_shim import compat

ROOT = Path(__file__).resolve().parents[2]
TRAINING, TEST = 320, 64


def _write_idx(path, array):
    with gzip.open(path, "wb") as file:
        file.write(struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape))
        file.write(array.astype(np.uint8).tobytes())


@pytest.fixture(scope="session")
def data_root(tmp_path_factory):
    """Ten kinds of images that are easy to tell apart: a pattern for each, under noise."""
    root = tmp_path_factory.mktemp("data")
    folder = root / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    patterns = random.integers(0, 200, (10, 28, 28))
    for part, count in (("train", TRAINING), ("t10k", TEST)):
        labels = np.arange(count) % 10
        images = patterns[labels] + random.integers(0, 55, (count, 28, 28))
        _write_idx(folder / f"{part}-images-idx3-ubyte.gz", images)
        _write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels)
    return root


@pytest.fixture
def run(data_root, tmp_path):
    """Runs Python in an empty folder, on the tiny data set; returns what it printed."""

    def run(*arguments, timeout=300):
        result = warm.run(*arguments, cwd=tmp_path, env={"TORCHKERAS_SHIM_DATA": str(data_root)}, timeout=timeout)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "Warning" not in result.stderr
        return result.stdout

    return run


@pytest.fixture
def zero_change(tmp_path, monkeypatch):
    """`import keras` and `import tensorflow` give this library, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)  # scripts seed numpy, as they did when weights came from it
    compat.install()
    yield
    compat.uninstall()


@pytest.fixture
def unmodified(zero_change, capfd):
    """Runs a script, and looks for numbers in what it printed and for what must be true of them."""

    def run(script, pattern, holds):
        runpy.run_path(str(script), run_name="__main__")
        found = re.search(pattern, capfd.readouterr().out)
        assert found
        assert holds(*map(float, found.groups())), found.group()

    return run
