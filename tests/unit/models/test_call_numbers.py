"""Configs of other writers: which call of a nested model their numbers mean."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import torchkeras_shim as keras

#: Made by tf_keras 2: the models' JSON, all weights constant, and what they predict.
TF_KERAS = json.loads((Path(__file__).parent / "tf_keras_models.json").read_text())
DATA = [np.array([[1, 2], [-3, 0.5]], "float32"), np.array([[0.3, -1], [2, 4]], "float32")]


def outputs_of(model):
    count = len(model.inputs)
    outputs = model.predict(DATA[:count] if count > 1 else DATA[0], verbose=0)
    return np.stack(outputs if isinstance(outputs, list) else [outputs])


@pytest.mark.parametrize("name", TF_KERAS)
def test_tf_keras_counts_from_one_everywhere(name):
    model = keras.models.model_from_json(json.dumps(TF_KERAS[name]["config"]))
    np.testing.assert_allclose(outputs_of(model), TF_KERAS[name]["outputs"], atol=1e-3)


def doubled(outputs):
    """A model that calls another one twice; `outputs` chooses among the first and the second result."""
    start = keras.initializers.Constant(0.5)
    inner_inputs, inputs = keras.Input((2,)), keras.Input((2,), name="x")
    dense = keras.layers.Dense(2, kernel_initializer=start, bias_initializer=start)
    inner = keras.Model(inner_inputs, dense(inner_inputs), name="inner")
    once = inner(inputs)
    return keras.Model(inputs, outputs(once, inner(once)))


CHOICES = {
    "second": lambda once, twice: twice,
    "both": lambda once, twice: [twice, once],
    "first and a sum": lambda once, twice: [once, twice + 1.0],
    "second and a sum": lambda once, twice: [twice, twice + once],
}


@pytest.mark.parametrize("outputs", CHOICES.values(), ids=CHOICES)
def test_what_was_counted_from_zero_is_still_read(outputs):
    model = doubled(outputs)
    config = model.get_config()
    places = config["output_layers"] if isinstance(config["output_layers"][0], list) else [config["output_layers"]]
    for place in places:
        place[1] -= place[0] == "inner"
    inner = next(layer for layer in config["layers"] if layer["name"] == "inner")
    for node in inner["inbound_nodes"]:
        assert node["kwargs"] == {"mask": None}
        node["kwargs"] = {}
    np.testing.assert_array_equal(outputs_of(keras.Model.from_config(config)), outputs_of(model))


@pytest.mark.parametrize("outputs", CHOICES.values(), ids=CHOICES)
def test_a_config_gives_the_same_model(outputs):
    model = doubled(outputs)
    np.testing.assert_array_equal(outputs_of(keras.Model.from_config(model.get_config())), outputs_of(model))


def test_the_numbers_are_those_of_keras():
    assert doubled(CHOICES["both"]).get_config()["output_layers"] == [["inner", 2, 0], ["inner", 1, 0]]


def test_a_call_that_is_not_there_is_named():
    config = doubled(CHOICES["second"]).get_config()
    config["output_layers"] = ["inner", 7, 0]
    with pytest.raises(ValueError, match=r"refers to call 7 of layer 'inner', which it calls 2 time\(s\)"):
        keras.Model.from_config(config)
    config["output_layers"] = ["iner", 1, 0]
    with pytest.raises(ValueError, match=r"no layer 'iner'.*'inner'"):
        keras.Model.from_config(config)
