"""What the zero-change mode costs: steps with a tape, data sets in `fit`, and the import.

    python tests/benchmarks/tapes.py [--rounds 40]

The contestants take turns, the ratios are taken within a round, and the median of all rounds counts: what else the
machine does hits all of a round alike.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

import numpy as np
import torch
from pipelines import BATCH

import torchkeras_shim.compat

torchkeras_shim.compat.install()

import tensorflow as tf  # noqa: E402 - after the stand-ins are there

STEPS = 20
#: The seconds that `import tensorflow` takes where torch is there already.
IMPORT = """
import time, torch, torchkeras_shim.compat as compat
compat.install()
begin = time.perf_counter()
import tensorflow
print(time.perf_counter() - begin)
"""


def turns(contestants, rounds):
    """The median seconds of each contestant, and of its ratios to the first one."""
    seconds = {name: [] for name in contestants}
    for _ in range(rounds + 1):
        for name, run in contestants.items():
            begin = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - begin)
    first = next(iter(seconds.values()))
    return {
        name: (statistics.median(own[1:]), statistics.median(a / b for a, b in zip(own[1:], first[1:], strict=True)))
        for name, own in seconds.items()
    }


def network():
    """A perceptron of three layers."""
    layers = tf.keras.layers
    model = tf.keras.Sequential([layers.Dense(width, activation="relu") for width in (128, 64)] + [layers.Dense(10)])
    model(np.zeros((1, 784), "float32"))
    return model


def steps():
    """The gradients of a step: by a tape, and by torch alone."""
    model, loss_of = network(), torch.nn.functional.cross_entropy
    x, y = torch.randn(BATCH, 784), torch.randint(0, 10, (BATCH,))
    weights = model.trainable_variables

    def by_torch():
        for _ in range(STEPS):
            torch.autograd.grad(loss_of(model(x), y), weights)

    def by_tape():
        for _ in range(STEPS):
            with tf.GradientTape() as tape:
                loss = loss_of(model(x), y)
            tape.gradient(loss, weights)

    def by_persistent_tape():
        for _ in range(STEPS):
            with tf.GradientTape(persistent=True) as tape:
                loss = loss_of(model(x), y)
            tape.gradient(loss, weights)

    return {"torch.autograd.grad": by_torch, "tape": by_tape, "persistent tape": by_persistent_tape}


def fits():
    """Training on arrays, and on a data set of them."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4_000, 784)).astype("float32"), rng.integers(0, 10, 4_000)
    model = network()
    model.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(BATCH).prefetch(tf.data.AUTOTUNE)
    return {
        "fit(arrays)": lambda: model.fit(x, y, batch_size=BATCH, verbose=0),
        "fit(dataset)": lambda: model.fit(data, verbose=0),
    }


def import_seconds(rounds):
    """The least seconds of `import tensorflow` beyond torch, each time in a new process."""
    times = (subprocess.run([sys.executable, "-c", IMPORT], check=True, capture_output=True) for _ in range(rounds))
    return min(float(one.stdout) for one in times)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    given = parser.parse_args()
    for title, contestants in {"a step": steps(), "training": fits()}.items():
        print(title)
        for name, (seconds, ratio) in turns(contestants, given.rounds).items():
            print(f"{name:32} {seconds:8.3f} s  {ratio:6.3f}")
    print(f"import tensorflow                {import_seconds(5):8.3f} s")


if __name__ == "__main__":
    main()
