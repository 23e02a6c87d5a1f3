"""What is trained: three models, each written once for Keras's API and once for plain torch, on synthetic data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

CLASSES = 10
VOCABULARY = 10_000
WORDS = 100


@dataclass(frozen=True)
class Workload:
    """One model and its data.

    Attributes:
        name: How the command line calls it.
        batch_size: The batch size of all contestants.
        samples: The size of the data set, a multiple of the batch size.
        quick_samples: The same for a quick look.
        data: Makes `(x, y)` of a number of samples, as Keras users have it: channels last.
        keras_model: Builds the model from a Keras namespace.
        torch_model: Builds the same model from torch modules.
        torch_input: Brings `x` into the layout of the torch model.
    """

    name: str
    batch_size: int
    samples: int
    quick_samples: int
    data: Callable[[int], tuple[np.ndarray, np.ndarray]]
    keras_model: Callable[[Any], Any]
    torch_model: Callable[[], Any]
    torch_input: Callable[[Any], Any]


def _labels_and_random(count: int) -> tuple[np.ndarray, np.random.Generator]:
    random = np.random.default_rng(0)
    return random.integers(0, CLASSES, count), random


def _images(count: int, *shape: int) -> tuple[np.ndarray, np.ndarray]:
    """Each class is a pattern of its own under noise, in MNIST's shape and range."""
    labels, random = _labels_and_random(count)
    patterns = random.random((CLASSES, *shape), dtype=np.float32)
    noise = random.random((count, *shape), dtype=np.float32)
    return 0.5 * patterns[labels] + 0.5 * noise, labels


def _texts(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Each class draws half of its words from a part of the vocabulary of its own."""
    labels, random = _labels_and_random(count)
    words = random.integers(0, VOCABULARY, (count, WORDS))
    own = labels[:, None] * (VOCABULARY // CLASSES) + words % (VOCABULARY // CLASSES)
    return np.where(random.random((count, WORDS)) < 0.5, own, words), labels


def _keras_mlp(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential([keras.Input(shape=(784,)), layers.Dense(128, activation="relu"), layers.Dense(CLASSES)])


def _torch_mlp() -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, CLASSES))


def _keras_cnn(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(CLASSES),
        ]
    )


def _torch_cnn() -> Any:
    import torch
    from torch import nn

    model = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(1600, CLASSES),
    )
    return model.to(memory_format=torch.channels_last)


def _keras_text(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(shape=(WORDS,), dtype="int64"),
            layers.Embedding(VOCABULARY, 32),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(CLASSES),
        ]
    )


def _torch_text() -> Any:
    from torch import nn

    return nn.Sequential(
        nn.Embedding(VOCABULARY, 32), nn.Flatten(), nn.Linear(WORDS * 32, 64), nn.ReLU(), nn.Linear(64, CLASSES)
    )


def _as_it_is(x: Any) -> Any:
    return x


def _channels_first(x: Any) -> Any:
    """A view: one channel lies in memory alike in both orders, and torch's fast path takes it as channels_last."""
    return x.permute(0, 3, 1, 2)


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("mlp", 32, 60_000, 9_600, lambda n: _images(n, 784), _keras_mlp, _torch_mlp, _as_it_is),
        Workload("cnn", 128, 7_680, 2_560, lambda n: _images(n, 28, 28, 1), _keras_cnn, _torch_cnn, _channels_first),
        Workload("text", 32, 12_800, 3_200, _texts, _keras_text, _torch_text, _as_it_is),
    )
}
