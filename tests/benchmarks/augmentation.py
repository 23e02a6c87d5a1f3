"""Times a tutorial's augmentation of 32 images of 180 x 180 against Keras on TensorFlow and torchvision.

    python tests/benchmarks/augmentation.py                # with both, where they are installed
    python tests/benchmarks/augmentation.py --threads 2 --rounds 40

Flip, rotation, zoom and contrast. All run in turn in one process, a batch each; the ratio of two neighbouring batches
is what counts, because machines drift. Above 1 this library is faster. torchvision draws once for a whole batch: to do
what Keras does, it is given one image after the other, and once more the batch as a whole, which is less work.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch._dynamo

import torchkeras_shim

SHAPE = (180, 180, 3)


def stack(keras: Any) -> Any:
    """Returns the layers of a tutorial, of either library."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.1),
            layers.RandomContrast(0.1),
        ]
    )


def ours(images: np.ndarray) -> Callable[[], object]:
    """Returns a function that augments a batch by this library."""
    model, tensor = stack(torchkeras_shim), torch.from_numpy(images)
    return torch.no_grad()(lambda: model(tensor, training=True))


def of_tensorflow(images: np.ndarray, threads: int) -> Callable[[], object]:
    """Returns a function that augments a batch by Keras, compiled by `tf.function`."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    model, tensor = stack(keras), tf.constant(images)
    compiled = tf.function(lambda batch: model(batch, training=True))
    return lambda: compiled(tensor).numpy()


def of_torchvision(images: np.ndarray) -> dict[str, Callable[[], object]]:
    """Returns functions that augment a batch by torchvision, image by image and at once."""
    from torchvision.transforms import v2

    bilinear = v2.InterpolationMode.BILINEAR
    transform = v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomRotation(36, interpolation=bilinear),
            v2.RandomAffine(0, scale=(0.9, 1.1), interpolation=bilinear),
            v2.ColorJitter(contrast=0.1),
        ]
    )
    batch = (torch.from_numpy(images) / 255).permute(0, 3, 1, 2).contiguous()
    return {
        "torchvision, image by image": lambda: torch.stack([transform(image) for image in batch]),
        "torchvision, one draw for all": lambda: transform(batch),
    }


def main() -> None:
    """Prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    images = np.random.default_rng(0).uniform(0, 255, (32, *SHAPE)).astype("float32")
    contestants = {"torchkeras_shim": ours(images)}
    if importlib.util.find_spec("tensorflow") and importlib.util.find_spec("keras"):
        contestants["keras, tensorflow"] = of_tensorflow(images, options.threads)
    if importlib.util.find_spec("torchvision"):
        contestants.update(of_torchvision(images))
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(options.rounds + 2):
        for name, augment in contestants.items():
            start = time.perf_counter()
            augment()
            if number >= 2:
                times[name].append((time.perf_counter() - start) * 1e3)
    for name, measured in times.items():
        ratio = statistics.median(one / mine for one, mine in zip(measured, times["torchkeras_shim"], strict=True))
        print(f"{name:30} {statistics.median(measured):8.1f} ms   {ratio:5.2f} of ours   best {min(measured):8.1f} ms")


if __name__ == "__main__":
    main()
