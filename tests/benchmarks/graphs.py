"""Times the forward pass of a 50-layer residual functional model against the same network written by hand in torch.

python tests/benchmarks/graphs.py

The two run in turn, in short bursts; the ratio of each pair of bursts is what counts, because machines drift.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

import torchkeras_shim as keras
from torchkeras_shim import layers


class Residual(torch.nn.Module):
    """What a person would write by hand."""

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        self.blocks = torch.nn.ModuleList(torch.nn.Linear(width, width) for _ in range(depth))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = x + torch.relu(block(x))
        return x


def functional(depth: int, width: int) -> keras.Model:
    """The same as a graph of Keras layers."""
    x = inputs = keras.Input((width,))
    for _ in range(depth):
        x = x + layers.Dense(width, activation="relu")(x)
    return keras.Model(inputs, x)


def burst(model: torch.nn.Module, x: torch.Tensor, calls: int) -> float:
    """Returns the seconds that a number of calls take."""
    start = time.perf_counter()
    for _ in range(calls):
        model(x)
    return time.perf_counter() - start


def main() -> None:
    """Prints the ratio for a small and a larger width."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--depth", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=60)
    arguments = parser.parse_args()
    for width, batch in ((32, 32), (256, 128)):
        ours, theirs = functional(arguments.depth, width), Residual(arguments.depth, width).eval()
        x = torch.rand(batch, width)
        ratios = []
        with torch.no_grad():
            for _ in range(arguments.rounds):
                mine = burst(ours, x, 20)
                ratios.append(mine / burst(theirs, x, 20))
        low, middle, high = statistics.quantiles(ratios[5:], n=4)
        print(f"width {width}, batch {batch}: {middle:.3f} times the hand-written module ({low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
