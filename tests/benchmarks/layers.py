"""Times forward and backward of layers against the plain `torch.nn` modules that do the same.

    python tests/benchmarks/layers.py                       # every family, at a small and a realistic size
    python tests/benchmarks/layers.py --only Conv2D LSTM --rounds 60
    python tests/benchmarks/layers.py --keras --only LSTM   # also against Keras on its torch backend
    python tests/benchmarks/layers.py --device cuda

The two run in turn, in short bursts; the ratio of each pair of bursts is what counts, because machines drift. The last
column compares the fastest bursts, which other load disturbs least. Below 1 this library is faster.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from tabulate import tabulate
from torch import nn


class Family(NamedTuple):
    """One kind of layer: how both sides are made, and what they are given."""

    #: Makes the layer from a module `layers` and a size.
    make: Callable[[Any, dict[str, int]], Any]
    #: Makes torch's module.
    torch: Callable[[dict[str, int]], nn.Module]
    #: The input shape, channels-last.
    shape: Callable[[dict[str, int]], tuple[int, ...]]
    small: dict[str, int]
    large: dict[str, int]
    #: Whether torch's module reads channels on axis 1.
    images: bool = False
    integers: bool = False


class First(nn.Module):
    """A torch module of which only the first output counts."""

    def __init__(self, module: nn.Module, copies: int = 1) -> None:
        super().__init__()
        self.module, self.copies = module, copies

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.module(*[x] * self.copies)[0]


class WithoutWeights(nn.Module):
    """torch's attention, told not to return its scores."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.module(x, x, x, need_weights=False)[0]


class SelfAttention:
    """An attention layer that attends to its own input."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def __call__(self, x: Any) -> Any:
        return self.layer(x, x)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.layer, name)


def features(s: dict[str, int]) -> tuple[int, ...]:
    return s["b"], s["c"]


def steps(s: dict[str, int]) -> tuple[int, ...]:
    return s["b"], s["t"], s["c"]


def images(s: dict[str, int]) -> tuple[int, ...]:
    return s["b"], s["n"], s["n"], s["c"]


def volumes(s: dict[str, int]) -> tuple[int, ...]:
    return s["b"], s["n"], s["n"], s["n"], s["c"]


_FEW, _MANY = {"b": 32, "c": 64, "f": 64}, {"b": 256, "c": 784, "f": 512}
_SHORT, _LONG = {"b": 8, "t": 16, "c": 32, "f": 32}, {"b": 32, "t": 128, "c": 128, "f": 128}
_ICON, _PHOTO = {"b": 8, "n": 12, "c": 8, "f": 8}, {"b": 16, "n": 32, "c": 32, "f": 32}
_CUBE, _SCAN = {"b": 4, "n": 6, "c": 4, "f": 4}, {"b": 4, "n": 16, "c": 16, "f": 16}
_HEADS = {"heads": 4}

FAMILIES = {
    "Dense": Family(lambda m, s: m.Dense(s["f"]), lambda s: nn.Linear(s["c"], s["f"]), features, _FEW, _MANY),
    "Dense relu": Family(
        lambda m, s: m.Dense(s["f"], "relu"),
        lambda s: nn.Sequential(nn.Linear(s["c"], s["f"]), nn.ReLU()),
        features,
        _FEW,
        _MANY,
    ),
    "Embedding": Family(
        lambda m, s: m.Embedding(1000, s["f"]), lambda s: nn.Embedding(1000, s["f"]), features, _FEW, _MANY, False, True
    ),
    "Conv1D": Family(
        lambda m, s: m.Conv1D(s["f"], 3, padding="same"),
        lambda s: nn.Conv1d(s["c"], s["f"], 3, padding=1),
        steps,
        _SHORT,
        _LONG,
        True,
    ),
    "Conv2D": Family(
        lambda m, s: m.Conv2D(s["f"], 3), lambda s: nn.Conv2d(s["c"], s["f"], 3), images, _ICON, _PHOTO, True
    ),
    "Conv3D": Family(
        lambda m, s: m.Conv3D(s["f"], 3), lambda s: nn.Conv3d(s["c"], s["f"], 3), volumes, _CUBE, _SCAN, True
    ),
    "Conv2DTranspose": Family(
        lambda m, s: m.Conv2DTranspose(s["f"], 2, 2),
        lambda s: nn.ConvTranspose2d(s["c"], s["f"], 2, 2),
        images,
        _ICON,
        _PHOTO,
        True,
    ),
    "DepthwiseConv2D": Family(
        lambda m, s: m.DepthwiseConv2D(3),
        lambda s: nn.Conv2d(s["c"], s["c"], 3, groups=s["c"]),
        images,
        _ICON,
        _PHOTO,
        True,
    ),
    "SeparableConv2D": Family(
        lambda m, s: m.SeparableConv2D(s["f"], 3),
        lambda s: nn.Sequential(nn.Conv2d(s["c"], s["c"], 3, groups=s["c"], bias=False), nn.Conv2d(s["c"], s["f"], 1)),
        images,
        _ICON,
        _PHOTO,
        True,
    ),
    "MaxPooling2D": Family(lambda m, s: m.MaxPooling2D(2), lambda s: nn.MaxPool2d(2), images, _ICON, _PHOTO, True),
    "AveragePooling2D": Family(
        lambda m, s: m.AveragePooling2D(2), lambda s: nn.AvgPool2d(2), images, _ICON, _PHOTO, True
    ),
    "GlobalAveragePooling2D": Family(
        lambda m, s: m.GlobalAveragePooling2D(),
        lambda s: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        images,
        _ICON,
        _PHOTO,
        True,
    ),
    "UpSampling2D": Family(
        lambda m, s: m.UpSampling2D(2), lambda s: nn.Upsample(scale_factor=2), images, _ICON, _PHOTO, True
    ),
    "BatchNormalization": Family(
        lambda m, s: m.BatchNormalization(), lambda s: nn.BatchNorm2d(s["c"], 1e-3, 0.01), images, _ICON, _PHOTO, True
    ),
    "LayerNormalization": Family(
        lambda m, s: m.LayerNormalization(), lambda s: nn.LayerNorm(s["c"], 1e-3), steps, _SHORT, _LONG
    ),
    "GroupNormalization": Family(
        lambda m, s: m.GroupNormalization(4), lambda s: nn.GroupNorm(4, s["c"], 1e-3), images, _ICON, _PHOTO, True
    ),
    "RMSNormalization": Family(
        lambda m, s: m.RMSNormalization(), lambda s: nn.RMSNorm(s["c"], 1e-6), steps, _SHORT, _LONG
    ),
    "Dropout": Family(lambda m, s: m.Dropout(0.5), lambda s: nn.Dropout(0.5), features, _FEW, _MANY),
    "SimpleRNN": Family(
        lambda m, s: m.SimpleRNN(s["f"], return_sequences=True),
        lambda s: First(nn.RNN(s["c"], s["f"], batch_first=True)),
        steps,
        _SHORT,
        _LONG,
    ),
    "LSTM": Family(
        lambda m, s: m.LSTM(s["f"], return_sequences=True),
        lambda s: First(nn.LSTM(s["c"], s["f"], batch_first=True)),
        steps,
        _SHORT,
        _LONG,
    ),
    "GRU": Family(
        lambda m, s: m.GRU(s["f"], return_sequences=True),
        lambda s: First(nn.GRU(s["c"], s["f"], batch_first=True)),
        steps,
        _SHORT,
        _LONG,
    ),
    "Bidirectional LSTM": Family(
        lambda m, s: m.Bidirectional(m.LSTM(s["f"], return_sequences=True)),
        lambda s: First(nn.LSTM(s["c"], s["f"], batch_first=True, bidirectional=True)),
        steps,
        _SHORT,
        _LONG,
    ),
    "MultiHeadAttention": Family(
        lambda m, s: SelfAttention(m.MultiHeadAttention(4, s["c"] // 4)),
        lambda s: WithoutWeights(nn.MultiheadAttention(s["c"], 4, batch_first=True)),
        steps,
        _SHORT,
        _LONG,
    ),
}


def input_of(family: Family, size: dict[str, int], device: str, channels_first: bool) -> torch.Tensor:
    """Returns the input of one side, in the layout that its layer reads."""
    shape = family.shape(size)
    if family.integers:
        return torch.randint(0, 1000, shape, device=device)
    x = torch.randn(shape, device=device)
    if channels_first:
        x = x.movedim(-1, 1).contiguous()
    return x.requires_grad_()


def stepper(layer: Any, x: torch.Tensor, training: dict[str, bool]) -> Callable[[], None]:
    """Returns a function that goes forward and backward once."""
    cotangent = torch.randn_like(layer(x, **training))
    weights = [weight for weight in layer.parameters() if weight.requires_grad]
    leaves = [*weights, x] if x.requires_grad else weights

    def step() -> None:
        for leaf in leaves:
            leaf.grad = None
        layer(x, **training).backward(cotangent)

    return step


def burst(step: Callable[[], object], calls: int, device: str) -> float:
    """Returns the seconds that a number of calls take."""
    if device != "cpu":
        torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(calls):
        step()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def of_library(name: str, size: dict[str, int], device: str, keras: Any, always_training: bool = False) -> Any:
    """Returns the step of a layer of this library's, or of Keras's."""
    family = FAMILIES[name]
    layer = family.make(keras.layers, size)
    x = input_of(family, size, device, channels_first=False)
    if always_training:  # Keras has no mode
        has_mode = getattr(layer, "_call_has_training_arg", False) and not isinstance(layer, SelfAttention)
        return stepper(layer, x, {"training": True} if has_mode else {})
    with torch.device(device):  # not around what is timed: it costs something in every call of a torch function
        layer(x)
    layer.train()
    return stepper(layer, x, {})


def of_torch(name: str, size: dict[str, int], device: str) -> Any:
    """Returns the step of torch's module."""
    family = FAMILIES[name]
    return stepper(family.torch(size).to(device), input_of(family, size, device, family.images), {})


class KerasOnTorch:
    """Real Keras in a process of its own: its backend is chosen once per process."""

    def __init__(self, threads: int, device: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--serve", "--threads", str(threads), "--device", device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "KERAS_BACKEND": "torch"},
        )

    def burst(self, name: str, which: str, calls: int) -> float:
        """Returns the seconds that a number of calls take there."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([name, which, calls]) + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def serve(device: str) -> None:
    """Answers orders on standard input with the seconds they took."""
    import keras

    steps_of: dict[tuple[str, str], Any] = {}
    for line in sys.stdin:
        name, which, calls = json.loads(line)
        if (name, which) not in steps_of:
            steps_of[name, which] = of_library(name, getattr(FAMILIES[name], which), device, keras, True)
            burst(steps_of[name, which], 3, device)
        print(burst(steps_of[name, which], calls, device), flush=True)


def measure(name: str, which: str, arguments: argparse.Namespace, keras: Any, other: KerasOnTorch | None) -> list[Any]:
    """Returns one row of the table."""
    size, device = getattr(FAMILIES[name], which), arguments.device
    mine, theirs = of_library(name, size, device, keras), of_torch(name, size, device)
    for step in (mine, theirs):
        burst(step, 3, device)
    calls = max(1, int(0.02 / (burst(theirs, 5, device) / 5)))
    times: list[list[float]] = []
    for _ in range(arguments.rounds):
        times.append([burst(mine, calls, device), burst(theirs, calls, device)])
        if other is not None:
            times[-1].append(other.burst(name, which, max(calls // 5, 1)) * calls / max(calls // 5, 1))
    ours, torchs = (min(column) for column in list(zip(*times, strict=True))[:2])
    low, middle, high = statistics.quantiles([a / b for a, b, *_ in times], n=4)
    row = [
        name,
        which,
        f"{1e6 * ours / calls:.0f}",
        f"{middle:.2f}",
        f"{low:.2f} to {high:.2f}",
        f"{ours / torchs:.2f}",
    ]
    if other is not None:
        row.append(f"{statistics.median(c / a for a, _, c in times):.1f} x")
    return row


def main() -> None:
    """Prints a table with a row per layer and size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    parser.add_argument("--sizes", nargs="+", choices=["small", "large"], default=["small", "large"])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--keras", action="store_true", help="compare with Keras on its torch backend, too")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.serve:
        return serve(arguments.device)
    import torchkeras_shim as keras

    keras.utils.set_random_seed(0)
    other = KerasOnTorch(arguments.threads, arguments.device) if arguments.keras else None
    rows = [measure(name, which, arguments, keras, other) for name in arguments.only for which in arguments.sizes]
    headers = ["layer", "size", "µs", "of torch.nn", "half of the rounds", "fastest"]
    print(tabulate(rows, [*headers, "Keras on torch takes"] if other else headers, disable_numparse=True))
    return None


if __name__ == "__main__":
    main()
