"""What is computed in a wider type must fit into it."""

from __future__ import annotations

import pytest
import torch

from torchkeras_shim import ops


def test_large_numbers_of_64_bits_do_not_become_negative_ones():
    small = torch.tensor([5, 3], dtype=torch.uint64)
    assert int(ops.max(small)) == 5
    large = torch.tensor([2**63 + 5, 3], dtype=torch.uint64)
    with pytest.raises(NotImplementedError, match="UInt64"):
        ops.max(large)
