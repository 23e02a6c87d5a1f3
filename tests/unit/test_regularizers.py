"""What may stand for a regularizer, and its errors."""

from __future__ import annotations

import pytest
import torch

from torchkeras_shim import regularizers
from torchkeras_shim.core.variable import Variable


def test_identifiers():
    assert regularizers.get(None) is None
    assert regularizers.get("l1_l2").get_config() == {"l1": 0.0, "l2": 0.0}
    assert isinstance(regularizers.get(regularizers.L2), regularizers.L2)

    def mine(weight):
        return 0.1 * weight.sum()

    assert regularizers.get(mine) is mine
    with pytest.raises(ValueError, match="Did you mean 'L2'"):
        regularizers.get("l22")


def test_penalty_of_a_variable_takes_gradients():
    weight = Variable([[1.0, -2.0]])
    regularizers.L1L2(0.5, 0.25)(weight).backward()
    assert weight.grad.tolist() == [[1.0, -1.5]]


def test_penalty_keeps_the_type():
    assert regularizers.L2(0.5)(torch.ones(2, dtype=torch.float16)).dtype == torch.float16


def test_orthogonal_refuses_what_is_no_matrix():
    with pytest.raises(ValueError, match="must have rank 2"):
        regularizers.OrthogonalRegularizer()(torch.ones(3))
    with pytest.raises(ValueError, match="Expected one of"):
        regularizers.OrthogonalRegularizer(mode="diagonals")


def test_base_class_asks_for_a_config():
    with pytest.raises(NotImplementedError, match="get_config"):
        regularizers.Regularizer().get_config()
