"""`keras.applications`: the same layers in the same order, and the same outputs from the same weights."""

import numpy as np
import pytest

import torchkeras_shim
from tests.parity.application_cases import CASES, NIGHTLY_CASES, describe, unpacked
from tests.parity.oracle import kept, keras


def case_name(case):
    function, arguments, size = case
    return f"{function}-{size}" + "".join(f"-{key}={value}" for key, value in arguments.items())


ALL = [pytest.param(*case, id=case_name(case)) for case in CASES] + [
    pytest.param(*case, id=case_name(case), marks=pytest.mark.nightly) for case in NIGHTLY_CASES
]


@pytest.mark.parametrize(("function", "arguments", "size"), ALL)
def test_a_model_is_keras_s(function, arguments, size):
    theirs = kept(describe, keras, function, arguments, size)
    ours = describe(torchkeras_shim, function, arguments, size)
    assert unpacked(ours.pop("layers")) == unpacked(theirs.pop("layers"))
    outputs = theirs.pop("outputs")
    assert np.ptp(outputs) > 1e-2 * theirs["scale"] > 0
    np.testing.assert_allclose(ours.pop("outputs"), outputs, rtol=1e-4, atol=1e-4 * theirs["scale"])
    np.testing.assert_allclose(ours.pop("scale"), theirs.pop("scale"), rtol=1e-4)
    assert ours == theirs
