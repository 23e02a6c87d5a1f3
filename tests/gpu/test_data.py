"""Data on its way to a GPU."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from torchkeras_shim.core import device as devices
from torchkeras_shim.data import choose_adapter, placement

pytestmark = pytest.mark.gpu


def busy(gpu):
    """Keeps the device's current stream at work, so that a copy that nobody waits for shows."""
    size = 2048 if gpu.type == "cuda" else 16  # the stand-in works at once
    x = torch.randn(size, size, device=gpu)
    for _ in range(20):
        x = torch.mm(x, x).clamp(-1, 1)


def check(adapter, count, gpu):
    seen = []
    for x, y, _ in adapter.batches():
        busy(gpu)
        assert x.device == y.device == gpu
        seen.append((x.sum(1), y))
    devices.synchronize(gpu)
    sums, labels = torch.cat([s for s, _ in seen]), torch.cat([y for _, y in seen])
    assert torch.equal(sums, 64.0 * labels)
    assert sorted(labels.tolist()) == list(range(count))


def arrays(count=4096):
    return np.repeat(np.arange(count, dtype="float32")[:, None], 64, axis=1), np.arange(count)


@pytest.mark.parametrize("shuffle", [False, True, "batch"])
@pytest.mark.parametrize("fits", [True, False])
def test_arrays(gpu, monkeypatch, shuffle, fits):
    if not fits:
        monkeypatch.setattr(placement, "_room", lambda device: 0)
        monkeypatch.setattr(placement, "_CHUNK_BATCHES", 3)
    adapter = choose_adapter(*arrays(), batch_size=64, shuffle=shuffle, device=torch.device(gpu.type))
    kind = placement.Resident if fits else placement.Hosted
    assert all(type(source) is kind for source in adapter._sources)
    check(adapter, 4096, gpu)


def test_resident_batches_need_no_synchronisation(gpu, no_waiting):
    adapter = choose_adapter(*arrays(), batch_size=64, shuffle=True, device=gpu)
    list(adapter.batches())
    with no_waiting():
        assert len(list(adapter.batches())) == 64


def test_memory_mapped_files(gpu, tmp_path):
    x, y = arrays()
    np.save(tmp_path / "x.npy", x)
    check(choose_adapter(np.load(tmp_path / "x.npy", mmap_mode="r"), y, shuffle=True, device=gpu), 4096, gpu)


@pytest.mark.parametrize("pin_memory", [False, True])
def test_loaders(gpu, pin_memory):
    data = TensorDataset(*map(torch.from_numpy, arrays(1024)))
    check(choose_adapter(DataLoader(data, batch_size=64, pin_memory=pin_memory), device=gpu), 1024, gpu)


def test_generators_of_device_tensors(gpu):
    def batches():
        for start in range(0, 256, 32):
            busy(gpu)
            labels = torch.arange(start, start + 32, device=gpu)
            yield labels.double()[:, None].repeat(1, 64), labels

    check(choose_adapter(batches(), device=gpu), 256, gpu)
