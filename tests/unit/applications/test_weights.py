"""Where the weights of `keras.applications` come from."""

import hashlib

import numpy as np
import pytest

import torchkeras_shim as keras
from torchkeras_shim import applications
from torchkeras_shim.applications import pretrained


@pytest.fixture(scope="module", autouse=True)
def few_filters():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torchkeras_shim.applications.vgg._FILTERS", (2, 3, 4, 5, 6))
        yield


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


def test_a_file_of_another_model_is_refused_with_the_line_to_write(saved, tmp_path):
    folder, _ = saved
    with pytest.raises(ValueError, match=r"does not fit the model 'mine' with include_top=False.*skip_mismatch=True"):
        applications.VGG19(weights=folder / "vgg.h5", include_top=False, input_shape=(32, 32, 3), name="mine")


@pytest.mark.parametrize("weights", [3, [1], np.ones(3), b"x", "nowhere.h5"])
def test_weights_are_a_path(weights):
    with pytest.raises(ValueError, match="the path to the weights file to be loaded"):
        small(weights=weights)


@pytest.fixture
def published(monkeypatch, tmp_path):
    """Lets VGG16 ask for a file with a given hash, from a server that is not there; returns its place in the cache."""
    (tmp_path / "models").mkdir()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))

    def publish(file_hash):
        file = pretrained.File("vgg.h5", "http://127.0.0.1:1/vgg.h5", file_hash)
        monkeypatch.setattr(pretrained.Files, "choose", lambda files, top: file)
        return tmp_path / "models" / "vgg.h5"

    return publish


def test_imagenet_reads_the_file_in_keras_s_cache(saved, published):
    folder, expected = saved
    content = (folder / "vgg.h5").read_bytes()
    place = published(hashlib.md5(content).hexdigest())
    with pytest.raises(FileNotFoundError, match=r"vgg.h5 is not on this computer, and it could not be down") as caught:
        small(weights="imagenet")
    assert str(caught.value).endswith(
        f"http://127.0.0.1:1/vgg.h5 on a computer that has a network and put it there as {place}"
    )
    place.write_bytes(content[:-1])
    with pytest.raises(
        FileNotFoundError, match=f"{place} is incomplete or another file: its hash is not .* put it there"
    ):
        small(weights="imagenet")
    place.write_bytes(content)
    np.testing.assert_array_equal(small(weights="imagenet").weights[-1].numpy(), expected[-1])


@pytest.mark.parametrize(
    ("write", "error", "words"),
    [
        (lambda place: place.write_bytes(b"<html>"), OSError, "cannot be opened as an HDF5 file"),
        (
            lambda place: small(weights=None, pooling="max", input_shape=(32, 32, 1)).save(place),
            ValueError,
            "Shape mism",
        ),
    ],
    ids=["another kind of file", "another model"],
)
def test_a_file_in_the_cache_that_has_no_hash_and_does_not_fit(write, error, words, published):
    place = published(None)
    write(place)
    with pytest.raises(
        error, match=rf"(?s){words}.*Delete it and run this again, or put http://127.0.0.1:1/vgg.h5 in its"
    ):
        small(weights="imagenet")


def test_an_input_tensor_is_where_the_model_begins():
    picture = keras.Input((32, 32, 3), name="picture")
    model = small(weights=None, input_tensor=keras.layers.Rescaling(1 / 255)(picture))
    assert [layer.name for layer in model.layers[:3]] == ["picture", "rescaling", "block1_conv1"]
    assert model.inputs[0] is picture


def scale_config(**of):
    return {"class_name": "LayerScale", "config": {"init_values": 0.5, "projection_dim": 2}, **of}


@pytest.mark.parametrize(
    "of", [{"module": "keras.src.applications.convnext", "registered_name": "LayerScale"}, {}], ids=["keras 3", "h5"]
)
def test_a_layer_that_keras_keeps_to_itself_is_found(of):
    layer = keras.saving.deserialize_keras_object(scale_config(**of))
    assert layer(np.ones((1, 2), "float32")).tolist() == [[0.5, 0.5]]
    assert keras.saving.serialize_keras_object(layer)["module"] == "keras.src.applications.convnext"


@pytest.mark.parametrize("module", [None, "my.package"])
def test_a_user_s_layer_of_that_name_is_not_taken_for_keras_s(module):
    with pytest.raises(ValueError, match="Could not locate class 'LayerScale'"):
        keras.saving.deserialize_keras_object(scale_config(module=module, registered_name="LayerScale"))
