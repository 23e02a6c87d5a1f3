"""What is trained: models written once for Keras's API and once for plain torch, on synthetic data."""

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
    return 0.5 * patterns[labels] + 0.5 * noise, _some_wrong(labels, random)


def _some_wrong(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Every tenth label is drawn: a task with a perfect solution soon has gradients of zero, unlike real ones."""
    return np.where(random.random(len(labels)) < 0.1, random.integers(0, CLASSES, len(labels)), labels)


def _texts(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Each class draws half of its words from a part of the vocabulary of its own."""
    labels, random = _labels_and_random(count)
    words = random.integers(0, VOCABULARY, (count, WORDS))
    own = labels[:, None] * (VOCABULARY // CLASSES) + words % (VOCABULARY // CLASSES)
    return np.where(random.random((count, WORDS)) < 0.5, own, words), _some_wrong(labels, random)


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


def _keras_wide(keras: Any) -> Any:
    layers = keras.layers
    hidden = [layers.Dense(2048, activation="relu"), layers.Dense(2048, activation="relu")]
    return keras.Sequential([keras.Input(shape=(784,)), *hidden, layers.Dense(CLASSES)])


def _torch_wide() -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(784, 2048), nn.ReLU(), nn.Linear(2048, 2048), nn.ReLU(), nn.Linear(2048, CLASSES))


def _keras_lstm(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(shape=(WORDS,), dtype="int64"),
            layers.Embedding(VOCABULARY, 64),
            layers.LSTM(64),
            layers.Dense(CLASSES),
        ]
    )


def _torch_lstm() -> Any:
    from torch import nn

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY, 64)
            self.lstm = nn.LSTM(64, 64, batch_first=True)
            self.head = nn.Linear(64, CLASSES)

        def forward(self, words: Any) -> Any:
            _, (hidden, _) = self.lstm(self.embedding(words))
            return self.head(hidden[-1])

    return Classifier()


def _keras_resnet(keras: Any) -> Any:
    layers = keras.layers

    def convolution(x: Any, filters: int, size: int = 3, strides: int = 1) -> Any:
        x = layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)(x)
        return layers.BatchNormalization(epsilon=1e-5)(x)

    inputs = keras.Input(shape=(32, 32, 3))
    x = layers.Activation("relu")(convolution(inputs, 16))
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        y = layers.Activation("relu")(convolution(x, filters, strides=strides))
        y = convolution(y, filters)
        shortcut = x if strides == 1 else convolution(x, filters, size=1, strides=strides)
        x = layers.Activation("relu")(layers.Add()([y, shortcut]))
    return keras.Model(inputs, layers.Dense(CLASSES)(layers.GlobalAveragePooling2D()(x)))


def _torch_resnet() -> Any:
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, before: int, filters: int, strides: int) -> None:
            super().__init__()
            self.first = nn.Conv2d(before, filters, 3, strides, padding=1, bias=False)
            self.first_norm = nn.BatchNorm2d(filters)
            self.second = nn.Conv2d(filters, filters, 3, padding=1, bias=False)
            self.second_norm = nn.BatchNorm2d(filters)
            self.shortcut = None
            if strides > 1:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(before, filters, 1, strides, bias=False), nn.BatchNorm2d(filters)
                )

        def forward(self, x: Any) -> Any:
            y = torch.relu(self.first_norm(self.first(x)))
            y = self.second_norm(self.second(y))
            return torch.relu(y + (x if self.shortcut is None else self.shortcut(x)))

    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        Block(16, 16, 1),
        Block(16, 32, 2),
        Block(32, 64, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, CLASSES),
    )
    return model.to(memory_format=torch.channels_last)


def _keras_transformer(keras: Any) -> Any:
    layers = keras.layers
    inputs = keras.Input(shape=(WORDS,), dtype="int64")
    x = layers.Embedding(VOCABULARY, 64)(inputs)
    for _ in range(2):
        attended = layers.MultiHeadAttention(num_heads=4, key_dim=16)(x, x)
        x = layers.LayerNormalization(epsilon=1e-5)(layers.Add()([x, attended]))
        y = layers.Dense(64)(layers.Dense(128, activation="relu")(x))
        x = layers.LayerNormalization(epsilon=1e-5)(layers.Add()([x, y]))
    return keras.Model(inputs, layers.Dense(CLASSES)(layers.GlobalAveragePooling1D()(x)))


def _torch_transformer() -> Any:
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(64, 4, batch_first=True)
            self.first_norm, self.second_norm = nn.LayerNorm(64), nn.LayerNorm(64)
            self.up, self.down = nn.Linear(64, 128), nn.Linear(128, 64)

        def forward(self, x: Any) -> Any:
            x = self.first_norm(x + self.attention(x, x, x, need_weights=False)[0])
            return self.second_norm(x + self.down(torch.relu(self.up(x))))

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY, 64)
            self.blocks = nn.Sequential(Block(), Block())
            self.head = nn.Linear(64, CLASSES)

        def forward(self, words: Any) -> Any:
            return self.head(self.blocks(self.embedding(words)).mean(dim=1))

    return Classifier()


def _as_it_is(x: Any) -> Any:
    return x


def _channels_first(x: Any) -> Any:
    """A view, and the memory order that torch calls channels_last."""
    return x.permute(0, 3, 1, 2)


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("mlp", 32, 60_000, 9_600, lambda n: _images(n, 784), _keras_mlp, _torch_mlp, _as_it_is),
        Workload("wide", 512, 10_240, 2_560, lambda n: _images(n, 784), _keras_wide, _torch_wide, _as_it_is),
        Workload("cnn", 128, 7_680, 2_560, lambda n: _images(n, 28, 28, 1), _keras_cnn, _torch_cnn, _channels_first),
        Workload(
            "resnet", 64, 2_560, 1_280, lambda n: _images(n, 32, 32, 3), _keras_resnet, _torch_resnet, _channels_first
        ),
        Workload("text", 32, 12_800, 3_200, _texts, _keras_text, _torch_text, _as_it_is),
        Workload("lstm", 32, 3_200, 1_280, _texts, _keras_lstm, _torch_lstm, _as_it_is),
        Workload("transformer", 32, 3_200, 1_280, _texts, _keras_transformer, _torch_transformer, _as_it_is),
    )
}
