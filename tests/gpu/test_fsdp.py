"""A Keras model under torch's FSDP, where two GPUs are: the numbers of the same loop on one."""

from __future__ import annotations

import os
import socket

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing
from torch.distributed.fsdp import fully_shard

import torchkeras_shim as keras
from torchkeras_shim import layers

pytestmark = pytest.mark.gpu

WORLD, STEPS = 2, 5


def model_on(device):
    keras.utils.set_random_seed(0)
    with keras.device("cpu"):
        model = keras.Sequential([keras.Input((6,)), layers.Dense(8, "relu"), layers.Dense(2)])
    return model.to(device).train()


def trained(model, x, y):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(STEPS):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
    return model


def data(device):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(8, 6, generator=generator).to(device)
    return x, x[:, :2].sin()


def worker(rank, port, kind):
    """Trains half of each batch on one of two devices, and compares with the whole batch on one."""
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    device = torch.device("cuda", rank) if kind == "cuda" else torch.device("cpu")
    if kind == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if kind == "cuda" else "gloo", rank=rank, world_size=WORLD)
    try:
        mesh = dist.init_device_mesh(kind, (WORLD,))
        x, y = data(device)
        expected = trained(model_on(device), x, y)
        model = model_on(device)
        for layer in model.layers:
            fully_shard(layer, mesh=mesh)
        fully_shard(model, mesh=mesh)
        half = slice(rank * 4, rank * 4 + 4)
        trained(model, x[half], y[half])
        for one, other in zip(model.parameters(), expected.parameters(), strict=True):
            torch.testing.assert_close(one.full_tensor(), other.data, rtol=1e-4, atol=1e-5)
    finally:
        dist.destroy_process_group()


def spawn(kind):
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    torch.multiprocessing.spawn(worker, (port, kind), nprocs=WORLD)


@pytest.mark.skipif(torch.cuda.device_count() < WORLD, reason="needs two CUDA devices")
def test_a_sharded_model_trains_as_a_whole_one():
    spawn("cuda")


@pytest.mark.skipif(os.environ.get("GPU_TESTS_ON") != "stand_in", reason="tries the code of the test above on the CPU")
def test_the_same_on_two_processes_of_the_cpu():
    spawn("cpu")
