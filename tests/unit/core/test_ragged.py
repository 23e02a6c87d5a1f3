"""`RaggedTensor`: what its methods say, and what it refuses. Values are compared with TensorFlow in tests/parity."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import StringTensor


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ([], "must be a vector"),
        ([1, 3], ":zero"),
        ([0, 2, 1], ":monotonic"),
        ([0, 2], "must be the number of values"),
        ([[0, 3]], "must be a vector"),
    ],
)
def test_splits_are_checked(splits, message):
    with pytest.raises(InvalidArgumentError, match=f"do not form a valid RaggedTensor.*{message}"):
        RaggedTensor(torch.arange(3), splits)


def test_types_of_rows():
    assert RaggedTensor.from_rows([[1], [2.5]]).dtype == torch.float32
    assert RaggedTensor.from_rows([[1], [3_000_000_000]]).values.tolist() == [1, 3_000_000_000]
    assert RaggedTensor.from_rows([np.zeros(0), np.ones(1)]).dtype == torch.float64
    assert RaggedTensor.from_rows([[], []]).dtype == torch.float32
    assert RaggedTensor.from_rows([], dtype="int32").dtype == torch.int32
    assert RaggedTensor.from_rows([[], []], dtype="string").to_list() == [[], []]
    assert RaggedTensor.from_rows([np.array([], "U1"), np.array(["a"])]).to_list() == [[], [b"a"]]
    assert RaggedTensor.from_rows([torch.zeros(2, 3), torch.ones(1, 3)]).shape == (2, None, 3)


def test_iteration_and_copies():
    ragged = RaggedTensor.from_rows([["a"], [], ["b", "c"]])
    assert [row.tolist() for row in ragged] == [[b"a"], [], [b"b", b"c"]]
    assert isinstance(ragged[2], StringTensor)
    for other in (pickle.loads(pickle.dumps(ragged)), copy.deepcopy(ragged)):
        assert other.to_list() == ragged.to_list()
    assert ragged.to("cpu") is ragged
    assert RaggedTensor.from_rows([[1]]).to(torch.float64).dtype == torch.float64


def test_indexing():
    ragged = RaggedTensor.from_rows([[1, 2], [], [3]])
    assert ragged[::-1].to_list() == [[3], [], [1, 2]]
    assert ragged[:, 1:].to_list() == [[2], [], []]
    assert ragged[torch.tensor([2, 2])].to_list() == [[3], [3]]
    assert ragged[torch.tensor([True, False, True])].to_list() == [[1, 2], [3]]
    assert ragged[5:].to_list() == []
    for index in (3, -4):
        with pytest.raises(IndexError, match="out of bounds"):
            ragged[index]
    with pytest.raises(ValueError, match="Cannot index into the ragged dimension"):
        ragged[:, 0]


def test_operators_refuse_other_rows():
    ragged = RaggedTensor.from_rows([[1, 2], [], [3]])
    with pytest.raises(InvalidArgumentError, match="rows of the same lengths"):
        ragged + RaggedTensor.from_rows([[1], [2], [3]])
    with pytest.raises(InvalidArgumentError, match="Unable to broadcast"):
        ragged + torch.zeros(3, 2)
    assert (np.ones((3, 1), "int32") + ragged).to_list() == [[2, 3], [], [4]]
    assert (ragged == None) is False  # noqa: E711
