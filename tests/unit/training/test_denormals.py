"""Denormal numbers are zero while a model is at work, and only then."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from tests import warm
from torchkeras_shim.training import denormals


def model_of(seen):
    def look(x):
        seen.append(denormals.are_flushed())
        return x

    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(look), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    seen.clear()
    return model


@pytest.mark.skipif(not torch.set_flush_denormal(False), reason="this processor has no such mode")
@pytest.mark.parametrize("what", ["fit", "evaluate", "predict", "train_on_batch", "test_on_batch"])
def test_they_are_zero_inside_the_loops_only(what):
    seen: list[bool] = []
    model = model_of(seen)
    data = (np.ones((4, 2), "float32"),) if what == "predict" else (np.ones((4, 2), "float32"), np.ones((4, 1)))
    options = {} if what.endswith("batch") else {"verbose": 0}
    getattr(model, what)(*data, **options)
    assert seen[-1] is True
    assert not denormals.are_flushed()


@pytest.mark.skipif(not torch.set_flush_denormal(False), reason="this processor has no such mode")
def test_a_mode_that_was_on_stays_on():
    model = model_of([])
    try:
        torch.set_flush_denormal(True)
        model.predict(np.ones((4, 2), "float32"), verbose=0)
        assert denormals.are_flushed()
    finally:
        torch.set_flush_denormal(False)


@pytest.mark.skipif(not torch.set_flush_denormal(False), reason="this processor has no such mode")
def test_an_error_in_the_loop_leaves_the_mode_as_it_was():
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    model = model_of([])
    with pytest.raises(KeyboardInterrupt):
        model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0, callbacks=[Stop()])
    assert not denormals.are_flushed()


@pytest.mark.skipif(denormals._openmp() is None, reason="torch's OpenMP library is not found")
def test_all_threads_take_part():
    """A subprocess, because threads that have run before are what matters."""
    code = """
import torch
from torchkeras_shim.training import denormals

torch.set_num_threads(2)
tiny = torch.full((1 << 20,), 1e-40)
count = lambda: int((tiny * 1.0).view(torch.int32).count_nonzero())
assert count() == 1 << 20
with denormals.flushed(torch.device("cpu")):
    assert count() == 0, count()
assert count() == 1 << 20, count()
"""
    done = warm.run("-c", code)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not torch.set_flush_denormal(False), reason="this processor has no such mode")
def test_a_variable_of_the_environment_turns_it_off(monkeypatch):
    monkeypatch.setenv(denormals.SWITCH, "0")
    seen: list[bool] = []
    model_of(seen).fit(np.ones((4, 2), "float32"), np.ones((4, 1)), verbose=0)
    assert seen[-1] is False
