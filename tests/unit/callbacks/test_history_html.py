"""What a notebook shows for a `History`."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers
from torchkeras_shim.callbacks import History

X, Y = np.ones((16, 3), "float32"), np.zeros((16, 1), "float32")


def parsed(history):
    """The HTML as a tree: it is well-formed, or this fails."""
    return ElementTree.fromstring(history._repr_html_())


def filled(**columns):
    history = History()
    history.history = columns
    return history


def table(history):
    return [["".join(cell.itertext()) for cell in row] for row in parsed(history).iter("tr")]


def lines(history):
    return [
        [tuple(map(float, point.split(","))) for point in line.get("points").split()]
        for line in parsed(history).iter("polyline")
    ]


def test_a_training():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    history = model.fit(X, Y, epochs=4, validation_data=(X, Y), validation_freq=2, verbose=0)
    head, *rows = table(history)
    assert head == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert [row[0] for row in rows] == ["1", "2", "3", "4"]
    assert [row[1] for row in rows] == [f"{value:.4g}" for value in history.history["loss"]]
    second, fourth = (f"{value:.4g}" for value in history.history["val_loss"])
    assert [row[3] for row in rows] == ["", second, "", fourth]  # the epochs that had a validation
    captions = ["".join(caption.itertext()).split()[0] for caption in parsed(history).iter("figcaption")]
    assert captions == ["loss", "mae"]
    training, validation = lines(history)[:2]
    assert [x for x, _ in training][1::2] == [x for x, _ in validation]
    assert training == sorted(training, key=lambda point: point[1])  # the loss falls: y grows downward


def test_before_the_first_epoch_it_is_plain():
    assert History()._repr_html_() is None


def test_names_and_values_are_text():
    history = filled(**{'<img src=x onerror="a()">': ["</td><script>1</script>", "b"], "a&b": [1.0, 2.0]})
    html = history._repr_html_()
    assert "<img" not in html
    assert "<script" not in html
    assert table(history)[0] == ["epoch", '<img src=x onerror="a()">', "a&b"]
    assert table(history)[1][1] == "</td><script>1</script>"


def test_what_a_script_has_put_there():
    assert table(filled(loss=[1.0, 0.5], seconds=3.5, rates=np.array([0.1, 0.01]))) == [
        ["epoch", "loss", "rates"],
        ["1", "1", "0.1"],
        ["2", "0.5", "0.01"],
    ]


def test_many_epochs_are_cut_in_the_middle():
    rows = table(filled(loss=[1 / (epoch + 1) for epoch in range(1000)]))
    assert [row[0] for row in rows] == ["epoch", *"123456", "⋮", *map(str, range(995, 1001))]
    assert rows[-1] == ["1000", "0.001"]


def test_what_is_not_one_finite_number():
    history = filled(
        loss=[1.0, float("nan"), 0.5, float("inf")],
        confusion=[np.eye(2)] * 4,
        rate=[torch.tensor(0.25)] * 4,
        huge=[-1.7e308, 1.7e308, 10**400, 1j],
    )
    rows = table(history)
    assert [row[1] for row in rows[1:]] == ["1", "nan", "0.5", "inf"]
    assert rows[1][3] == "0.25"
    loss, rate, huge = lines(history)
    assert len(loss) == 2
    assert {y for _, y in rate} == {55.0}
    assert huge == [(8.0, 102.0), (212.0, 8.0)]
