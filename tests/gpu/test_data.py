"""Data on its way to a CUDA device."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from torchkeras_shim.data import choose_adapter, placement

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.fixture
def cuda():
    return torch.device("cuda", torch.cuda.current_device())


def busy(cuda):
    """Keeps the device's current stream at work, so that a copy that nobody waits for shows."""
    x = torch.randn(2048, 2048, device=cuda)
    for _ in range(20):
        x = torch.mm(x, x).clamp(-1, 1)


def check(adapter, count, cuda):
    seen = []
    for x, y, _ in adapter.batches():
        busy(cuda)
        assert x.device == y.device == cuda
        seen.append((x.sum(1), y))
    torch.cuda.synchronize()
    sums, labels = torch.cat([s for s, _ in seen]), torch.cat([y for _, y in seen])
    assert torch.equal(sums, 64.0 * labels)
    assert sorted(labels.tolist()) == list(range(count))


def arrays(count=4096):
    return np.repeat(np.arange(count, dtype="float32")[:, None], 64, axis=1), np.arange(count)


@pytest.mark.parametrize("shuffle", [False, True, "batch"])
@pytest.mark.parametrize("fits", [True, False])
def test_arrays(cuda, monkeypatch, shuffle, fits):
    if not fits:
        monkeypatch.setattr(placement, "_room", lambda device: 0)
        monkeypatch.setattr(placement, "_CHUNK_BATCHES", 3)
    adapter = choose_adapter(*arrays(), batch_size=64, shuffle=shuffle, device=torch.device("cuda"))
    kind = placement.Resident if fits else placement.Hosted
    assert all(type(source) is kind for source in adapter._sources)
    check(adapter, 4096, cuda)


def test_resident_batches_need_no_synchronisation(cuda):
    adapter = choose_adapter(*arrays(), batch_size=64, shuffle=True, device=cuda)
    list(adapter.batches())
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert len(list(adapter.batches())) == 64
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_memory_mapped_files(cuda, tmp_path):
    x, y = arrays()
    np.save(tmp_path / "x.npy", x)
    check(choose_adapter(np.load(tmp_path / "x.npy", mmap_mode="r"), y, shuffle=True, device=cuda), 4096, cuda)


@pytest.mark.parametrize("pin_memory", [False, True])
def test_loaders(cuda, pin_memory):
    data = TensorDataset(*map(torch.from_numpy, arrays(1024)))
    check(choose_adapter(DataLoader(data, batch_size=64, pin_memory=pin_memory), device=cuda), 1024, cuda)


def test_generators_of_device_tensors(cuda):
    def batches():
        for start in range(0, 256, 32):
            busy(cuda)
            labels = torch.arange(start, start + 32, device=cuda)
            yield labels.double()[:, None].repeat(1, 64), labels

    check(choose_adapter(batches(), device=cuda), 256, cuda)
