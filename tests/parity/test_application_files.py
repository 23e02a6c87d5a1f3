"""Files of `keras.applications`, exchanged with real Keras in both directions: every model, every format."""

import numpy as np
import pytest
import torch

import torchkeras_shim
from tests.parity.application_cases import NIGHTLY_CASES, build, case_name, fill, numbers
from tests.parity.application_files import configs, model_counts, pictures, read, sample, sums, write
from tests.parity.oracle import kept, keras

pytestmark = pytest.mark.nightly

#: One of each family is written whole, and of two the gradients are compared.
WHOLE = (
    "VGG16", "ResNet50", "ResNet50V2", "DenseNet121", "MobileNet", "MobileNetV2", "MobileNetV3Small", "Xception",
    "EfficientNetB0", "EfficientNetV2B0", "InceptionV3", "InceptionResNetV2", "NASNetMobile", "ConvNeXtTiny",
)  # fmt: skip
GRADIENTS = (
    *WHOLE, "VGG19", "ResNet101", "ResNet101V2", "DenseNet169", "MobileNetV3Large", "EfficientNetB1",
    "EfficientNetV2B1", "ConvNeXtSmall",
)  # fmt: skip


@pytest.mark.parametrize(
    ("function", "arguments", "size"), [pytest.param(*case, id=case_name(case)) for case in NIGHTLY_CASES]
)
def test_files_go_both_ways(function, arguments, size, tmp_path):
    whole, gradients = function in WHOLE, function in GRADIENTS
    theirs = kept(write, keras, function, arguments, size, tmp_path, whole, gradients)
    ours = build(torchkeras_shim, function, arguments, size)
    check_configs(configs(ours), theirs["configs"])
    assert model_counts(ours) == theirs["trainable"]
    formats = ["theirs.weights.h5", "theirs.h5"]
    for name in formats:
        zero(ours)
        ours.load_weights(tmp_path / name)
        check_outputs(ours, size, theirs["outputs"])
    if whole:
        check_outputs(torchkeras_shim.saving.load_model(tmp_path / "theirs.keras"), size, theirs["outputs"])
    if gradients:
        check_gradients(ours, size, theirs["gradients"])
    fill(ours, first=11)
    ours.save_weights(tmp_path / "ours.weights.h5")
    ours.save(tmp_path / "ours.h5")
    if whole:
        ours.save(tmp_path / "ours.keras")
    for found in kept(read, keras, function, arguments, size, tmp_path):
        np.testing.assert_allclose(found, sums(ours), rtol=1e-6)


def zero(model):
    with torch.no_grad():
        for weight in model.weights:
            weight.zero_()


def check_configs(ours, theirs):
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    for (name, config), (_, expected) in zip(ours, theirs, strict=True):
        differences = {
            key: (value, expected[key]) for key, value in config.items() if expected.get(key, value) != value
        }
        assert not differences, name


def check_outputs(model, size, expected):
    outputs = model.predict(pictures(size), verbose=0)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def check_gradients(model, size, expected):
    outputs = model(torch.from_numpy(pictures(size)), training=False)
    (outputs * torch.from_numpy(numbers(tuple(outputs.shape), 3))).sum().backward()
    largest = max(theirs[-1] for theirs in expected)
    for weight, theirs in zip(model.trainable_weights, expected, strict=True):
        ours = sample(weight.grad.numpy())
        # A rounded number below or above zero closes or opens a ReLU; what is a million times smaller is rounding.
        tolerance = 3e-3 * theirs[-1] + 1e-6 * largest
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=tolerance, err_msg=weight.path)
