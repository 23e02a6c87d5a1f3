"""Times data-parallel `fit` against torch's `DistributedDataParallel` by hand, in 1 and 2 processes of one thread each.

    python tests/benchmarks/distributed.py
    python tests/benchmarks/distributed.py --models cnn --rounds 9 --steps 60

All contestants live in each process and take turns, so that whatever else the machine does hits them alike; ratios
are taken within a round. `batch_size` is per process: twice as many processes do twice as much. Besides, the time that
adding up the gradients takes by itself is told: what overlaps with the backward pass is less.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from tabulate import tabulate
from torch.nn.parallel import DistributedDataParallel

import torchkeras_shim as keras
from torchkeras_shim import layers


def cnn() -> tuple[Any, torch.Tensor, torch.Tensor, int]:
    """Returns a network for images of 28 by 28, with data and a batch size."""
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10),
        ]
    )
    return model, torch.rand(2048, 28, 28, 1), torch.randint(0, 10, (2048,)), 32


def transformer() -> tuple[Any, torch.Tensor, torch.Tensor, int]:
    """Returns two blocks of attention over 32 tokens, with data and a batch size."""
    tokens = keras.Input((32,), dtype="int32")
    x = layers.Embedding(1000, 64)(tokens)
    for _ in range(2):
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(4, 16)(x, x))
        x = layers.LayerNormalization()(x + layers.Dense(64)(layers.Dense(128, activation="gelu")(x)))
    model = keras.Model(tokens, layers.Dense(10)(layers.GlobalAveragePooling1D()(x)))
    return model, torch.randint(0, 1000, (2048, 32)), torch.randint(0, 10, (2048,)), 16


MODELS = {"cnn": cnn, "transformer": transformer}


def contestants(name: str, steps: int) -> dict[str, Callable[[], Any]]:
    """Returns what each contestant does in a round: so many steps."""
    world = dist.get_world_size() if dist.is_initialized() else 1
    rank = dist.get_rank() if dist.is_initialized() else 0

    def fitting() -> Callable[[], Any]:
        keras.utils.set_random_seed(0)
        model, x, y, size = MODELS[name]()
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
        return lambda: model.fit(x, y, batch_size=size * world, epochs=1, steps_per_epoch=steps, verbose=0)

    def by_hand(exchange: bool = True) -> Callable[[], Any]:
        keras.utils.set_random_seed(0)
        model, x, y, size = MODELS[name]()
        model.train()
        parallel = DistributedDataParallel(model, gradient_as_bucket_view=True) if world > 1 and exchange else model
        optimizer = torch.optim.Adam(model.parameters(), fused=True)
        total = torch.zeros(())

        def run() -> None:
            order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[rank::world]
            for step in range(steps):
                rows = order[step * size % len(order) :][:size]
                loss = torch.nn.functional.cross_entropy(parallel(x[rows]), y[rows])
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                total.add_(loss.detach(), alpha=size)
            float(total)

        return run

    found = {"fit": fitting(), "by hand": by_hand()}
    if world > 1:
        found["by hand, nothing exchanged"] = by_hand(exchange=False)
        model = MODELS[name]()[0]
        flat = torch.zeros(sum(weight.numel() for weight in model.parameters()))
        found["the exchange alone"] = lambda: [dist.all_reduce(flat) for _ in range(steps)]
    return found


_HEADERS = ["", "ms per step", "by hand = 1", "ms of processor", "by hand = 1"]


def _told(times: dict[str, list[float]], label: str) -> list[str]:
    ratio = statistics.median(a / b for a, b in zip(times[label], times["by hand"], strict=True))
    return [f"{1e3 * statistics.median(times[label]):.2f}", f"{ratio:.2f}"]


def worker(arguments: argparse.Namespace) -> None:
    """Times everything as one of the processes that `torchrun` has started."""
    torch.set_num_threads(1)
    world = int(os.environ["WORLD_SIZE"])
    if world > 1:
        keras.distribution.initialize()
    for name in arguments.models:
        todo = contestants(name, arguments.steps)
        times: dict[str, list[float]] = {label: [] for label in todo}
        used: dict[str, list[float]] = {label: [] for label in todo}  # of the processor, whatever else it does
        for number in range(arguments.rounds + 1):
            for label, run in todo.items():
                if world > 1:
                    dist.barrier()
                start, started = time.perf_counter(), time.process_time()
                run()
                if number:
                    used[label].append((time.process_time() - started) / arguments.steps)
                    times[label].append((time.perf_counter() - start) / arguments.steps)
        if int(os.environ["RANK"]) == 0:
            rows = [[label, *_told(times, label), *_told(used, label)] for label in times]
            print(f"\n{name}, {world} process{'es' * (world > 1)} of one thread")
            print(tabulate(rows, _HEADERS, disable_numparse=True), flush=True)


def main() -> None:
    """Starts the processes, or is one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=30)
    arguments = parser.parse_args()
    if "RANK" in os.environ:
        worker(arguments)
        return
    for count in (1, 2):
        launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(count), __file__]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run([*launcher, *sys.argv[1:]], check=True, env=environment)


if __name__ == "__main__":
    main()
