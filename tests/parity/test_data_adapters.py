"""Batches of arrays against Keras's own data adapters."""

import numpy as np
import pytest
import torch

from tests.parity.oracle import imported, keras
from torchkeras_shim.core import tree
from torchkeras_shim.data import choose_adapter, train_validation_split, unpack_x_y_sample_weight

adapters = imported("keras.src.trainers.data_adapters")

CPU = torch.device("cpu")
RNG = np.random.default_rng(0)
N = 21
MATRIX = RNG.normal(size=(N, 3))
LABELS = RNG.integers(0, 4, N)
ONE_HOT = np.eye(4)[LABELS]


def generator(*batches):
    yield from batches


def pandas_case():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": MATRIX[:, 0], "b": LABELS})
    return {"x": frame, "y": frame["b"]}


CASES = {
    "matrix": {"x": MATRIX},
    "vectors": {"x": MATRIX[:, 0], "y": LABELS},
    "float16": {"x": MATRIX.astype("float16"), "y": MATRIX.astype("float32")},
    "bytes": {"x": (MATRIX * 50).astype("uint8"), "y": LABELS.astype("int32")},
    "weights": {"x": MATRIX, "y": LABELS, "sample_weight": MATRIX[:, 1]},
    "batch size": {"x": MATRIX, "y": LABELS, "batch_size": 4},
    "steps": {"x": MATRIX, "y": LABELS, "steps": 4},
    "both": {"x": MATRIX, "y": LABELS, "steps": 4, "batch_size": 5},
    "class weights": {"x": MATRIX, "y": LABELS, "class_weight": {0: 2.0, 3: 0.25}},
    "class weights of columns": {"x": MATRIX, "y": LABELS[:, None] + 0.2, "class_weight": {0: 2.0, 3: 0.25}},
    "class weights of one-hot": {"x": MATRIX, "y": ONE_HOT, "class_weight": {0: 2.0, 1: 5, 9: 1.5}},
    "structures": {"x": {"b": MATRIX, "a": [LABELS, MATRIX]}, "y": [LABELS, ONE_HOT], "sample_weight": LABELS * 0.5},
    "weights per output": {"x": (MATRIX,), "y": [LABELS, ONE_HOT], "sample_weight": [LABELS * 0.5, LABELS]},
    "pandas": pandas_case,
    "tensors": {"x": torch.from_numpy(MATRIX), "y": torch.from_numpy(LABELS)},
}


@pytest.mark.parametrize("name", CASES)
def test_batches(name):
    case = CASES[name]() if callable(CASES[name]) else dict(CASES[name])
    ours = choose_adapter(device=CPU, **case)
    theirs = adapters.get_data_adapter(steps_per_epoch=case.pop("steps", None), **case)
    for attribute in ("num_batches", "batch_size", "has_partial_batch", "partial_batch_size"):
        assert getattr(ours, attribute) == getattr(theirs, attribute), attribute
    pairs = list(zip(ours.batches(), theirs.get_numpy_iterator(), strict=True))
    assert len(pairs) == ours.num_batches
    for our_batch, their_batch in pairs:
        their_batch = unpack_x_y_sample_weight(their_batch)
        tree.assert_same_structure(our_batch, tuple(their_batch))
        for our_leaf, their_leaf in zip(tree.flatten(our_batch), tree.flatten(their_batch), strict=True):
            if their_leaf is None:
                assert our_leaf is None
                continue
            assert our_leaf.numpy().dtype == their_leaf.dtype
            np.testing.assert_array_equal(our_leaf.numpy(), their_leaf)


@pytest.mark.parametrize("shuffle", [True, "batch"])
def test_shuffling_permutes_the_same_rows(shuffle):
    ours = choose_adapter(np.arange(50), batch_size=8, shuffle=shuffle, device=CPU)
    theirs = adapters.get_data_adapter(np.arange(50), batch_size=8, shuffle=shuffle)
    pairs = list(zip(ours.batches(), theirs.get_numpy_iterator(), strict=True))
    assert [len(x) for (x, _, _), _ in pairs] == [len(x) for _, x in pairs]
    if shuffle == "batch":  # the rows of each batch are the same ones
        assert all(sorted(x.tolist()) == sorted(their.tolist()) for (x, _, _), their in pairs)


class Unknown:
    """What no adapter takes; its text is the same in every process, so that the message can be kept."""

    def __repr__(self):
        return "something unknown"


@pytest.mark.parametrize(
    "case",
    [
        {"x": MATRIX, "y": LABELS[:5]},
        {"x": MATRIX, "y": LABELS, "sample_weight": LABELS, "class_weight": {0: 1.0}},
        {"x": MATRIX, "y": [LABELS, LABELS], "class_weight": {0: 1.0}},
        {"x": MATRIX, "y": [LABELS, LABELS], "sample_weight": [LABELS]},
        {"x": MATRIX, "y": [LABELS, LABELS], "sample_weight": MATRIX},
        {"x": [1, 2, 3]},
        {"x": Unknown()},
        {"x": generator},
        {"x": lambda: generator(MATRIX)},
        {"x": lambda: generator([MATRIX, LABELS])},
        {"x": lambda: generator((MATRIX,)), "y": LABELS},
        {"x": lambda: generator((MATRIX,)), "class_weight": {0: 1.0}},
    ],
)
def test_errors_are_of_the_same_type_and_begin_alike(case):
    def fresh():
        return {**case, "x": case["x"]()} if callable(case["x"]) else case

    with pytest.raises(ValueError) as ours:
        choose_adapter(**fresh())
    with pytest.raises(ValueError) as theirs:
        adapters.get_data_adapter(**fresh())
    shared = len("Unrecognized data type: x=") if str(theirs.value).startswith("Unrec") else 40
    assert str(ours.value)[:shared] == str(theirs.value)[:shared]


@pytest.mark.parametrize("split", [0.001, 0.1, 0.25, 0.3, 0.5, 0.7, 0.95])
@pytest.mark.parametrize("count", [2, 3, 10, 21])
def test_validation_split(split, count):
    array_slicing = imported("keras.src.trainers.data_adapters.array_slicing")

    x = np.arange(count, dtype="float32")
    try:
        expected = array_slicing.train_validation_split((x, None), split)
    except ValueError:
        with pytest.raises(ValueError, match=f"contains {count} samples, which is not sufficient"):
            train_validation_split((x, None), split)
        return
    (train, none), (last, _) = train_validation_split((x, None), split)
    np.testing.assert_array_equal(train, np.asarray(expected[0][0]))
    np.testing.assert_array_equal(last, np.asarray(expected[1][0]))
    assert none is None


def test_py_dataset_is_the_same_protocol():
    """A data set written for Keras works with both, and yields the same batches."""

    def define(base):
        class Numbers(base):
            def __len__(self):
                return 3

            def __getitem__(self, index):
                return np.full((2, 1), index, "float32"), np.array([index, index])

        return Numbers()

    from torchkeras_shim.data import PyDataset

    ours = choose_adapter(define(PyDataset), class_weight={1: 2.0}, device=CPU)
    theirs = adapters.get_data_adapter(define(keras.utils.PyDataset), class_weight={1: 2.0})
    assert ours.num_batches == theirs.num_batches
    for our_batch, their_batch in zip(ours.batches(), theirs.get_numpy_iterator(), strict=True):
        for our_leaf, their_leaf in zip(our_batch, their_batch, strict=True):
            np.testing.assert_array_equal(our_leaf.numpy(), their_leaf)
