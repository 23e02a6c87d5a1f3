"""Data sets against what they replace: arrays in `fit`, and readers of JPEG files of tf.data and torch.

    python tests/benchmarks/pipelines.py [--images 512] [--rounds 7]

The contestants take turns, and the least time of each counts, because a busy machine only ever adds to it. tf.data
takes part where TensorFlow is installed.
"""

from __future__ import annotations

import argparse
import pathlib
import tempfile
import time

import numpy as np
import torch
from torch.utils.data import DataLoader
from torchvision.io import ImageReadMode, decode_jpeg, encode_jpeg
from torchvision.transforms import v2

import torchkeras_shim as keras
from torchkeras_shim.data.pipeline import AUTOTUNE, Dataset

SIZE = (180, 180)
BATCH = 32


def turns(contestants, rounds):
    """The least seconds of each contestant, as ratios to the first."""
    least = {}
    for _ in range(rounds):
        for name, run in contestants.items():
            begin = time.perf_counter()
            run()
            least[name] = min(least.get(name, float("inf")), time.perf_counter() - begin)
    first = next(iter(least.values()))
    return {name: (seconds, seconds / first) for name, seconds in least.items()}


def fits():
    """Training of a small perceptron on arrays and on data sets of them."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20_000, 784)).astype("float32"), rng.integers(0, 10, 20_000)
    model = keras.Sequential([keras.layers.Dense(64, activation="relu"), keras.layers.Dense(10)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    rows = Dataset.from_tensor_slices((x, y))
    shuffled = rows.shuffle(len(x))
    feeds = {
        "fit(dataset)": shuffled.batch(BATCH),
        "fit(dataset), prefetch": shuffled.batch(BATCH).prefetch(AUTOTUNE),
        "fit(dataset), buffer of 1000": rows.shuffle(1000).batch(BATCH).prefetch(AUTOTUNE),
        "fit(dataset), map over batches": shuffled.batch(BATCH).map(lambda x, y: (x, y)),
        "fit(dataset), map over rows": shuffled.map(lambda x, y: (x, y)).batch(BATCH),
    }
    contestants = {"fit(arrays)": lambda: model.fit(x, y, batch_size=BATCH, verbose=0)}
    contestants |= {name: lambda feed=feed: model.fit(feed, verbose=0) for name, feed in feeds.items()}
    return contestants


def write_images(folder, count):
    """Random smooth images of 240 x 200 pixels as JPEG files."""
    generator = torch.Generator().manual_seed(0)
    paths = []
    for index in range(count):
        coarse = torch.rand((1, 3, 15, 12), generator=generator) * 255
        image = torch.nn.functional.interpolate(coarse, (240, 200), mode="bilinear")[0].to(torch.uint8)
        path = pathlib.Path(folder) / f"{index}.jpg"
        path.write_bytes(encode_jpeg(image).numpy().tobytes())
        paths.append(str(path))
    return paths


resize = v2.Resize(SIZE, antialias=False)


def load(path, resized):
    """One image, as it is or as floats of another size."""
    data = torch.frombuffer(bytearray(pathlib.Path(path).read_bytes()), dtype=torch.uint8)
    image = decode_jpeg(data, ImageReadMode.RGB)
    return resize(image.float()) if resized else image


class Images(torch.utils.data.Dataset):
    """The same as torch's tutorials have it."""

    def __init__(self, paths, resized):
        self.paths = paths
        self.resized = resized

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return load(self.paths[index], self.resized)


def images(paths, resized):
    """Readers of all images in batches."""
    ours = Dataset.from_tensor_slices(paths).map(lambda path: load(path.numpy().decode(), resized), AUTOTUNE)
    ours = ours.batch(BATCH).prefetch(AUTOTUNE)
    contestants = {"dataset": lambda: [None for _ in ours]}
    for workers in (0, 2):
        loader = DataLoader(Images(paths, resized), batch_size=BATCH, num_workers=workers)
        contestants[f"DataLoader, {workers} workers"] = lambda loader=loader: [None for _ in loader]
    try:
        import tensorflow as tf
    except ImportError:
        return contestants

    def of_tf(path):
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        return tf.image.resize(image, SIZE) if resized else image

    theirs = tf.data.Dataset.from_tensor_slices(paths).map(of_tf, num_parallel_calls=AUTOTUNE).batch(BATCH)
    theirs = theirs.prefetch(AUTOTUNE)
    return contestants | {"tf.data": lambda: [None for _ in theirs]}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = write_images(folder, given.images)
        groups = {"training": fits(), "decoded": images(paths, False), "decoded, resized": images(paths, True)}
        for title, contestants in groups.items():
            print(title)
            for name, (seconds, ratio) in turns(contestants, given.rounds).items():
                print(f"{name:32} {seconds:8.3f} s  {ratio:6.2f}")


if __name__ == "__main__":
    main()
