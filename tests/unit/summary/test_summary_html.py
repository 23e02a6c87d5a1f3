"""What a notebook shows for a model."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers


def parsed(model):
    """The HTML as a tree: it is well-formed, or this fails."""
    return ElementTree.fromstring(model._repr_html_().replace("<br>", "<br/>"))


def table(model):
    return [["".join(cell.itertext()) for cell in row] for row in parsed(model).iter("tr")]


def test_a_chain():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4, name="first"), torch.nn.Linear(4, 2)], name="net")
    assert table(model)[0] == ["Layer (type)", "Output Shape", "Param #"]
    assert table(model)[1] == ["first (Dense)", "(None, 4)", "16"]
    assert [row[2] for row in table(model)[1:]] == ["16", "10"]
    name, totals = ("".join(part.itertext()) for part in parsed(model).iter("p"))
    assert name == "Model: net"
    assert totals.startswith("Total params: 26 (104.00 B)")


def test_branches_say_where_they_come_from():
    inputs = keras.Input((3,), name="features")
    outputs = layers.Add(name="sum")([layers.Dense(3, name="a")(inputs), inputs])
    rows = table(keras.Model(inputs, outputs))
    assert rows[0][-1] == "Connected to"
    assert rows[-1] == ["sum (Add)", "(None, 3)", "0", "a[0][0], features[0][0]"]


def test_it_says_what_the_printed_summary_says(capsys):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(torch.ones(4, 3), torch.ones(4, 1), verbose=0)
    model.summary(line_length=200)
    printed = capsys.readouterr().out
    assert all(text in printed for row in table(model) for text in row)
    for line in list(parsed(model).iter("p"))[-1].itertext():
        assert f"\n {line}\n" in printed


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x onerror=a()>', "a&amp;b"])
def test_names_are_text(name):
    """The names of a JSON text are its writer's."""
    written = keras.Sequential([keras.Input((3,)), layers.Dense(1, name="NAME")], name="MODEL").to_json()
    escaped = name.replace('"', r"\"")
    model = keras.models.model_from_json(written.replace("NAME", escaped).replace("MODEL", escaped))
    html = model._repr_html_()
    assert "<script" not in html
    assert "<img" not in html
    assert table(model)[1][0] == f"{name} (Dense)"


def test_a_model_that_is_not_built():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(4)

        def call(self, inputs):
            return self.dense(inputs)

    model = Net()
    assert table(model)[1] == ["dense (Dense)", "?", "0 (unbuilt)"]
    assert not model.built
    assert keras.Sequential()._repr_html_()
