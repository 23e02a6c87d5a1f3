"""BatchNormalization(synchronized=True): two processes with a part of the batch each compute what one does with all."""

import pytest
import torch

from tests import warm
from torchkeras_shim import layers

WORKER = """
import os
import sys
import torch
import torch.distributed as dist
from torchkeras_shim import layers

folder, other = sys.argv[1], os.fork()
rank = int(other == 0)
dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
given = torch.load(f"{folder}/given.pt")
results = []
for mask in (None, given["mask"]):
    layer = layers.BatchNormalization(momentum=0.5, synchronized=True)
    part = slice(0, 4) if rank == 0 else slice(4, 10)
    x = given["x"][part].clone().requires_grad_()
    y = layer(x, training=True, **({} if mask is None else {"mask": mask[part]}))
    (y * given["cotangent"][part]).sum().backward()
    for weight in (layer.gamma, layer.beta):
        dist.all_reduce(weight.grad)  # as DistributedDataParallel does
    results.append([t.detach() for t in (y, x.grad, layer.gamma.grad, layer.moving_mean, layer.moving_variance)])
torch.save(results, f"{folder}/result{rank}.pt")
dist.destroy_process_group()
if rank == 1:
    os._exit(0)
assert os.waitpid(other, 0)[1] == 0
"""


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch was built without torch.distributed")
def test_two_processes_normalize_as_one(tmp_path):
    torch.manual_seed(0)
    given = {"x": torch.randn(10, 3, 2), "cotangent": torch.randn(10, 3, 2), "mask": torch.rand(10, 3) > 0.4}
    torch.save(given, tmp_path / "given.pt")
    done = warm.run("-c", WORKER, tmp_path)
    assert done.returncode == 0, done.stderr
    parts = [torch.load(tmp_path / f"result{rank}.pt") for rank in range(2)]
    for index, mask in enumerate((None, given["mask"])):
        layer = layers.BatchNormalization(momentum=0.5)
        x = given["x"].clone().requires_grad_()
        y = layer(x, training=True, **({} if mask is None else {"mask": mask}))
        (y * given["cotangent"]).sum().backward()
        first, second = (part[index] for part in parts)
        expected = (y, x.grad, layer.gamma.grad, layer.moving_mean, layer.moving_variance)
        for place, wanted in enumerate(expected):
            mine = torch.cat([first[place], second[place]]) if place < 2 else first[place]
            torch.testing.assert_close(mine, wanted.detach().as_subclass(torch.Tensor), rtol=1e-4, atol=1e-5)
            if place >= 2:
                torch.testing.assert_close(second[place], first[place], rtol=0, atol=0)


def test_one_process_needs_no_others():
    x = torch.randn(5, 4)
    one, other = layers.BatchNormalization(synchronized=True), layers.BatchNormalization()
    torch.testing.assert_close(one(x, training=True), other(x, training=True))
    assert layers.BatchNormalization.from_config(one.get_config()).synchronized
