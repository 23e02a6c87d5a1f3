"""Weights in several files, layers that are left out, and objects that occur several times in a config."""

from __future__ import annotations

import json
import os
import re
import zipfile
from typing import Any

import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim.saving import load_weights, save_weights

L = keras.layers
KB = 1 / 1024**2  # in GB


def model(units: int = 30) -> Any:
    """A model of three dense layers, 3.4 KB, 3.7 KB and 0.6 KB, and BatchNorm."""
    return keras.Sequential(
        [keras.Input((28,)), L.Dense(units), L.BatchNormalization(), L.Dense(30), L.Dropout(0.5), L.Dense(5)]
    )


def same(one: Any, other: Any) -> bool:
    """Tells whether all weights are equal."""
    return all(torch.equal(a, b) for a, b in zip(one.weights, other.weights, strict=True))


def test_shards_hold_everything_and_keep_to_their_size(tmp_path: Any) -> None:
    source, target = model(), model()
    source.save_weights(tmp_path / "m.weights.json", max_shard_size=4 * KB)
    shards = sorted(path.name for path in tmp_path.glob("m_*_*.weights.h5"))
    # Keras opens the first of these before it looks at the index.
    assert set(os.listdir(tmp_path)) == {"m.weights.json", "m_00000.weights.h5", *shards}
    assert (tmp_path / "m_00000.weights.h5").stat().st_size < 1000
    assert [re.sub("_[0-9a-f]{8}_", "_", name) for name in shards] == [f"m_0000{i}.weights.h5" for i in range(3)]
    index = json.loads((tmp_path / "m.weights.json").read_text())
    assert index["metadata"]["total_size"] == sum(weight.nbytes for weight in source.weights)
    assert set(index["weight_map"]) == {f"/layers/{name}/vars" for name in ("dense", "dense_1", "dense_2")} | {
        "/layers/batch_normalization/vars"
    }
    assert not same(source, target)
    target.load_weights(tmp_path / "m.weights.json")
    assert same(source, target)


def test_a_layer_may_lie_in_two_files(tmp_path: Any) -> None:
    source, target = model(), model()
    source.save_weights(tmp_path / "m.weights.json", max_shard_size=3.6 * KB)
    index = json.loads((tmp_path / "m.weights.json").read_text())
    assert any(isinstance(names, list) for names in index["weight_map"].values())
    target.load_weights(tmp_path / "m.weights.json")
    assert same(source, target)


def test_the_ending_is_corrected_with_a_warning(tmp_path: Any) -> None:
    with pytest.warns(UserWarning, match="requires `\\*.json`"):
        model().save_weights(tmp_path / "m.weights.h5", max_shard_size=1)
    (shard,) = tmp_path.glob("m_*_*.weights.h5")
    assert re.fullmatch(r"m_[0-9a-f]{8}_00000\.weights\.h5", shard.name)
    assert (tmp_path / "m.weights.json").exists()


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("m.json", 1, "end in `.weights.json`"),
        ("m.weights.json", 1e-9, "exceeds the maximum shard size"),
        ("m.weights.json", -1, "positive number"),
    ],
)
def test_wrong_arguments_leave_nothing_behind(name: str, size: float, message: str, tmp_path: Any) -> None:
    with pytest.raises(ValueError, match=message):
        model().save_weights(tmp_path / name, max_shard_size=size)
    assert os.listdir(tmp_path) == []


def test_a_failed_save_leaves_the_old_files(tmp_path: Any) -> None:
    source = model()
    path = tmp_path / "m.weights.json"
    source.save_weights(path, max_shard_size=4 * KB)
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}
    with pytest.raises(ValueError, match="exceeds"):
        model().save_weights(path, max_shard_size=0.7 * KB)
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == before


def test_what_does_not_fit_changes_nothing(tmp_path: Any) -> None:
    model().save_weights(tmp_path / "m.weights.json", max_shard_size=4 * KB)
    target = model(units=20)
    before = [weight.clone() for weight in target.weights]
    with pytest.raises(ValueError, match=r"Layer 'dense.*shape"):
        target.load_weights(tmp_path / "m.weights.json")
    assert all(torch.equal(a, b) for a, b in zip(before, target.weights, strict=True))
    with pytest.warns(UserWarning, match="could not be loaded"):
        target.load_weights(tmp_path / "m.weights.json", skip_mismatch=True)
    assert not torch.equal(before[-2], target.weights[-2])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"weight_map": {"/vars": "../m_00000.weights.h5"}}', "Not allowed.*same folder"),
        ('{"weight_map": {"/vars": "/etc/m.weights.h5"}}', "Not allowed.*same folder"),
        ('{"weight_map": {"/vars": "C:m.weights.h5"}}', "Not allowed.*same folder"),
        ('{"weight_map": {"/vars": "passwd"}}', "Not allowed.*same folder"),
        ('{"weight_map": {"/vars": [3]}}', "Not allowed.*same folder"),
        ('{"weight_map": {"/vars": "gone.weights.h5"}}', "does not lie beside it"),
        ('{"weight_map": ["x"]}', "not an index of weights"),
        ('{"weight', "not an index of weights"),
        ("[" * 100_000, "not an index of weights"),
    ],
)
def test_hostile_and_damaged_indices_are_refused(text: str, message: str, tmp_path: Any) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    model().save_weights(tmp_path / "m.weights.json", max_shard_size=1)
    (folder / "m.weights.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        model().load_weights(folder / "m.weights.json")


def test_links_are_refused(tmp_path: Any) -> None:
    model().save_weights(tmp_path / "m.weights.json", max_shard_size=1)
    (shard,) = tmp_path.glob("m_*_*.weights.h5")
    os.rename(shard, tmp_path / "other.h5")
    os.symlink(tmp_path / "other.h5", shard)
    with pytest.raises(ValueError, match="is a link"):
        model().load_weights(tmp_path / "m.weights.json")


@pytest.mark.parametrize("name", ["m.weights.h5", "m.weights.json"])
def test_objects_to_skip(name: str, tmp_path: Any) -> None:
    size = 1 if name.endswith("json") else None
    source, target = model(), model()
    before = [weight.clone() for weight in target.layers[0].weights]
    save_weights(source, tmp_path / name, max_shard_size=size)
    load_weights(target, tmp_path / name, objects_to_skip=[target.layers[0]])
    assert all(torch.equal(a, b) for a, b in zip(before, target.layers[0].weights, strict=True))
    assert torch.equal(source.layers[2].kernel, target.layers[2].kernel)
    save_weights(source, tmp_path / name, max_shard_size=size, objects_to_skip=[source.layers[0]])
    with pytest.raises(ValueError, match=r"Layer 'dense.*expected 2 variables"):
        target.load_weights(tmp_path / name)
    load_weights(target, tmp_path / name, objects_to_skip=[target.layers[0]])
    with pytest.raises(ValueError, match="objects_to_skip"):
        load_weights(target, tmp_path / "m.h5", objects_to_skip=[])
    with pytest.raises(ValueError, match="objects_to_skip"):
        save_weights(target, tmp_path / "m.safetensors", objects_to_skip=[])


def test_a_layer_that_is_shared_by_two_models_comes_back_as_one(tmp_path: Any) -> None:
    shared = L.Dense(3, name="shared")
    one = keras.Sequential([keras.Input((3,)), shared], name="one")
    two = keras.Sequential([keras.Input((3,)), shared, L.Dense(2)], name="two")
    inputs = keras.Input((3,))
    source = keras.Model(inputs, [one(inputs), two(inputs)])
    source.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert loaded.get_layer("one").layers[0] is loaded.get_layer("two").layers[0]
    assert same(source, loaded)
    x = torch.ones(1, 3)
    for a, b in zip(source(x), loaded(x), strict=True):
        torch.testing.assert_close(a, b)


def test_only_what_is_shared_is_numbered(tmp_path: Any) -> None:
    model().save(tmp_path / "m.keras")
    assert "shared_object_id" not in zipfile.ZipFile(tmp_path / "m.keras").read("config.json").decode()
    penalty = keras.regularizers.L2(0.1)
    source = keras.Sequential(
        [keras.Input((3,)), L.Dense(2, kernel_regularizer=penalty, bias_regularizer=penalty), L.Dense(2)]
    )
    assert source.to_json().count("shared_object_id") == 2
    layer = keras.models.model_from_json(source.to_json()).layers[0]
    assert layer.kernel_regularizer is layer.bias_regularizer
