"""What may stand for a constraint."""

from __future__ import annotations

import pytest
import torch

from torchkeras_shim import constraints


def test_identifiers():
    assert constraints.get(None) is None
    assert constraints.get("max_norm").get_config() == {"max_value": 2, "axis": 0}
    assert isinstance(constraints.get(constraints.NonNeg), constraints.NonNeg)

    def mine(weight):
        return weight.clamp(min=0.1)

    assert constraints.get(mine) is mine
    with pytest.raises(ValueError, match="Did you mean 'unit_norm'"):
        constraints.get("unit_nrm")


def test_the_weight_itself_is_left_alone():
    weight = torch.tensor([-1.0, 2.0])
    assert constraints.NonNeg()(weight).tolist() == [0.0, 2.0]
    assert weight.tolist() == [-1.0, 2.0]
