"""What goes into the models of `keras.applications`, what comes out, and what they refuse."""

import importlib
import json
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

import torchkeras_shim
from tests.parity.oracle import assert_close, kept, keras
from torchkeras_shim import applications

MODULES = [name for name in applications.__all__ if name.islower() and name != "imagenet_utils"]


def pictures(dtype, shape):
    return (np.random.default_rng(3).uniform(0, 255, shape)).astype(dtype)


def prepared(library, dtype, shape, **arguments):
    """The result, and the argument afterwards: arrays are changed in place."""
    x = pictures(dtype, shape)
    result = library.applications.imagenet_utils.preprocess_input(x, **arguments)
    return {"result": np.array(result), "afterwards": x, "dtype": result.dtype.name, "same": result is x}


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", "float16", "int32"])
@pytest.mark.parametrize(("shape", "layout"), [((2, 3, 2, 3), None), ((3, 2, 3), "channels_last")])
def test_arrays(mode, dtype, shape, layout):
    theirs = kept(prepared, keras, dtype, shape, mode=mode, data_format=layout)
    ours = prepared(torchkeras_shim, dtype, shape, mode=mode, data_format=layout)
    tolerance = 2e-3 if dtype == "float16" else 1e-5
    for key in ("result", "afterwards"):
        assert_close(ours.pop(key), theirs.pop(key), rtol=tolerance, atol=tolerance * 10)
    assert ours == theirs


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
@pytest.mark.parametrize("shape", [(2, 3, 2, 4), (3, 2, 4)])
def test_channels_first(mode, shape):
    theirs = kept(prepared, keras, "float32", shape, mode=mode, data_format="channels_first")
    ours = prepared(torchkeras_shim, "float32", shape, mode=mode, data_format="channels_first")
    assert_close(ours["result"], theirs["result"], atol=1e-4)
    assert_close(ours["afterwards"], theirs["afterwards"], atol=1e-4)


def of_tensor(library, mode, layout, dtype, channels=3):
    shape = (2, 3, 2, channels) if layout == "channels_last" else (2, channels, 2, 2)
    x = library.ops.convert_to_tensor(pictures(dtype, shape))
    prepare = library.applications.imagenet_utils.preprocess_input
    result = prepare(x, mode=mode, data_format=layout)
    return np.asarray(library.ops.convert_to_numpy(result))


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_tensors(mode, layout, dtype):
    theirs = kept(of_tensor, keras, mode, layout, dtype)
    ours = of_tensor(torchkeras_shim, mode, layout, dtype)
    tolerance = 2e-3 if dtype == "float16" else 1e-5
    assert_close(ours, theirs, rtol=tolerance, atol=tolerance * 30)
    assert ours.dtype.name == theirs.dtype.name == dtype


@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
def test_what_is_no_colour_is_left_out(layout):
    theirs = kept(of_tensor, keras, "caffe", layout, "float32", channels=4)
    assert_close(of_tensor(torchkeras_shim, "caffe", layout, "float32", channels=4), theirs, atol=1e-4)


def test_grey_pictures_are_refused_with_the_line_to_write():
    prepare = applications.resnet50.preprocess_input
    for x in (torch.ones(2, 4, 4, 1), torchkeras_shim.Input((4, 4, 1))):
        with pytest.raises(ValueError, match=r"three channels.*1 along axis 3.*keras\.ops\.repeat\(x, 3, axis=3\)"):
            prepare(x)


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_symbolic_tensors_become_layers_of_a_model(mode):
    prepare = applications.imagenet_utils.preprocess_input
    inputs = torchkeras_shim.Input((4, 5, 3))
    model = torchkeras_shim.Model(inputs, prepare(inputs, mode=mode))
    x = pictures("float32", (2, 4, 5, 3))
    assert_close(model(torch.from_numpy(x)), prepare(x.copy(), mode=mode), atol=1e-4)


def of_module(library, name):
    return np.array(getattr(library.applications, name).preprocess_input(pictures("float32", (2, 2, 3))))


@pytest.mark.parametrize("module", MODULES)
def test_each_family_has_its_own(module):
    assert_close(of_module(torchkeras_shim, module), kept(of_module, keras, module), atol=1e-4)
    assert sorted(getattr(applications, module).__all__) == [
        name for name in dir(getattr(keras.applications, module)) if not name.startswith("_")
    ]


def test_names():
    assert set(applications.__all__) <= {name for name in dir(keras.applications) if not name.startswith("_")}


def index_file(folder):
    path = Path(folder, "imagenet_class_index.json")
    path.write_text(json.dumps({str(n): [f"n{n:08d}", f"thing_{n}"] for n in range(1000)}))
    return str(path)


def decoded(library, preds, **arguments):
    with tempfile.TemporaryDirectory() as folder:
        path = index_file(folder)
        if library.__name__ == "keras":
            module = importlib.import_module("keras.src.applications.imagenet_utils")
            local = mock.patch.object(module.file_utils, "get_file", return_value=path)
        else:
            module = importlib.import_module("torchkeras_shim.applications.pretrained")
            local = mock.patch.object(module, "get_file", return_value=path)
        with local:
            found = library.applications.imagenet_utils.decode_predictions(preds, **arguments)
    return [[[wordnet, text, float(score)] for wordnet, text, score in row] for row in found]


@pytest.mark.parametrize("arguments", [{}, {"top": 1}, {"top": 3}])
def test_decode_predictions(arguments):
    preds = np.random.default_rng(1).uniform(size=(2, 1000)).astype("float32")
    preds[1, :4] = 1.0  # ties
    assert decoded(torchkeras_shim, preds, **arguments) == kept(decoded, keras, preds, **arguments)
    assert decoded(torchkeras_shim, torch.from_numpy(preds), **arguments) == decoded(
        torchkeras_shim, preds, **arguments
    )


WRONG = [
    ("imagenet_utils.preprocess_input", (np.ones((2, 2, 3)),), {"mode": "x"}),
    ("imagenet_utils.preprocess_input", (np.ones((2, 2, 3)),), {"data_format": "x"}),
    ("imagenet_utils.decode_predictions", (np.ones((2, 10)),), {}),
    ("imagenet_utils.decode_predictions", (np.ones((2, 1000, 1)),), {}),
    ("VGG16", (), {"weights": "nowhere"}),
    ("VGG16", (), {"classes": 10}),
    ("VGG16", (), {"classifier_activation": "relu"}),
    ("VGG16", (), {"input_shape": (96, 96, 3)}),
    ("VGG16", (), {"input_shape": (96, 96, 4), "include_top": False}),
    ("VGG16", (), {"weights": None, "input_shape": (10, 40, 3), "include_top": False}),
    ("VGG16", (), {"weights": None, "input_shape": (40, 40)}),
    ("VGG16", (), {"weights": None, "input_shape": (None, None, 3)}),
    ("VGG16", (), {"weights": None, "input_tensor": 3}),
]


def error(library, function, *args, **kwargs):
    for name in ("applications", *function.split(".")):
        library = getattr(library, name)
    with pytest.raises(ValueError) as caught:
        library(*args, **kwargs)
    return str(caught.value)


def words(text):
    """The first sentence, without the quotes and stops in which Keras's modules differ."""
    return "".join(c for c in text.split("Received")[0].split("received")[0] if c.isalnum() or c == " ").split()[:12]


@pytest.mark.parametrize(("function", "args", "kwargs"), WRONG)
def test_errors_begin_with_keras_s_sentence(function, args, kwargs):
    ours = error(torchkeras_shim, function, *args, **kwargs)
    assert words(ours) == words(kept(error, keras, function, *args, **kwargs))
    assert "eceived" in ours


def test_an_unknown_pooling_is_refused():
    with pytest.raises(ValueError, match=r"`pooling` should be `None`, 'avg' or 'max'\. Received: pooling='mean'"):
        applications.VGG16(weights=None, include_top=False, pooling="mean")
