"""Configs that describe no model: what is wrong is said, and nothing large is made on the way."""

from __future__ import annotations

import copy
import io
import json
import zipfile

import pytest

import torchkeras_shim as keras
from torchkeras_shim import layers
from torchkeras_shim.saving.errors import UnsafeFileError
from torchkeras_shim.saving.legacy_config import HARD_SIGMOID


def stack():
    return keras.Sequential([keras.Input((4,)), layers.Dense(2)])


def graph():
    inputs = keras.Input((4,), name="i")
    return keras.Model(inputs, layers.Dense(2, name="d")(inputs))


def changed(config, path, value):
    config = copy.deepcopy(config)
    inner = config
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return config


CALL = ("config", "layers", 1, "inbound_nodes")
HISTORY = (*CALL, 0, "args", 0, "config", "keras_history")
WRONG = {
    "no list of layers": (stack, ("config", "layers"), None, "Expected `layers` in the config of a Sequential model"),
    "a text for a layer": (stack, ("config", "layers", 1), "Dense", "Received at index 1: 'Dense'"),
    "a layer of nothing": (stack, ("config", "layers", 1), {}, "Received at index 1: {}"),
    "a text for a config": (stack, ("config",), "layers", "Expected 'config' to be a dict for Sequential"),
    "no layers": (graph, ("config", "layers"), None, "Expected `layers` in the config of a functional model"),
    "a text in a graph": (graph, ("config", "layers", 1), "Dense", "Received at index 1: 'Dense'"),
    "no name": (graph, ("config", "layers", 1, "name"), None, "to have a `name`"),
    "a name twice": (graph, ("config", "layers", 1, "name"), "i", "two layers 'i'"),
    "unknown input": (
        graph,
        ("config", "input_layers"),
        [["j", 0, 0]],
        "no layer 'j', which it names in `input_layers`",
    ),
    "unknown output": (
        graph,
        ("config", "output_layers"),
        [["e", 0, 0]],
        "no layer 'e', .* in `output_layers`",
    ),
    "unknown argument": (graph, HISTORY, ["j", 0, 0], "no layer 'j', which it names in `inbound_nodes` of layer 'd'"),
    "a call too many": (graph, ("config", "output_layers"), [["d", 7, 0]], "refers to call 7 of layer 'd'"),
    "an output too many": (graph, ("config", "output_layers"), [["d", 0, 7]], "output 7 of call 0 of layer 'd'"),
    "a negative output": (graph, ("config", "output_layers"), [["d", 0, -1]], "the place of a tensor"),
    "a place cut short": (graph, HISTORY, ["i"], "the place of a tensor"),
    "no place": (graph, HISTORY, None, "the place of a tensor"),
    "no inputs": (graph, ("config", "input_layers"), None, "Not a place of a tensor"),
    "calls of a text": (graph, CALL, "abc", "Expected `inbound_nodes` of layer 'd' to be a list"),
    "calls that are numbers": (graph, CALL, [1], "Expected `inbound_nodes` of layer 'd' to hold calls"),
    "arguments of a text": (graph, (*CALL, 0, "args"), "abc", "Expected `args` in `inbound_nodes` of layer 'd'"),
    "keywords in a list": (graph, (*CALL, 0, "kwargs"), [1], "Expected `kwargs` in `inbound_nodes` of layer 'd'"),
    "unknown keyword": (graph, (*CALL, 0, "kwargs"), {"nope": 1}, r"unexpected keyword argument 'nope'.*layer 'd'"),
    "unknown argument of a layer": (stack, ("config", "layers", 1, "config", "nope"), 1, "nope"),
    "a class of a list": (stack, ("config", "layers", 1, "class_name"), ["Dense"], "Expected the name of a class"),
    "a number for a config": (stack, ("config", "layers", 1, "config"), 3, "Expected 'config' to be a dict for Dense"),
    "a shape that is a number": (
        stack,
        ("config", "layers", 1, "build_config"),
        3,
        "Expected 'build_config' to be a dict",
    ),
    "half a type": (stack, ("config", "layers", 1, "config", "dtype"), {"module": "keras"}, "config of a DTypePolicy"),
    "half a value": (
        stack,
        ("config", "layers", 1, "config", "units"),
        {"class_name": "__slice__", "config": {}},
        "units|__slice__",
    ),
    "a nameless class": (stack, ("config", "layers", 1, "class_name"), 3, "Expected the name of a class"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_config_says_what_is_wrong(case):
    make, path, value, message = WRONG[case]
    config = changed(json.loads(make().to_json()), path, value)
    with pytest.raises(ValueError, match=message) as caught:
        keras.models.model_from_json(json.dumps(config))
    assert "damaged" not in f"{type(caught.value).__name__}: {caught.value}".lower()
    assert "KeyError" not in str(caught.value)


def test_what_a_config_lacks_is_named():
    config = json.loads(graph().to_json())
    del config["config"]["layers"][0]["config"]["batch_shape"]
    with pytest.raises(ValueError, match="shape"):
        keras.models.model_from_json(json.dumps(config))


def test_a_text_cannot_ask_for_more_than_the_machine_has():
    config = changed(json.loads(stack().to_json()), ("config", "layers", 1, "config", "units"), 10**13)
    with pytest.raises(UnsafeFileError, match=r"asks for a weight of shape \(4, 10000000000000\).*from_config"):
        keras.models.model_from_json(json.dumps(config))


def test_names_in_json_are_unique(tmp_path):
    text = stack().to_json()
    twice = text[:-1] + ', "config": {"layers": []}}'
    with pytest.raises(UnsafeFileError, match="two entries 'config'"):
        keras.models.model_from_json(twice)
    path = tmp_path / "model.keras"
    stack().save(path)
    _replace(path, "config.json", twice.encode())
    with pytest.raises(UnsafeFileError, match="two entries 'config'"):
        keras.models.load_model(path)


def test_long_values_are_not_repeated(tmp_path):
    config = changed(json.loads(stack().to_json()), ("config", "layers", 1, "config", "dtype"), "x" * 2**20)
    with pytest.raises(ValueError, match="dtype") as caught:
        keras.models.model_from_json(json.dumps(config))
    assert len(str(caught.value)) < 5000
    path = tmp_path / "model.keras"
    stack().save(path)
    _replace(path, "config.json", json.dumps(config).encode())
    with pytest.raises(ValueError, match="dtype") as caught:
        keras.models.load_model(path)
    assert len(str(caught.value)) < 5000


def test_what_nested_models_were_compiled_with_is_not_read_without_compile(tmp_path):
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    inner.compile("sgd", "mse")
    model = keras.Sequential([keras.Input((4,)), inner])
    model.compile("sgd", "mse")
    path = tmp_path / "model.keras"
    model.save(path)
    text = _text(path, "config.json")
    assert text.count('"compile_config"') == 2
    _replace(path, "config.json", text.replace('"mean_squared_error"', '"mse"').replace('"mse"', '"nope"').encode())
    loaded = keras.models.load_model(path, compile=False)
    assert not loaded.compiled
    assert not loaded.layers[0].compiled
    with pytest.raises(ValueError, match="nope"):
        keras.models.load_model(path)


def test_compressed_weights_are_unpacked_within_limits(tmp_path):
    path = tmp_path / "model.keras"
    stack().save(path)
    _replace(path, "model.weights.h5", _text(path, "model.weights.h5", bytes), zipfile.ZIP_DEFLATED)
    keras.models.load_model(path)  # such an archive is unusual, but honest
    # 100 MB in 100 kB are less than a hundred times as much, and more than 64 MiB and 16 times as much.
    zeros = b"\0" * 1000 + bytes(range(256)) * 4
    weights = zeros * (100_000_000 // len(zeros))
    _replace(path, "model.weights.h5", weights, zipfile.ZIP_DEFLATED)
    with pytest.raises(UnsafeFileError, match="Not allowed"):
        keras.models.load_model(path)


@pytest.mark.parametrize("old", [{"name": "old", "layers": []}, []])
def test_models_from_configs_of_keras_2(old):
    entries = [
        {"class_name": "Dense", "config": {"units": 2, "batch_input_shape": [None, 4], "activation": "hard_sigmoid"}},
        {"class_name": "BatchNormalization", "config": {"axis": [1], "name": "b"}},
    ]
    config = {**old, "layers": entries} if isinstance(old, dict) else entries
    before = copy.deepcopy(config)
    model = keras.Sequential.from_config(config)
    assert config == before
    assert [layer.name for layer in model.layers][1:] == ["b"]
    assert model.layers[0].activation.__name__ == HARD_SIGMOID
    again = keras.Sequential.from_config(model.get_config())
    assert again.layers[0].activation is model.layers[0].activation


def test_functional_models_from_configs_of_keras_2():
    config = {
        "name": "old",
        "layers": [
            {
                "class_name": "InputLayer",
                "config": {"batch_input_shape": [None, 4], "dtype": "float32", "sparse": False, "name": "i"},
                "name": "i",
                "inbound_nodes": [],
            },
            {
                "class_name": "Dense",
                "config": {"units": 2, "name": "d"},
                "name": "d",
                "inbound_nodes": [[["i", 0, 0, {}]]],
            },
        ],
        "input_layers": [["i", 0, 0]],
        "output_layers": [["d", 0, 0]],
    }
    assert keras.Model.from_config(config).output_shape == (None, 2)


def test_the_new_hard_sigmoid_stays_in_files(tmp_path):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2, "hard_sigmoid")])
    for name in ("model.keras", "model.h5"):
        model.save(tmp_path / name)
        assert keras.models.load_model(tmp_path / name).layers[0].activation is keras.activations.hard_sigmoid


def _text(path, name, kind=str):
    with zipfile.ZipFile(path) as archive:
        data = archive.read(name)
    return data if kind is bytes else data.decode()


def _replace(path, name, data, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for member, old in members.items():
            if member == name:
                archive.writestr(zipfile.ZipInfo(member), data, method, 1)
            else:
                archive.writestr(member, old)
    path.write_bytes(target.getvalue())
