"""Constraints against real Keras: projections, names and configs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.parity.oracle import assert_close, imported, keras
from torchkeras_shim import constraints

CASES = [
    ("MaxNorm", {}),
    ("MaxNorm", {"max_value": 0.5, "axis": 1}),
    ("MaxNorm", {"max_value": 1, "axis": [0, 1]}),
    ("NonNeg", {}),
    ("UnitNorm", {}),
    ("UnitNorm", {"axis": [0, 1]}),
    ("MinMaxNorm", {}),
    ("MinMaxNorm", {"min_value": 0.5, "max_value": 0.8, "rate": 0.3, "axis": 1}),
    ("Constraint", {}),
]
W = np.random.default_rng(0).standard_normal((4, 3, 2)).astype("float32")
W[:, 0, 0] = 0.0


@pytest.mark.parametrize(("name", "kwargs"), CASES)
def test_projections_and_configs(name, kwargs):
    ours, theirs = getattr(constraints, name)(**kwargs), getattr(keras.constraints, name)(**kwargs)
    assert_close(ours(torch.tensor(W)), theirs(keras.ops.convert_to_tensor(W)))
    assert ours.get_config() == theirs.get_config()
    assert constraints.serialize(ours) == keras.constraints.serialize(theirs)
    assert constraints.deserialize(keras.constraints.serialize(theirs)).get_config() == theirs.get_config()


def test_every_name_of_keras_is_known():
    theirs = imported("keras.src.constraints")

    assert set(theirs.ALL_OBJECTS_DICT) <= set(constraints.CONSTRAINTS.names())
    assert [n for n in dir(keras.constraints) if not n.startswith("_") and not hasattr(constraints, n)] == []
