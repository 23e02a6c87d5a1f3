"""The texts of summaries, kept as files; and that the columns add up to the totals."""

from __future__ import annotations

import re

import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers


def keras_layers():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ],
        name="classifier",
    )


def torch_modules():
    modules = [torch.nn.Flatten(), torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10)]
    model = keras.Sequential(modules)
    model.build((None, 28, 28))
    return model


def mixed():
    block = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU())
    head = keras.Sequential([layers.Dense(5, activation="relu"), layers.Dense(2)], name="head")
    model = keras.Sequential([keras.Input((3, 8, 8)), block, layers.Flatten(), torch.nn.Dropout(0.1), head])
    model.layers[0].requires_grad_(False)
    return model


def not_built():
    return keras.Sequential([torch.nn.LazyLinear(4), layers.Dense(3), torch.nn.Linear(3, 2)])


def subclassed():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = layers.Dense(8, activation="relu")
            self.blocks = [layers.Dense(8), torch.nn.Linear(8, 8)]
            self.out = layers.Dense(1)

        def call(self, inputs):
            x = self.hidden(inputs)
            for block in self.blocks:
                x = x + block(x)
            return self.out(x)

    model = Net()
    model(torch.ones(4, 3))
    return model


def trained():
    model = torch_modules()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.train_on_batch(torch.rand(4, 28, 28), torch.arange(4))
    return model


def tokens():
    tokens = keras.Input((5,), dtype="int64")
    return keras.Sequential([tokens, torch.nn.Embedding(100, 8), torch.nn.Flatten(), layers.Dense(2)])


MODELS = [keras_layers, torch_modules, mixed, not_built, subclassed, trained, tokens]


def text_of(make, **options):
    texts = []
    make().summary(print_fn=texts.append, line_length=80, **options)
    assert len(texts) == 1
    return texts[0]


@pytest.mark.filterwarnings("ignore:Lazy modules")
@pytest.mark.parametrize("make", MODELS)
def test_the_text_is_as_it_was(make, snapshot):
    snapshot(make.__name__, text_of(make, expand_nested=True, show_trainable=True))


def number(text):
    return int(text.replace(",", ""))


@pytest.mark.filterwarnings("ignore:Lazy modules")
@pytest.mark.parametrize("make", MODELS)
def test_the_columns_add_up(make):
    text = text_of(make)
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in text.splitlines() if line[0] == "│"]
    totals = {
        name: number(value) for name, value in re.findall(r"^ ([A-Z][a-z-]+(?: [a-z]+)?) params: ([\d,]+)", text, re.M)
    }
    totals = {key.split(" ")[0]: value for key, value in totals.items()}
    weights = totals["Trainable"] + totals["Non-trainable"]
    assert sum(number(cell[2].split(" ")[0]) for cell in cells if cell[2]) == weights
    assert totals["Total"] == weights + totals.get("Optimizer", 0)
    sizes = dict(re.findall(r"^ (\S+) params: .*\((\d.*)\)$", text, re.M))
    if weights and make is not not_built:  # weights are of four bytes each in these models
        size = 4 * totals["Trainable"]
        assert sizes["Trainable"] == (f"{size:.2f} B" if size < 1024 else f"{size / 1024:.2f} KB")
