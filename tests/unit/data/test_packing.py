import numpy as np
import pytest
import torch

from torchkeras_shim.data import train_validation_split


def test_the_last_part_validates_without_a_copy():
    x = np.arange(20).reshape(10, 2)
    ((train, none), [labels]), ((last, _), [last_labels]) = train_validation_split(((x, None), [torch.arange(10)]), 0.3)
    assert train.shape == (7, 2)
    assert none is None
    assert np.shares_memory(train, x)
    assert np.shares_memory(last, x)
    assert labels.tolist() == list(range(7))
    assert last_labels.tolist() == [7, 8, 9]


def test_frames_and_sparse_rows():
    pandas = pytest.importorskip("pandas")
    train, last = train_validation_split(pandas.DataFrame({"a": range(4)}, index=[9, 8, 7, 6]), 0.5)
    assert train["a"].tolist() == [0, 1]
    assert last["a"].tolist() == [2, 3]
    sparse = pytest.importorskip("scipy.sparse")
    train, last = train_validation_split(sparse.coo_matrix(np.eye(4)), 0.25)
    assert (train.shape, last.shape) == ((3, 4), (1, 4))


@pytest.mark.parametrize("split", [1.5, -0.1, 1, 0])
def test_shares_outside_the_range(split):
    with pytest.raises(ValueError, match="must be between 0 and 1"):
        train_validation_split(np.zeros(10), split)


def test_other_errors():
    with pytest.raises(ValueError, match=r"only supported for tensors or NumPy arrays.*generator"):
        train_validation_split((iter(()), (i for i in ())), 0.5)
    with pytest.raises(ValueError, match="contains 1 samples, which is not sufficient"):
        train_validation_split(np.zeros(1), 0.5)
