"""Where the weights of `keras.applications` come from."""

import hashlib

import numpy as np
import pytest

import torchkeras_shim as keras
from torchkeras_shim import applications
from torchkeras_shim.applications import pretrained


def small(name="vgg16", **arguments):
    return applications.VGG16(**{"include_top": False, "input_shape": (32, 32, 3), "name": name, **arguments})


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    model = small(weights=None)
    folder = tmp_path_factory.mktemp("weights")
    for end in (".weights.h5", ".h5"):
        model.save_weights(folder / f"vgg{end}") if end == ".weights.h5" else model.save(folder / f"vgg{end}")
    return folder, [weight.numpy() for weight in model.weights]


@pytest.mark.parametrize("name", ["vgg.weights.h5", "vgg.h5"])
def test_a_path(saved, name):
    folder, expected = saved
    for ours, theirs in zip(small(weights=folder / name).weights, expected, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs)


def test_imagenet_reads_the_file_in_keras_s_cache(saved, monkeypatch, tmp_path):
    folder, expected = saved
    (tmp_path / "models").mkdir()
    content = (folder / "vgg.h5").read_bytes()
    file = pretrained.File("vgg.h5", "http://127.0.0.1:1/vgg.h5", hashlib.md5(content).hexdigest())
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(pretrained.Files, "choose", lambda files, top: file)
    with pytest.raises(FileNotFoundError, match="not on this computer") as caught:
        small(weights="imagenet")
    place = tmp_path / "models" / "vgg.h5"
    assert str(place) in str(caught.value)
    assert "http://127.0.0.1:1/vgg.h5" in str(caught.value)
    place.write_bytes(content)
    np.testing.assert_array_equal(small(weights="imagenet").weights[-1].numpy(), expected[-1])


def test_an_input_tensor_is_where_the_model_begins():
    picture = keras.Input((32, 32, 3), name="picture")
    model = small(weights=None, input_tensor=keras.layers.Rescaling(1 / 255)(picture))
    assert [layer.name for layer in model.layers[:3]] == ["picture", "rescaling", "block1_conv1"]
    assert model.inputs[0] is picture
