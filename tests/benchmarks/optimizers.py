"""Times one update of each optimizer against torch's own of the same name.

python tests/benchmarks/optimizers.py

Each pair runs in turn, in short bursts, on the parameters of a 784-128-10 perceptron; the ratio of each pair of bursts
is what counts, because machines drift. Below 1 this library is faster.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

import torchkeras_shim as keras

SHAPES = [(784, 128), (128,), (128, 10), (10,)]
PAIRS: dict[str, tuple[Callable[[], object], str, Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer]]] = {
    "Adam": (keras.optimizers.Adam, "fused", lambda p: torch.optim.Adam(p, fused=True)),
    "AdamW": (lambda: keras.optimizers.AdamW(weight_decay=0.01), "fused", lambda p: torch.optim.AdamW(p, fused=True)),
    "SGD with momentum": (
        lambda: keras.optimizers.SGD(0.01, momentum=0.9),
        "fused",
        lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, fused=True),
    ),
    "Adagrad": (keras.optimizers.Adagrad, "fused", lambda p: torch.optim.Adagrad(p, fused=True)),
    "RMSprop": (keras.optimizers.RMSprop, "foreach", lambda p: torch.optim.RMSprop(p, foreach=True)),
    "Adadelta": (keras.optimizers.Adadelta, "foreach", lambda p: torch.optim.Adadelta(p, foreach=True)),
    "Adamax": (keras.optimizers.Adamax, "foreach", lambda p: torch.optim.Adamax(p, foreach=True)),
    "Nadam": (keras.optimizers.Nadam, "foreach", lambda p: torch.optim.NAdam(p, foreach=True)),
}


def parameters() -> list[torch.nn.Parameter]:
    """Returns parameters with gradients."""
    made = [torch.nn.Parameter(torch.randn(shape)) for shape in SHAPES]
    for parameter in made:
        parameter.grad = torch.randn_like(parameter)
    return made


def burst(step: Callable[[], object], calls: int) -> float:
    """Returns the seconds that a number of calls take."""
    start = time.perf_counter()
    for _ in range(calls):
        step()
    return time.perf_counter() - start


def main() -> None:
    """Prints a ratio per optimizer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    for name, (make, kind, make_torch) in PAIRS.items():
        mine, theirs = parameters(), parameters()
        optimizer, torch_optimizer = make(), make_torch(theirs)
        optimizer.build(mine)
        step, grads = optimizer.stepper(mine), [parameter.grad for parameter in mine]
        ratios = []
        for _ in range(arguments.rounds):
            ratios.append(burst(lambda s=step, g=grads: s(g), 20) / burst(torch_optimizer.step, 20))
        low, middle, high = statistics.quantiles(ratios[5:], n=4)
        print(f"{name:18} {middle:.2f} of torch's {kind} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
