"""`deserialize_keras_object(module_objects=)`, by which packages find their own classes, against Keras's."""

import pytest

import torchkeras_shim
from tests.parity.oracle import kept, keras

CASES = {
    "a name": "mine",
    "a config": {"class_name": "mine", "config": {"l2": 0.25}},
    "a name that is not there": "yours",
    "a config of a name that is not there": {"class_name": "yours", "config": {}},
    "a class of the user's": {"class_name": "other", "config": {"l2": 0.5}, "module": None, "registered_name": "other"},
    "nothing": None,
    "no class": {"config": {}},
}


def found(k, config):
    try:
        value = k.saving.deserialize_keras_object(
            config, custom_objects={"other": k.regularizers.L2}, module_objects={"mine": k.regularizers.L2}
        )
    except ValueError as error:
        return str(error).partition(",")[0]
    return [type(value).__name__, round(float(value.l2), 6)] if isinstance(value, k.regularizers.L2) else value


@pytest.mark.parametrize("case", CASES)
def test_a_package_finds_its_own_classes(case):
    assert found(torchkeras_shim, CASES[case]) == kept(found, keras, CASES[case])
