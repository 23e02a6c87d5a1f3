"""What a run costs does not grow with its length, nor its memory with the data."""

from __future__ import annotations

import gc
import os

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from tests.perf.test_step_budget import Calls
from torchkeras_shim import layers

LINUX = os.path.exists("/proc/self/status")


def model_of(features, jit_compile="auto"):
    model = keras.Sequential([keras.Input((features,)), layers.Dense(8, activation="relu"), layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"], jit_compile=jit_compile)
    return model


def megabytes(field="RssAnon"):
    """Memory of this process that no file stands behind, in MiB."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith(field))


class Peak(keras.callbacks.Callback):
    """Notes the largest memory after any batch."""

    def __init__(self):
        super().__init__()
        self.value = 0.0

    def on_train_batch_end(self, batch, logs=None):
        self.value = max(self.value, megabytes())


@pytest.mark.parametrize("jit_compile", [False, "captured"])
def test_nothing_piles_up_over_thousands_of_steps(jit_compile):
    model = model_of(4, jit_compile)
    x, y = np.ones((400, 4), "float32"), np.zeros(400, "int64")

    def alive():
        gc.collect()
        objects = gc.get_objects()
        return len(objects), sum(issubclass(type(one), torch.Tensor) for one in objects)

    model.fit(x, y, batch_size=4, epochs=2, verbose=0)
    objects, tensors = alive()
    memory = megabytes() if LINUX else 0.0
    model.fit(x, y, batch_size=4, epochs=40, verbose=0)  # 4,000 steps
    more_objects, more_tensors = alive()
    assert more_tensors == tensors
    assert more_objects - objects < 200  # History has 80 more numbers
    if LINUX:
        assert megabytes() - memory < 16


@pytest.mark.parametrize("jit_compile", [False, "captured"])
def test_a_late_step_costs_what_an_early_one_costs(jit_compile):
    model = model_of(4, jit_compile)
    x, y = np.ones((80, 4), "float32"), np.zeros(80, "int64")
    model.fit(x, y, batch_size=4, epochs=2, verbose=0)

    def calls():
        with Calls() as counted:
            model.fit(x, y, batch_size=4, epochs=1, verbose=0)
        return sum(counted.files.values())

    calls()
    early = calls()
    model.fit(x, y, batch_size=4, epochs=50, verbose=0)
    assert abs(calls() - early) <= 5


@pytest.mark.skipif(not LINUX, reason="reads /proc")
@pytest.mark.parametrize("shuffle", [False, True])
def test_arrays_in_files_are_never_read_as_a_whole(tmp_path, shuffle):
    features, samples = 4096, 16_384  # 256 MiB
    x = np.memmap(tmp_path / "x", dtype="float32", mode="w+", shape=(samples, features))
    y = np.zeros(samples, "int64")
    model = model_of(features)
    model.fit(x[:256], y[:256], batch_size=128, verbose=0)
    before, peak = megabytes(), Peak()
    model.fit(x, y, batch_size=128, verbose=0, shuffle=shuffle, callbacks=[peak])
    assert peak.value - before < 64
    assert megabytes() - before < 64


@pytest.mark.skipif(not LINUX, reason="reads /proc")
def test_arrays_are_not_copied():
    features, samples = 4096, 8192  # 128 MiB
    x, y = np.ones((samples, features), "float32"), np.zeros(samples, "int64")
    model = model_of(features)
    model.fit(x[:256], y[:256], batch_size=128, verbose=0)
    before, peak = megabytes(), Peak()
    model.fit(x, y, batch_size=128, verbose=0, callbacks=[peak])
    model.evaluate(x, y, batch_size=128, verbose=0)
    assert peak.value - before < 32
    assert megabytes() - before < 32


@pytest.mark.skipif(not LINUX, reason="reads /proc")
def test_predictions_are_held_once():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4096)])
    x = np.ones((8192, 4), "float32")
    model.predict(x[:64], verbose=0)
    before = megabytes()
    outputs = model.predict(x, batch_size=64, verbose=0)  # 128 MiB
    assert outputs.nbytes == 128 << 20
    assert megabytes() - before < 128 + 32
