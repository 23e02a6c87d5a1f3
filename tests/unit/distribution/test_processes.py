"""How a process finds its device, its part and the others, without any others."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import distribution
from torchkeras_shim.core import console, device
from torchkeras_shim.data import choose_adapter
from torchkeras_shim.data.splitting import split
from torchkeras_shim.distribution import processes, strategies
from torchkeras_shim.distribution.portion import Work, bounds


class OneOf:
    """One of several processes, without the others."""

    def __init__(self, rank, count):
        self.rank, self.count = rank, count

    def spread(self, tensors):
        """Keeps its own, as the first process does."""

    def largest(self, *numbers):
        """Finds the same in all processes."""
        return list(numbers)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_parts_are_all_rows_once(count):
    sizes = np.zeros((40, count), dtype=int)
    for rows in range(40):
        parts = [bounds(rows, rank, count) for rank in range(count)]
        assert [row for start, stop in parts for row in range(start, stop)] == list(range(rows))
        sizes[rows] = [stop - start for start, stop in parts]
    assert (np.diff(sizes, axis=0) >= 0).all()  # nobody gets more of a smaller batch


@pytest.mark.parametrize(("rows", "size", "count"), [(10, 4, 2), (7, 3, 4), (2, 8, 3), (9, 9, 2)])
def test_batches_of_arrays_are_cut(rows, size, count):
    torch.manual_seed(3)
    whole = [batch[0].tolist() for batch in choose_adapter(np.arange(rows), batch_size=size, shuffle=True).batches()]
    found = [[] for _ in whole]
    for rank in range(count):
        torch.manual_seed(3)
        part = split(choose_adapter(np.arange(rows), batch_size=size, shuffle=True), OneOf(rank, count))
        assert (part.num_batches, part.num_samples, part.batch_size) == (len(whole), rows, size)
        for number, (x, _, _) in enumerate(part.batches()):
            assert Work.handed.total == len(whole[number])
            assert len(x) == max(1, Work.handed.rows)
            found[number] += x.tolist()[: Work.handed.rows]
    Work.handed = None
    assert found == whole


def test_rows_of_a_loader_that_are_others_are_not_read():
    read = []

    class Rows(torch.utils.data.Dataset):
        def __len__(self):
            return 10

        def __getitem__(self, index):
            read.append(index)
            return torch.tensor([float(index)])

    loader = torch.utils.data.DataLoader(Rows(), batch_size=4)
    part = split(choose_adapter(loader), OneOf(1, 2))
    assert [x.flatten().tolist() for x, _, _ in part.batches()] == [[2, 3], [6, 7], [9]]
    assert read == [2, 3, 6, 7, 9]
    assert part.counts == [2, 2, 1]
    Work.handed = None


def test_initialize_says_what_is_missing(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "KERAS_DISTRIBUTION_NUM_PROCESSES"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match=r"does not know the other processes.*torchrun --nproc-per-node"):
        distribution.initialize()
    with pytest.raises(ValueError, match=r"from 0 to `num_processes - 1`.*process_id=2, num_processes=2"):
        distribution.initialize("localhost:1", 2, 2)


def test_under_launcher(monkeypatch):
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "here"), ("MASTER_PORT", "1")):
        assert not processes.under_launcher()
        monkeypatch.setenv(name, value)
    assert processes.under_launcher()
    monkeypatch.setattr(strategies._Current, "value", None)
    assert strategies.joined() is None  # each for itself, by the user's word


def test_each_process_has_its_own_device(monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available=False: torch.device("cuda"))
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 4)
    monkeypatch.setattr(torch.accelerator, "set_device_index", chosen.append)
    monkeypatch.setattr(torch.accelerator, "current_device_index", lambda: chosen[-1] if chosen else 0)
    assert device._best() == torch.device("cuda", 0)
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_RANK", "2")
    assert device._best() == torch.device("cuda", 2)
    assert chosen == [2]


def test_other_processes_are_silent(capsys):
    console.mute(True)
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).summary()
    console.mute(False)
    assert capsys.readouterr().out == ""


def test_scopes_and_values(monkeypatch):
    monkeypatch.setattr(strategies._Current, "value", ...)
    assert distribution.distribution() is None
    outer, inner = distribution.DataParallel(devices=["cpu:0"]), distribution.DataParallel(devices=["cpu:0"])
    with outer.scope():
        assert distribution.distribution() is distribution.get_distribution() is outer
        with inner.scope():
            assert distribution.distribution() is inner
        assert distribution.distribution() is outer
    assert strategies._Current.value is ...
    with pytest.raises(ValueError, match="Expected a distribution such as"):
        distribution.set_distribution("DataParallel")
    with pytest.raises(ValueError, match="'global' or 'local'"):
        distribution.DataParallel(devices=["cpu:0"], batch_statistics="mine")
    with pytest.raises(ValueError, match="at most one entry for each axis"):
        distribution.distribute_tensor(torch.ones(2), distribution.TensorLayout([None, None], outer.device_mesh))
    with pytest.raises(ValueError, match="Cannot create sharding when device mesh is not set"):
        distribution.distribute_tensor(torch.ones(2), distribution.TensorLayout([None]))
    symbolic = keras.Input((2,))
    assert distribution.distribute_tensor(symbolic, distribution.TensorLayout([None, None])) is symbolic


def test_what_cannot_be_trained_by_is_refused(monkeypatch):
    class Own(distribution.Distribution):
        pass

    monkeypatch.setattr(processes, "known", lambda: OneOf(0, 2))
    monkeypatch.setattr(strategies._Current, "value", Own(distribution.DeviceMesh((2,), ["batch"], ["cpu:0", "cpu:1"])))
    with pytest.raises(NotImplementedError, match=r"by Own is not supported.*DataParallel"):
        strategies.joined()
