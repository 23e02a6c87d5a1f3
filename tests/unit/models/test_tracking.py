"""Layers in lists, dicts, sets and tuples: found, trained, copied; and what a call may not create."""

from __future__ import annotations

import collections
import copy
import pickle

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers

Pair = collections.namedtuple("Pair", ["first", "second"])


class Holder(keras.Model):
    """Two layers in a collection; what it is called on goes through both."""

    def __init__(self, fill):
        super().__init__()
        fill(self, [layers.Dense(4, name="one"), layers.Dense(4, name="two")])

    def flat(self):
        leaves = self.held.values() if isinstance(self.held, dict) else self.held
        for leaf in leaves:
            yield from leaf if isinstance(leaf, list) else [leaf]

    def call(self, inputs):
        for layer in self.flat():
            inputs = layer(inputs)
        return inputs


def assign(make):
    def fill(holder, pair):
        holder.held = make(pair)

    return fill


def nested_later(holder, pair):
    holder.held = [[]]
    holder.held[0].append(pair[0])
    holder.held.append([])
    holder.held[1].extend(pair[1:])


def default_later(holder, pair):
    holder.held = collections.defaultdict(list)
    for layer in pair:
        holder.held["x"].append(layer)


def ordered_later(holder, pair):
    holder.held = collections.OrderedDict()
    holder.held["b"], holder.held["a"] = pair
    holder.held.move_to_end("b")


def set_later(holder, pair):
    holder.held = set()
    holder.held.add(pair[0])
    holder.held |= {pair[1]}


def list_in_tuple(holder, pair):
    holder.held = ([pair[0]], [])
    holder.held[1].append(pair[1])


FILLS = {
    "list": assign(list),
    "tuple": assign(tuple),
    "named tuple": assign(lambda pair: Pair(*pair)),
    "set": assign(set),
    "frozenset": assign(frozenset),
    "deque": assign(collections.deque),
    "ordered dict": assign(lambda pair: collections.OrderedDict(b=pair[0], a=pair[1])),
    "nested, filled later": nested_later,
    "defaultdict, filled later": default_later,
    "ordered dict, filled later": ordered_later,
    "set, filled later": set_later,
    "list in a tuple": list_in_tuple,
}


@pytest.mark.parametrize("fill", FILLS)
def test_every_collection_is_tracked(fill):
    x = np.ones((8, 4), "float32")
    model = Holder(FILLS[fill])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(x, x, verbose=0)
    assert sorted(layer.name for layer in model.layers) == ["one", "two"]
    assert len(model.trainable_weights) == 4
    before = model.get_weights()
    model.fit(x, x, verbose=0)
    assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("fill", FILLS)
def test_copies_have_layers_of_their_own(fill):
    model = Holder(FILLS[fill])
    expected = model(torch.ones(2, 4))
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert type(other.held) is type(model.held)
        assert not {id(layer) for layer in other.layers} & {id(layer) for layer in model.layers}
        assert {id(layer) for layer in other.flat()} == {id(layer) for layer in other.layers}
        if fill != "set" and fill != "set, filled later" and fill != "frozenset":  # these have no order
            torch.testing.assert_close(other(torch.ones(2, 4)), expected)
        if isinstance(other.held, list):
            other.held.append(layers.Dense(2))
            assert (len(other.layers), len(model.layers)) == (3, 2)


def test_sets_are_in_the_order_of_their_names():
    model = keras.Model()
    model.held = {layers.Dense(1, name=f"dense_{index}") for index in (10, 9, 2)}
    assert [layer.name for layer in model.layers] == ["dense_2", "dense_9", "dense_10"]


def test_an_attribute_may_change_its_kind():
    layer = layers.Layer()
    layer.held = [layers.Dense(1)]
    layer.held = (layers.Dense(1), layers.Dense(2))
    assert len(list(layer.children())) == 1
    layer.held = "none"
    assert list(layer.children()) == []
    assert layer.held == "none"
    layer.held = layers.Dense(1)
    layer.held = [1, 2]
    assert list(layer.children()) == []
    layer.held = layers.Dense(1)
    assert [type(child) for child in layer.children()] == [layers.Dense]
    layer.held = [layers.Dense(1)]
    del layer.held
    assert not hasattr(layer, "held")
    assert list(layer.children()) == []


def test_plain_values_stay_what_they_are():
    layer = layers.Layer()
    layer.sizes, layer.shape = (2, 3), torch.Size([4])
    assert layer.sizes == (2, 3)
    assert type(layer.shape) is torch.Size
    assert list(layer.children()) == []
    layer.log = [1.0]
    layer.log.append(2.0)
    assert layer.log == [1.0, 2.0]


def test_the_name_of_a_property_stays_reserved():
    with pytest.raises(AttributeError, match="attribute is reserved"):
        keras.Model().layers = [layers.Dense(1)]


def test_metrics_in_collections_are_found_and_reset():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.out = layers.Dense(1)
            self.trackers = {"a": keras.metrics.Mean(name="a"), "more": [keras.metrics.Sum(name="b")]}

        def call(self, inputs):
            return self.out(inputs)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            self.trackers["a"].update_state(1.0)
            self.trackers["more"][0].update_state(1.0)
            return ((y_pred - y) ** 2).mean()

    model = Net()
    model.compile("sgd")
    x = np.ones((8, 2), "float32")
    history = model.fit(x, x[:, :1], batch_size=2, epochs=3, verbose=0).history
    assert history["b"] == [4.0, 4.0, 4.0]
    assert {"a", "b"} <= {metric.name for metric in model.metrics}
    assert {metric.name for metric in layers.Layer.metrics.fget(model)} == {"a", "b"}


class Creating(keras.Model):
    """Creates something in `call`."""

    def __init__(self, create):
        super().__init__()
        self.blocks = [layers.Dense(4)]
        self.create = create

    def call(self, inputs):
        self.create(self)
        return self.blocks[0](inputs)


CREATIONS = {
    "a list anew": lambda model: setattr(model, "blocks", [layers.Dense(4)]),
    "one more in a list": lambda model: model.blocks.append(layers.Dense(4)),
    "a layer": lambda model: setattr(model, "extra", layers.Dense(4)),
    "a torch module": lambda model: setattr(model, "extra", torch.nn.Linear(4, 4)),
    "a variable": lambda model: setattr(model, "w", keras.Variable(np.ones(4, "float32"))),
    "a parameter": lambda model: setattr(model, "w", torch.nn.Parameter(torch.ones(4))),
    "a weight": lambda model: model.add_weight(shape=(4,), name="w"),
}


@pytest.mark.parametrize("creation", CREATIONS)
def test_what_a_call_creates_is_refused(creation):
    x = np.ones((8, 4), "float32")
    model = Creating(CREATIONS[creation])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"cannot add new elements of state(.|\n)*def (__init__|build)\("):
        model.fit(x, x, verbose=0)


def test_a_call_may_name_what_is_there_already():
    model = Creating(lambda model: setattr(model, "last", model.blocks[0]))
    assert model(torch.ones(2, 4)).shape == (2, 4)
    assert len(model.weights) == 2


def test_a_layer_that_nobody_holds_is_warned_of():
    class Stray(layers.Layer):
        def call(self, inputs):
            return layers.Dense(4, name="stray")(inputs)

    with pytest.warns(UserWarning, match=r"'stray' \(Dense\) created its weights in the call of layer 'holder'"):
        Stray(name="holder")(torch.ones(2, 4))
