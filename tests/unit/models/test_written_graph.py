"""The source of a functional model is made of the writer's own names, whatever layers and values are called."""

from __future__ import annotations

import ast
import math
import re

import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers
from torchkeras_shim.models.functional_config import _in_order

#: Names that Keras allows, and that would not be Python.
NAMES = [
    "1st",
    "3x3",
    "²",
    "class",
    "None",
    "名",
    "ﬁeld",  # the parser reads another name than was written
    "a-b",
    "a b",
    "run",
    "flatten",
    "x0",
    "__import__('os').abort()",
    "x\n    import os; os.abort()\n",
    "'''",
    "#",
    "\\",
    "{0.__class__}",
    "%s",
    "\x00",
    "\ud800",
    "a" * 10_000,
]
#: What arguments of functions and layers may hold.
VALUES = [
    math.nan,
    math.inf,
    -math.inf,
    -0.0,
    1e308,
    10**5000,
    -1,
    True,
    None,
    "__import__('os').abort()",
    "'''\n",
    b"\x00'",
    slice(None, -1),
    Ellipsis,
    [1, (2, {"'": 3})],
    {"a b": [None], 1: math.nan},
]


def assert_own(code):
    """Checks that a text holds nothing but names of the writer's, as a function of one statement per line."""
    names = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    assert all(re.fullmatch(r"x\d+|[co]\d+(_[0-9A-Za-z_]+)?|_|flatten|align_rank", name) for name in names), names
    constants = {node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)}
    assert constants <= {None}
    assert not [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.keyword) and node.arg is not None]
    assert code.isascii()
    assert max(map(len, code.splitlines())) < 300


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:20]))
def test_any_name_of_a_layer(name):
    x = keras.Input((3,), name=name)
    hidden = layers.Dense(2, name=f"{name}2")(x)
    model = keras.Model(x, {name: hidden}, name=name)
    data = torch.ones(2, 3)
    outputs = model(data)
    assert_own(model._graph.code)
    assert torch.equal(outputs[name], model.layers[1](data))
    again = keras.Model.from_config(model.get_config())
    assert [layer.name for layer in again.layers] == [name, f"{name}2"]
    assert again(data)[name].shape == (2, 2)


@keras.saving.register_keras_serializable("written_graph")
class Echo(layers.Layer):
    """Remembers what its call was given."""

    def call(self, x, *args, **kwargs):
        self.__dict__["seen"] = (args, kwargs)
        return x


def same(a, b):
    if isinstance(a, float):
        return isinstance(b, float) and str(a) == str(b)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(map(same, a.values(), b.values()))
    return type(a) is type(b) and a == b


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_any_value_arrives_as_it_was(value):
    x = keras.Input((3,))
    layer = Echo()
    model = keras.Model(x, layer(x, value, [value], **{"a=b": value, "class": (value,)}))
    model(torch.ones(1, 3))
    assert_own(model._graph.code)
    args, kwargs = layer.seen
    assert same(args, (value, [value]))
    assert same(kwargs, {"a=b": value, "class": (value,)})


def test_arguments_that_are_nested_too_deeply_say_so():
    value = x = keras.Input((3,))
    for _ in range(80):
        value = [value]
    model = keras.Model(x, Echo()(x, value))
    with pytest.raises(ValueError, match="nested 50 deep"):
        model(torch.ones(1, 3))


SOURCE = "mask=None if __import__('os').abort() else None, training"
#: Layers whose call is not bound to their arguments on the symbolic pass.
UNBOUND = {
    "LSTM": lambda: layers.LSTM(2),
    "GRU": lambda: layers.GRU(2),
    "SimpleRNN": lambda: layers.SimpleRNN(2),
    "Bidirectional": lambda: layers.Bidirectional(layers.LSTM(2)),
    "Attention": lambda: layers.Attention(),
    "MultiHeadAttention": lambda: layers.MultiHeadAttention(1, 2),
    "Lambda": lambda: layers.Lambda(torch.relu, output_shape=(4, 3)),
    "Dense": lambda: layers.Dense(2),
    "Sequential": lambda: keras.Sequential([layers.Dense(2)]),
}


def call(layer, x, **kwargs):
    return (
        layer([x, x], **kwargs) if layer.name == "attention" else layer(*[x] * (layer.name[:5] == "multi"), x, **kwargs)
    )


@pytest.mark.parametrize("kind", UNBOUND)
@pytest.mark.parametrize("key", [SOURCE, "foo", "", 1], ids=["source", "unknown", "empty", "number"])
def test_a_call_in_a_config_has_the_arguments_of_the_layer(kind, key):
    x = keras.Input((4, 3))
    model = keras.Model(x, call(UNBOUND[kind](), x))
    config = model.get_config()
    config["layers"][1]["inbound_nodes"][0]["kwargs"] = {key: False}
    with pytest.raises(TypeError, match=r"unexpected keyword argument|keywords must be strings"):
        keras.Model.from_config(config)


def test_an_unknown_argument_of_a_symbolic_call():
    """Keras: `got an unexpected keyword argument 'foo'`."""
    with pytest.raises(TypeError, match=r"LSTM.call.* got an unexpected keyword argument 'foo'"):
        layers.LSTM(2)(keras.Input((4, 3)), foo=1)


def test_calls_are_ordered_round_by_round():
    def node(*places):
        return {"args": [[{"class_name": "__keras_tensor__", "config": {"keras_history": p}} for p in places]]}

    calls = [
        ("c", 0, node(["b", 0, 0], ["a", 1, 0])),
        ("a", 0, node(["x", 0, 0])),
        ("a", 1, node(["b", 0, 0])),
        ("b", 0, node(["a", 0, 0], ["a", 0, 0])),
        ("d", 0, node()),
    ]
    order = [(name, index) for name, index, _ in _in_order(calls, {("x", 0)})]
    assert order == [("a", 0), ("b", 0), ("d", 0), ("a", 1), ("c", 0)]
    with pytest.raises(ValueError, match="nothing makes the inputs of 'c'"):
        list(_in_order([("c", 0, node(["c", 0, 0]))], set()))
