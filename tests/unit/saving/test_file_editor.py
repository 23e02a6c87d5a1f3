"""Files of weights are looked into, changed and written again."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

import torchkeras_shim as keras
from torchkeras_shim import layers
from torchkeras_shim.saving import KerasFileEditor


def model_of(*names, units=3):
    model = keras.Sequential([keras.Input((2,)), *(layers.Dense(units, name=name) for name in names)])
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((1, 2)), np.ones((1, units)))
    return model


@pytest.fixture
def path(tmp_path):
    path = str(tmp_path / "old.weights.h5")
    model_of("a", "b").save_weights(path)
    return path


@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
def test_what_is_read_is_written(tmp_path, ending, capsys):
    model = model_of("a", "b")
    path, copy = str(tmp_path / f"model{ending}"), str(tmp_path / "copy.weights.h5")
    model.save(path) if ending == ".keras" else model.save_weights(path)
    editor = KerasFileEditor(path)
    assert (editor.config is not None) is (ending == ".keras")
    assert f"Keras model file '{path}'" in capsys.readouterr().out
    editor.save(copy)
    other = model_of("a", "b")
    other.load_weights(copy)
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    for one, two in zip(model.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one.detach().numpy(), two.detach().numpy())


def test_the_summary_shows_names_shapes_and_types(path, capsys):
    KerasFileEditor(path).summary()
    out = capsys.readouterr().out
    assert "> layers" in out
    assert "> dense ('a')" in out
    assert "└─ dense_1 ('b')" in out
    assert "> 0: shape=(2, 3), dtype=float32" in out


def test_comparing_counts_and_names_the_differences(path, capsys):
    editor = KerasFileEditor(path)
    assert editor.compare(model_of("x", "y")) == {"status": "success", "error_count": 0, "match_count": 14}
    result = editor.compare(model_of("x", units=4))
    assert result["status"] == "error"
    out = capsys.readouterr().out
    assert "...Weight shape mismatch for /layers/dense/0" in out
    assert "In reference model: shape=(2, 4)" in out
    assert "...Object /layers/dense_1 present in saved file, missing from reference model" in out


def test_objects_and_weights_are_changed(path, tmp_path):
    editor = KerasFileEditor(path)
    editor.rename_object("layers/dense_1", "einsum_dense")
    editor.add_weights("layers/dense", {"0": np.zeros((2, 3), "float32")})
    editor.add_object("layers/dense_2", {"0": np.ones((3, 1), "float32")})
    editor.delete_weight("layers/einsum_dense", "1")
    editor.delete_object("optimizer")
    editor.save(tmp_path / "new.weights.h5")
    with h5py.File(tmp_path / "new.weights.h5") as file:
        assert set(file) == {"layers"}
        assert set(file["layers"]) == {"dense", "dense_2", "einsum_dense"}
        assert set(file["layers/einsum_dense/vars"]) == {"0"}
        assert file["layers/dense/vars"].attrs["name"] == "a"
        assert not file["layers/dense/vars/0"][()].any()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda editor: editor.rename_object("layers/dense", "a/b"), "leaf name"),
        (lambda editor: editor.rename_object("layers/dense", "dense_1"), "is there already"),
        (lambda editor: editor.delete_object("nothing"), "does not appear"),
        (lambda editor: editor.delete_object("layers/nothing"), "Path 'layers/nothing' not found"),
        (lambda editor: editor.delete_object("0"), "more than once"),
        (lambda editor: editor.delete_weight("layers/dense", "7"), r"Weights found: \['0', '1'\]"),
        (lambda editor: editor.add_object("nowhere/x", {}), "Path 'nowhere' not found"),
        (lambda editor: editor.add_weights("layers/dense", [1]), "should be a dict"),
        (lambda editor: editor.save("model.h5"), "expected a `.weights.h5` extension"),
    ],
)
def test_wrong_edits_are_explained_and_change_nothing(path, edit, message):
    editor = KerasFileEditor(path)
    before = list(editor.weights_dict["layers"])
    with pytest.raises(ValueError, match=message):
        edit(editor)
    assert list(editor.weights_dict["layers"]) == before


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="Invalid filename"):
        KerasFileEditor("model.pt")
    with h5py.File(tmp_path / "link.weights.h5", "w") as file:
        file["layers"] = h5py.ExternalLink("other.h5", "/")
    with pytest.raises(ValueError, match="Not allowed"):
        KerasFileEditor(tmp_path / "link.weights.h5")
    with h5py.File(tmp_path / "loop.weights.h5", "w") as file:
        group = file.create_group("a")
        group["a"] = group
    with pytest.raises(ValueError, match="without end"):
        KerasFileEditor(tmp_path / "loop.weights.h5")
