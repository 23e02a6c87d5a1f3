"""The stand-in accelerator itself, and what `core.device` says of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from tests.accelerator.device import counted, no_waiting
from torchkeras_shim import layers
from torchkeras_shim.core import device as devices
from torchkeras_shim.core.random_state import RandomState
from torchkeras_shim.core.seeding import SeedGenerator


def test_memory_is_its_own(accelerator):
    here = torch.ones(3).to(accelerator)
    for mixed in (
        lambda: here + torch.ones(3),
        lambda: torch.ones(3) + here,
        lambda: torch.ones(()).add_(here.sum()),
        lambda: torch.cat([here, torch.ones(3)]),
        lambda: torch.mm(here[None], torch.ones(3, 1)),
        lambda: here[torch.tensor([0])],
        lambda: torch.nn.functional.linear(torch.ones(2, 3), here[None]),
    ):
        with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
            mixed()
    with pytest.raises(TypeError, match="can't convert"):
        here.numpy()
    assert (here * torch.tensor(2.0)).tolist() == [2.0, 2.0, 2.0]  # a number, as on CUDA


def test_what_is_counted(accelerator):
    with counted() as counts:
        here = torch.ones(3, 3).to(accelerator)
        bool((here @ here > 2).all())
        here.cpu()
        here.nonzero()
    assert (counts.host_reads, counts.host_copies, counts.host_copy_bytes) == (3, 1, 36)
    assert counts.allocations >= 2
    with counted() as counts:
        here[0].add_(1).mul_(2)
        here.t().contiguous()
    assert (counts.host_reads, counts.host_copies, counts.bytes_held) == (0, 0, 0)


def test_waiting_can_be_an_error(accelerator):
    here = torch.ones(3).to(accelerator)
    pinned = torch.ones(3).pin_memory()
    with no_waiting():
        (here + 1).sum()
        pinned.to(accelerator, non_blocking=True)
        for wait in (here.sum().item, here.cpu, lambda: torch.tensor(1.0, device=accelerator), here.nonzero):
            with pytest.raises(RuntimeError, match="would wait for the stand-in device"):
                wait()


def test_views_and_resizing(accelerator):
    base = torch.zeros(2, 3, device=accelerator)
    base.t()[1].fill_(5)
    out = torch.empty(0, device=accelerator)
    torch.add(base, 1, out=out)
    assert base.tolist() == [[0, 5, 0], [0, 5, 0]]
    assert out.tolist() == [[1, 6, 1], [1, 6, 1]]
    out.resize_(3).zero_()
    assert out.tolist() == [0, 0, 0]


def test_it_is_found(accelerator, monkeypatch):
    monkeypatch.delenv(devices.ENVIRONMENT_VARIABLE)
    monkeypatch.setattr(devices, "_default", None)
    assert devices.default_device() == accelerator
    assert layers.Dense(2)(np.ones((1, 2), "float32")).device == accelerator
    monkeypatch.setattr(devices, "_default", None)
    monkeypatch.setenv(devices.ENVIRONMENT_VARIABLE, "cpu")
    assert devices.default_device() == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "gpu:0", "/device:GPU:0", "/GPU:0", "stand_in", "stand_in:0"])
def test_its_names(accelerator, name):
    with devices.device(name) as place:
        assert place == accelerator


def test_what_it_can_do(accelerator):
    assert devices.has_streams(accelerator)
    assert not devices.has_graphs(accelerator)
    assert devices.free_memory(accelerator) == float("inf")
    assert devices.accelerators() == [accelerator]
    assert devices.describe(accelerator) == "stand_in:0"
    with counted() as counts:
        devices.synchronize(accelerator)
    assert counts.host_reads == 1


def test_random_numbers(on_accelerator):
    state = RandomState()
    drawn = torch.rand(3, device=on_accelerator), torch.rand(3)
    RandomState.from_config(state.to_config()).restore()
    again = torch.rand(3, device=on_accelerator), torch.rand(3)
    assert all(torch.equal(one, other) for one, other in zip(drawn, again, strict=True))
    for seed in (5, SeedGenerator(5)):
        assert keras.random.normal((2,), seed=seed).device == on_accelerator


def test_shapes_are_inferred_without_drawing(on_accelerator):
    before = devices.generator_of(on_accelerator).get_state()
    model = keras.Sequential([keras.Input((4,)), layers.Dropout(0.5), torch.nn.Dropout(0.5), layers.Flatten()])
    model.train()
    assert model.output_shape == (None, 4)
    assert torch.equal(devices.generator_of(on_accelerator).get_state(), before)
