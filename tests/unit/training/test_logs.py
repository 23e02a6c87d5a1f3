"""The logs of a batch read the device at the first look, whichever way one looks."""

from __future__ import annotations

import json
import pickle

import pytest
import torch

from torchkeras_shim.training.logs import LazyLogs, read

RESULTS = {"loss": torch.tensor(0.5), "accuracy": torch.tensor(0.25)}
PLAIN = {"accuracy": 0.25, "loss": 0.5}


def logs():
    """Logs that nobody has looked at."""
    return LazyLogs(lambda: RESULTS)


WAYS = {
    "item": lambda one: {"accuracy": one["accuracy"], "loss": one["loss"]},
    "iteration": lambda one: {name: PLAIN[name] for name in one},
    "dict": dict,
    "unpacking": lambda one: {**one},
    "copy": lambda one: one.copy(),
    "items": lambda one: dict(one.items()),
    "keys and values": lambda one: dict(zip(one.keys(), one.values(), strict=True)),
    "get": lambda one: {"accuracy": one.get("accuracy"), "loss": one.get("loss")},
    "pop": lambda one: {"loss": one.pop("loss"), "accuracy": one.pop("accuracy", None)},
    "popitem": lambda one: dict([one.popitem(), one.popitem()]),
    "setdefault": lambda one: {name: one.setdefault(name, -1.0) for name in PLAIN},
    "json": lambda one: json.loads(json.dumps(one)),
    "pickle": lambda one: pickle.loads(pickle.dumps(one)),
    "union": lambda one: one | {},
    "union from the left": lambda one: {} | one,
    "update of another": lambda one: (other := {}, other.update(one))[0],
    "repr": lambda one: eval(repr(one)),
    "length": lambda one: PLAIN if len(one) == 2 else {},
    "membership": lambda one: PLAIN if "loss" in one and "lr" not in one else {},
    "equality": lambda one: PLAIN if one == PLAIN else {},
    "truth": lambda one: PLAIN if one else {},
    "difference": lambda one: PLAIN if one != {} else {},
    "reversed": lambda one: PLAIN if list(reversed(one)) == ["loss", "accuracy"] else {},
    "views": lambda one: dict(sorted(one.items())),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_looking(way):
    assert WAYS[way](logs()) == PLAIN


def test_the_source_is_asked_once_and_only_at_a_look():
    asked = []
    one = LazyLogs(lambda: asked.append(1) or RESULTS)
    assert not asked
    one["loss"], list(one), one.get("accuracy")
    assert asked == [1]


def test_what_a_callback_writes_stays():
    one = logs()
    one["loss"] = 7.0
    one.update(lr=0.1)
    del one["accuracy"]
    assert one == {"loss": 7.0, "lr": 0.1}
    two = logs()
    two.clear()
    assert two == {}
    three = logs()
    three |= {"lr": 0.1}
    assert three == PLAIN | {"lr": 0.1}


def test_results_of_other_kinds():
    found = read({"matrix": torch.ones(2, 2), "number": 3, "one": torch.tensor([2.0])})
    assert list(found) == ["matrix", "number", "one"]
    assert found["matrix"].tolist() == [[1, 1], [1, 1]]
    assert found["number"] == 3
    assert found["one"] == 2.0
