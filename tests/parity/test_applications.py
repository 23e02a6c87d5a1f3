"""`keras.applications`: the same layers in the same order, and the same outputs from the same weights."""

import numpy as np
import pytest

import torchkeras_shim
from tests.parity.application_cases import CASES, LARGE_CASES, case_name, describe, structure, unpacked
from tests.parity.oracle import kept, keras

#: Of these the ordinary run compares the files' names, the arguments or relatives only.
NIGHTLY = ("DenseNet121", "EfficientNetV2B0", "InceptionV3", "InceptionResNetV2", "NASNetMobile", "ResNet50V2")


def named(cases):
    marks = [pytest.mark.nightly if case[0] in NIGHTLY else () for case in cases]
    return [pytest.param(*case, id=case_name(case), marks=mark) for case, mark in zip(cases, marks, strict=True)]


def check_structure(ours, theirs):
    assert unpacked(ours.pop("layers")) == unpacked(theirs.pop("layers"))
    assert ours == theirs


@pytest.mark.parametrize(("function", "arguments", "size"), named(LARGE_CASES))
def test_a_large_model_has_keras_s_layers(function, arguments, size):
    theirs = kept(structure, keras, function, arguments, size)
    check_structure(structure(torchkeras_shim, function, arguments, size), theirs)


@pytest.mark.parametrize(("function", "arguments", "size"), named(CASES))
def test_a_model_is_keras_s(function, arguments, size):
    theirs = kept(describe, keras, function, arguments, size)
    ours = describe(torchkeras_shim, function, arguments, size)
    outputs, scale = theirs.pop("outputs"), theirs.pop("scale")
    assert np.ptp(outputs) > 1e-2 * scale > 0
    np.testing.assert_allclose(ours.pop("outputs"), outputs, rtol=1e-4, atol=1e-4 * scale)
    np.testing.assert_allclose(ours.pop("scale"), scale, rtol=1e-4)
    check_structure(ours, theirs)
