"""`keras.applications`: the same layers in the same order, and the same outputs from the same weights."""

import numpy as np
import pytest

import torchkeras_shim
from tests.parity.application_cases import CASES, LARGE_CASES, NIGHTLY_CASES, describe, structure, unpacked
from tests.parity.oracle import kept, keras


def case_name(case):
    function, arguments, size = case
    return f"{function}-{size}" + "".join(f"-{key}={value}" for key, value in arguments.items())


def named(cases, marks=()):
    return [pytest.param(*case, id=case_name(case), marks=marks) for case in cases]


def check_structure(ours, theirs):
    assert unpacked(ours.pop("layers")) == unpacked(theirs.pop("layers"))
    assert ours == theirs


@pytest.fixture
def cheap_weights(monkeypatch):
    """Kernels of zeros: drawing tens of millions of numbers takes longer than all else."""
    zeros = torchkeras_shim.initializers.Zeros()
    scaling = torchkeras_shim.initializers.VarianceScaling
    monkeypatch.setattr(scaling, "__call__", lambda self, shape, dtype=None: zeros(shape, dtype))


@pytest.mark.usefixtures("cheap_weights")
@pytest.mark.parametrize(("function", "arguments", "size"), named(LARGE_CASES))
def test_a_large_model_has_keras_s_layers(function, arguments, size):
    theirs = kept(structure, keras, function, arguments, size)
    check_structure(structure(torchkeras_shim, function, arguments, size), theirs)


@pytest.mark.parametrize(
    ("function", "arguments", "size"), [*named(CASES), *named(NIGHTLY_CASES, marks=pytest.mark.nightly)]
)
def test_a_model_is_keras_s(function, arguments, size):
    theirs = kept(describe, keras, function, arguments, size)
    ours = describe(torchkeras_shim, function, arguments, size)
    outputs, scale = theirs.pop("outputs"), theirs.pop("scale")
    assert np.ptp(outputs) > 1e-2 * scale > 0
    np.testing.assert_allclose(ours.pop("outputs"), outputs, rtol=1e-4, atol=1e-4 * scale)
    np.testing.assert_allclose(ours.pop("scale"), scale, rtol=1e-4)
    check_structure(ours, theirs)
