"""Windows of series, and data in two parts, against Keras on TensorFlow."""

import numpy as np
import pytest

import torchkeras_shim
from tests.parity.oracle import kept, keras

RNG = np.random.default_rng(0)
SERIES = RNG.normal(size=(12, 2)).astype("float32")


def plain(part):
    array = part.numpy()
    return [np.asarray(array).dtype.name, np.asarray(array).tolist()]


def elements(dataset):
    return [[plain(part) for part in (one if isinstance(one, tuple) else (one,))] for one in dataset]


def windows(library, arguments):
    try:
        dataset = library.utils.timeseries_dataset_from_array(**arguments)
    except ValueError as error:
        return str(error).partition(".")[0]
    found = elements(dataset)
    return len(dataset) if arguments.get("shuffle") else found


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"targets": None},
        {"batch_size": None},
        {"batch_size": 3, "sequence_stride": 2},
        {"sampling_rate": 3},
        {"sampling_rate": 2, "sequence_stride": 3, "start_index": 1, "end_index": 11},
        {"targets": np.arange(4)},
        {"targets": np.arange(24.0).reshape(12, 2), "end_index": 5},
        {"data": [1, 2, 3, 4, 5], "targets": [0.5, 1.5, 2.5, 3.5]},
        {"data": np.arange(10), "targets": None, "sequence_length": 20},
        {"shuffle": True, "seed": 1, "batch_size": 4},
        {"start_index": -1},
        {"start_index": 12},
        {"start_index": 5, "end_index": 4},
        {"end_index": 12},
        {"end_index": -1},
        {"sampling_rate": 0},
        {"sampling_rate": 12},
        {"sequence_stride": -1},
        {"sequence_stride": 12},
        {"format": "pandas"},
    ],
)
def test_windows(arguments):
    arguments = {"data": SERIES, "targets": np.arange(12), "sequence_length": 3, **arguments}
    assert windows(torchkeras_shim, arguments) == kept(windows, keras, arguments)


DATA = {
    "array": lambda _: np.arange(10, dtype="int32"),
    "matrix": lambda _: np.arange(20.0).reshape(10, 2),
    "tuple": lambda _: (np.arange(10), np.arange(10) * 2.5),
    "list": lambda _: [np.arange(10.0).reshape(5, 2), np.arange(5)],
    "dataset": lambda data: data.Dataset.from_tensor_slices(np.arange(10)),
    "pairs": lambda data: data.Dataset.from_tensor_slices((np.arange(10), np.arange(10.0))),
    "dicts": lambda data: data.Dataset.from_tensor_slices({"a": np.arange(10), "b": np.arange(10.0)}),
    "batches": lambda data: data.Dataset.from_tensor_slices(np.arange(10)).batch(3),
    "prefetched batches": lambda data: data.Dataset.from_tensor_slices(np.arange(9)).batch(3).prefetch(2),
    "empty list": lambda _: [],
    "different lengths": lambda _: [np.arange(3), np.arange(4)],
    "lists": lambda _: [[1, 2], [3, 4]],
    "dict": lambda _: {"a": np.arange(3)},
}


def parts(library, data, name, arguments):
    """Both parts as lists, or the error."""
    try:
        found = library.utils.split_dataset(DATA[name](data), **arguments)
    except (TypeError, ValueError) as error:
        return [type(error).__name__, str(error)[:25]]
    return [
        [plain(one) if not isinstance(one, dict) else {k: plain(v) for k, v in one.items()} for one in part]
        if not name.startswith(("tuple", "list", "pairs"))
        else elements(part)
        for part in found
    ]


def theirs(library, name, arguments):
    import tensorflow

    return parts(library, tensorflow.data, name, arguments)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize(
    "arguments", [{"left_size": 0.6}, {"right_size": 2}, {"left_size": 0.3, "shuffle": True, "seed": 5}]
)
def test_parts(name, arguments):
    ours = parts(torchkeras_shim, torchkeras_shim.data.pipeline, name, arguments)
    expected = kept(theirs, keras, name, arguments)
    if name == "dict":
        assert ours[0] == expected[0] == "TypeError"
    else:
        assert ours == expected


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"left_size": 0, "right_size": 0},
        {"left_size": 0},
        {"left_size": 10},
        {"right_size": 1.0},
        {"left_size": -0.1},
        {"left_size": 0.7, "right_size": 0.7},
        {"left_size": 7, "right_size": 7},
        {"left_size": 0.01},
        {"left_size": 0.5, "right_size": 0.2},
        {"left_size": 3, "right_size": 0.5},
        {"left_size": "3"},
        {"right_size": [3]},
    ],
)
def test_sizes(arguments):
    ours = parts(torchkeras_shim, torchkeras_shim.data.pipeline, "array", arguments)
    assert ours == kept(theirs, keras, "array", arguments)
