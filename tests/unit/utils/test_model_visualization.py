"""Pictures of models: boxes and arrows are those of the graph."""

from __future__ import annotations

import sys

import pytest

import torchkeras_shim as keras
from torchkeras_shim import layers

pydot = pytest.importorskip("pydot", reason="drawing needs the package pydot")


def branching():
    inputs = keras.Input((4,), name="start")
    x = layers.Dense(3, activation="relu", name="left")(inputs)
    nested = keras.Sequential([keras.Input((3,)), layers.Dense(5, name="inner"), layers.Dense(3)], name="nested")
    return keras.Model(inputs, nested(x) + x, name="branching")


def test_boxes_and_arrows():
    model = branching()
    dot = keras.utils.model_to_dot(
        model, show_shapes=True, show_layer_activations=True, show_dtype=True, show_trainable=True
    )
    text = dot.to_string()
    for part in ("start", "left", "nested", "(None, 3)", "relu", "float32", "Trainable", "Add"):
        assert part in text
    ids = {str(id(operation)): operation.name for operation in model.operations}
    arrows = {(ids[edge.get_source()], ids[edge.get_destination()]) for edge in dot.get_edges()}
    assert arrows == {("start", "left"), ("left", "nested"), ("nested", "add"), ("left", "add")}


def test_nested_models_open_up():
    dot = keras.utils.model_to_dot(branching(), expand_nested=True)
    (cluster,) = [graph.to_string() for graph in dot.get_subgraphs()]
    assert "nested" in cluster
    assert cluster.count("->") == 1


def test_sequential_and_subclassed_models():
    stack = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="a"), layers.Dense(2, name="b")])
    assert len(keras.utils.model_to_dot(stack).get_edges()) == 1
    with pytest.raises(ValueError, match="not yet been built"):
        keras.utils.model_to_dot(keras.Sequential([layers.Dense(1)]))


def test_a_file_of_text_needs_no_graphviz(tmp_path):
    keras.utils.plot_model(branching(), to_file=str(tmp_path / "model.dot"), show_layer_names=True)
    assert "left" in (tmp_path / "model.dot").read_text()


def test_without_graphviz_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImportError, match=r"Graphviz.*model\.dot"):
        keras.utils.plot_model(branching(), to_file=str(tmp_path / "model.png"))


def test_without_pydot_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydot", None)
    with pytest.raises(ImportError, match="pip install pydot"):
        keras.utils.model_to_dot(branching())
