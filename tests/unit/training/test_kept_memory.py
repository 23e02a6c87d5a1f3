"""What a step on the CPU has freed is there for the next one, and goes back to the system at the end."""

import itertools
import os

import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim.training import kept_memory

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(kept_memory._allocator() is None, reason="no glibc, or its allocator is set already")

BIG = 40 << 20  # bytes: more than glibc ever takes from its heap by itself
PAGES = BIG // os.sysconf("SC_PAGE_SIZE")


def page_faults(function):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    function()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def touch():
    torch.ones(BIG, dtype=torch.uint8)


def fewest_faults():
    """Of several rounds: freed memory may lack some bytes for the next tensor until its neighbours are free."""
    return min(page_faults(touch) for _ in range(12))


def test_memory_is_used_again_inside_and_given_back_at_the_end(monkeypatch):
    monkeypatch.setattr(kept_memory, "_LONG", 0.0)
    with kept_memory.kept(torch.device("cpu")):
        with kept_memory.kept(torch.device("cpu")):  # a loop within a loop
            assert fewest_faults() < PAGES // 10
        assert fewest_faults() < PAGES // 10
    assert page_faults(touch) > PAGES // 2
    assert kept_memory._Keepers.count == 0


def test_an_error_ends_it():
    with pytest.raises(RuntimeError, match="stop"), kept_memory.kept(torch.device("cpu")):
        raise RuntimeError("stop")
    assert kept_memory._Keepers.count == 0


def test_other_devices_and_the_switch(monkeypatch):
    with kept_memory.kept(torch.device("meta")):
        assert kept_memory._Keepers.count == 0
    monkeypatch.setenv(kept_memory.SWITCH, "0")
    with kept_memory.kept(torch.device("cpu")):
        assert kept_memory._Keepers.count == 0


def test_every_step_of_fit_and_predict_has_it():
    model = keras.Sequential([keras.Input((1024, 1280)), keras.layers.Activation("relu"), keras.layers.Flatten()])
    faults = []

    class Count(keras.callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)

        on_test_batch_end = on_predict_batch_end

    model.compile(loss=lambda y, pred: pred.amax(dim=-1) * y[:, 0])
    data = torch.utils.data.TensorDataset(torch.ones(1, 1024, 1280).expand(48, -1, -1), torch.ones(48, 1))
    model.evaluate(torch.utils.data.DataLoader(data, batch_size=8), callbacks=[Count()], verbose=0)
    pages = 8 * 1024 * 1280 * 4 // os.sysconf("SC_PAGE_SIZE")
    assert len(faults) == 6
    steps = [after - before for before, after in itertools.pairwise(faults)]
    assert min(steps) < pages // 5  # of a step with a batch and its activations


def test_somebody_who_sets_the_allocator_is_left_alone(monkeypatch):
    assert kept_memory._allocator.__wrapped__() is not None
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    assert kept_memory._allocator.__wrapped__() is None
    monkeypatch.delenv("MALLOC_ARENA_MAX")
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=128")
    assert kept_memory._allocator.__wrapped__() is None
