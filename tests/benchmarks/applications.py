"""Times networks of `keras.applications` beside torchvision's own, channels-last, in one process.

    python tests/benchmarks/applications.py ResNet50 --size 97 --batch 8
    KERAS_BACKEND=jax python tests/benchmarks/applications.py ResNet50 --size 97 --batch 8 --keras

Both have the same weights and, for pictures of 97 or 193, the same architecture: `torchvision_networks` says what is
done for it. How far the outputs are apart is printed first. Each round lets both compute once, one after the other.
Times are those of the processor, so that other programs on the machine lengthen them little. `predict` and `fit` are of
three batches, beside loops by hand. `--keras` times real Keras instead, alone; its "call" is `predict_on_batch`.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import time
from collections.abc import Callable

import torch
from torchvision_networks import NETWORKS, SCALES, copy_weights, network

import torchkeras_shim as keras

STEPS = 3


def seconds(function: Callable[[], object]) -> float:
    """Returns the processor's time for one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def pairs(name: str, size: int, batch: int) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """Returns what is timed: of each act torchvision's function and ours."""
    net = network(name, size)
    build = getattr(keras.applications, name)
    model = build(weights=None, input_shape=(size, size, 3), classifier_activation=None)
    copy_weights(net, model)
    pictures, y = torch.rand(batch, size, size, 3), torch.randint(0, 1000, (batch,))
    x, first = pictures * SCALES.get(name, 1), pictures.permute(0, 3, 1, 2)
    print_distance(name, net.eval(), model, first, x)
    loss, optimizer = torch.nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=1e-3)
    model.compile(keras.optimizers.SGD(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    data, labels = torch.cat([x] * STEPS), torch.cat([y] * STEPS)

    def infer(module: torch.nn.Module, inputs: torch.Tensor) -> None:
        module.eval()
        with torch.inference_mode():
            module(inputs)

    def predict() -> None:
        net.eval()
        with torch.inference_mode():
            torch.cat([net(part.permute(0, 3, 1, 2)) for part in torch.cat([pictures] * STEPS).split(batch)])

    def train() -> None:
        net.train()
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss(net(first), y).backward()
            optimizer.step()

    return {
        "a call": (lambda: infer(net, first), lambda: infer(model, x)),
        "predict": (predict, lambda: model.predict(data, batch_size=batch, verbose=0)),
        "training": (train, lambda: model.fit(data, labels, batch_size=batch, verbose=0, shuffle=False)),
    }


def print_distance(name: str, net: torch.nn.Module, model: keras.Model, first: torch.Tensor, x: torch.Tensor) -> None:
    """Prints how far the two networks' outputs are apart, beside their size."""
    with torch.inference_mode():
        theirs, ours = net(first), model(x)
    print(f"{name}: outputs differ by {(ours - theirs).abs().max() / theirs.abs().max():.1e}", flush=True)


def keras_acts(name: str, size: int, batch: int) -> dict[str, Callable[[], object]]:
    """Returns what real Keras computes of each act."""
    real = importlib.import_module("keras")
    model = getattr(real.applications, name)(weights=None, input_shape=(size, size, 3), classifier_activation=None)
    model.compile(real.optimizers.SGD(1e-3), real.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = torch.rand(batch, size, size, 3).numpy(), torch.randint(0, 1000, (batch,)).numpy()
    data, labels = torch.rand(STEPS * batch, size, size, 3).numpy(), y.repeat(STEPS)
    return {
        "a call": lambda: model.predict_on_batch(x),
        "predict": lambda: model.predict(data, batch_size=batch, verbose=0),
        "training": lambda: model.fit(data, labels, batch_size=batch, verbose=0, shuffle=False),
    }


def time_keras(name: str, options: argparse.Namespace) -> None:
    """Prints the times of real Keras for one network."""
    for act, function in keras_acts(name, options.size, options.batch).items():
        for _ in range(2):
            function()
        rounds = [1e3 * seconds(function) for _ in range(options.rounds)]
        print(f"{name} {act}: keras {statistics.median(rounds):.1f} ms", flush=True)


def main() -> None:
    """Reads the command line, runs, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", choices=[*NETWORKS, []], default=list(NETWORKS))
    parser.add_argument("--size", type=int, default=97)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--keras", action="store_true", help="time real Keras, on the backend of KERAS_BACKEND")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name in options.networks:
        if options.keras:
            time_keras(name, options)
            continue
        for act, (theirs, ours) in pairs(name, options.size, options.batch).items():
            for function in (theirs, ours, ours):
                function()
            rounds = [(seconds(theirs), seconds(ours)) for _ in range(options.rounds)]
            ratio = statistics.median(own / other for other, own in rounds)
            other, own = (1e3 * statistics.median(one) for one in zip(*rounds, strict=True))
            print(
                f"{name} {act}: torchvision {other:.1f} ms, torchkeras_shim {own:.1f} ms, ratio {ratio:.2f}", flush=True
            )


if __name__ == "__main__":
    main()
