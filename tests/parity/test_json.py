"""`to_json` here, `model_from_json` in Keras, and back: for every layer, and for every way of putting them together."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

import torchkeras_shim as tks
from tests.parity import json_models
from tests.parity.oracle import assert_close, kept
from torchkeras_shim.core import naming

LAYERS = [name for name in json_models.EVERY if hasattr(tks.layers, name)]
EVERY = [*LAYERS, *json_models.MODELS]


@functools.cache
def make(name):
    naming.reset_uids()  # automatic names do not depend on which models were made before
    return json_models.EVERY[name](tks)


def judgement(name, text):
    """What real Keras makes of a model's JSON."""
    return judgements()[name]


@functools.cache
def judgements():
    """The same of every model, for Keras takes long to start."""
    with tempfile.TemporaryDirectory() as folder:
        return judge(Path(folder), {name: make(name).to_json() for name in EVERY})


def judge(folder, texts):
    (folder / "ours.json").write_text(json.dumps(texts))
    environment = {**os.environ, "KERAS_BACKEND": "torch", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.parity.json_models", str(folder / "ours.json"), str(folder / "theirs.json")]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "theirs.json").read_text())


def outputs(model, like):
    rng = np.random.default_rng(0)
    model.set_weights(like.get_weights())
    specs = {x.name: x for x in like.inputs} if hasattr(like, "_graph") and like._graph else {}
    data = {
        name: rng.integers(0, 5, (2, *x.shape[1:])).astype(x.dtype)
        if x.dtype.startswith("int")
        else rng.normal(size=(2, *x.shape[1:])).astype(x.dtype)
        for name, x in specs.items()
    }
    shape = like.input_shape if isinstance(like, tks.Sequential) else (None, 4)
    x = (data if len(data) > 1 else next(iter(data.values()))) if data else np.ones((2, *shape[1:]), "float32")
    return tks.tree.flatten(model.predict(x, verbose=0))


def differences(mine, other, path=""):
    """Where two configs differ, as lines."""
    if isinstance(mine, dict) and isinstance(other, dict):
        for key in {**mine, **other}:
            yield from differences(mine.get(key, "absent"), other.get(key, "absent"), f"{path}.{key}")
    elif isinstance(mine, list) and isinstance(other, list):
        if len(mine) != len(other):  # Keras enters an input layer into a stack that it has built
            assert other[0]["class_name"] == "InputLayer", path
            other = other[1:]
        for index, (a, b) in enumerate(zip(mine, other, strict=True)):
            yield from differences(a, b, f"{path}[{index}]")
    elif mine != other:
        yield f"{path}: {mine} and {other}"


@pytest.mark.parametrize("name", EVERY)
def test_there_and_back(name):
    ours = make(name)
    found = kept(judgement, name, ours.to_json())
    assert "error" not in found, found["error"]
    assert found["shapes"] == [list(weight.shape) for weight in ours.weights]
    assert found["layers"] == [layer.name for layer in ours.layers]
    model = tks.models.model_from_json(json.dumps(found["json"]))
    assert not list(differences(json.loads(ours.to_json())["config"], json.loads(model.to_json())["config"]))
    for mine, other in zip(outputs(ours, ours), outputs(model, ours), strict=True):
        assert_close(other, mine)


def test_no_layer_is_forgotten():
    classes = [value for name in dir(tks.layers) if isinstance(value := getattr(tks.layers, name), type)]
    # Layers of data are exchanged with Keras in tests of their own (images, colors, lookups, vocabularies), as files.
    classes = [cls for cls in classes if ".layers.preprocessing." not in cls.__module__]
    names = {cls.__name__ for cls in classes if issubclass(cls, tks.layers.Layer)}
    assert names - {getattr(tks.layers, name).__name__ for name in LAYERS} <= json_models.WITHOUT
