"""Vectors of indices that are so large that their zeros come from another place."""

import numpy as np
import pytest
import torch

from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.layers.preprocessing import encoding

DEPTH = 40_000
ROWS = [[0, 7, 7, DEPTH - 1, -1, DEPTH], [5], [], [DEPTH, DEPTH - 1]] * 16


def _expected(rows, mode, dtype):
    vectors = np.zeros((len(rows), DEPTH))
    for vector, row in zip(vectors, rows, strict=True):
        np.add.at(vector, [index for index in row if 0 <= index < DEPTH], 1)
    return torch.from_numpy(np.minimum(vectors, 1) if mode == "multi_hot" else vectors).to(dtype)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bfloat16])
@pytest.mark.parametrize("mode", ["multi_hot", "count"])
def test_large_vectors_are_those_of_their_rows(mode, dtype):
    expected = _expected(ROWS, mode, dtype)
    dense = torch.tensor([[*row, *[-1] * (6 - len(row))] for row in ROWS])
    for found in (
        encoding.encode_rows(RaggedTensor.from_rows(ROWS), mode, DEPTH, dtype),
        encoding.encode(dense, mode, DEPTH, dtype),
    ):
        assert found.dtype == dtype
        assert torch.equal(found, expected)
        found.resize_(2, 3)  # as writable, and as free to change, as any other tensor
        found.zero_()
