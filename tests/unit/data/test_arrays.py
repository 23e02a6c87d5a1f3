import itertools
import math

import numpy as np
import pytest
import torch

from torchkeras_shim.core import config
from torchkeras_shim.data import arrays as arrays_module
from torchkeras_shim.data import choose_adapter, placement
from torchkeras_shim.data.array_adapter import ArrayAdapter

CPU = torch.device("cpu")


def batches(*args, device=CPU, **kwargs):
    return list(choose_adapter(*args, device=device, **kwargs).batches())


def joined(seen):
    return torch.cat(seen)


@pytest.fixture(params=["grouped", "alone"])
def gathering(request, monkeypatch):
    """Both ways of gathering shuffled rows on the CPU."""
    monkeypatch.setattr(placement, "_ALONE_BYTES", 0 if request.param == "alone" else math.inf)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_order_sizes_and_attributes():
    adapter = choose_adapter(np.arange(70), np.arange(70) * 2, device=CPU)
    assert (adapter.num_batches, adapter.batch_size, adapter.num_samples) == (3, 32, 70)
    assert adapter.has_partial_batch
    assert adapter.partial_batch_size == 6
    seen = list(adapter.batches())
    assert [len(x) for x, _, _ in seen] == [32, 32, 6]
    assert joined([x for x, _, _ in seen]).tolist() == list(range(70))
    assert all(torch.equal(y, 2 * x) and weight is None for x, y, weight in seen)


def test_batches_without_rest():
    adapter = choose_adapter(np.arange(64), device=CPU)
    assert adapter.num_batches == 2
    assert adapter.has_partial_batch is False
    assert adapter.partial_batch_size is None


@pytest.mark.parametrize("shuffle", [True, "batch"])
def test_shuffled_rows_stay_together(gathering, shuffle):
    x = np.arange(1000, dtype="float32").reshape(500, 2)
    adapter = choose_adapter(x, np.arange(500), np.arange(500), batch_size=7, shuffle=shuffle, device=CPU)
    seen = list(adapter.batches())
    order = joined([y for _, y, _ in seen])
    assert sorted(order.tolist()) == list(range(500))
    assert order.tolist() != list(range(500))
    for got, y, weight in seen:
        assert torch.equal(got[:, 0], 2.0 * y)
        assert torch.equal(y, weight)
    if shuffle == "batch":
        assert all(set(y.tolist()) == set(range(7 * i, min(7 * i + 7, 500))) for i, (_, y, _) in enumerate(seen))
    again = joined([y for _, y, _ in adapter.batches()])
    assert not torch.equal(order, again)


@pytest.mark.parametrize("shuffle", [True, "batch"])
def test_torch_seed_reproduces_the_order(shuffle):
    def order():
        torch.manual_seed(3)
        return joined([x for x, _, _ in batches(np.arange(100), shuffle=shuffle)]).tolist()

    assert order() == order()


def test_no_batch_changes_after_it_was_handed_out(gathering):
    x = torch.arange(4000.0).reshape(1000, 4)
    adapter = choose_adapter(x, batch_size=8, shuffle=True, device=CPU)
    kept, copies = [], []
    for batch, _, _ in itertools.chain(adapter.batches(), adapter.batches()):
        kept.append(batch)
        copies.append(batch.clone())
    assert all(torch.equal(a, b) for a, b in zip(kept, copies, strict=True))


def test_two_passes_at_once_do_not_disturb_each_other():
    adapter = choose_adapter(np.arange(10), batch_size=2, device=CPU)
    first, second = adapter.batches(), adapter.batches()
    next(first)
    assert next(second)[0].tolist() == [0, 1]
    assert next(first)[0].tolist() == [2, 3]


@pytest.mark.parametrize("shuffle", [False, True])
def test_nested_structures_keep_their_form(shuffle):
    n = np.arange(50)
    x = {"second": n, "first": [n * 2, (n * 3, None)]}
    for got, y, weight in batches(x, (n, {"a": n}), n.astype("float32"), batch_size=8, shuffle=shuffle):
        assert list(got) == ["second", "first"]
        assert type(got["first"]) is list
        assert type(got["first"][1]) is tuple
        assert got["first"][1][1] is None
        assert torch.equal(got["first"][0], 2 * got["second"])
        assert torch.equal(got["first"][1][0], 3 * got["second"])
        assert torch.equal(y[1]["a"], got["second"])
        assert torch.equal(weight[0].long(), got["second"])
        assert torch.equal(weight[1]["a"].long(), got["second"])


def test_named_tuples():
    from collections import namedtuple

    Pair = namedtuple("Pair", "left right")
    x, _, _ = batches(Pair(np.arange(3), np.arange(3) * 2))[0]
    assert type(x) is Pair
    assert x.right.tolist() == [0, 2, 4]


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("float64", torch.float32),
        ("float32", torch.float32),
        ("float16", torch.float32),
        ("longdouble", torch.float32),
        (">f4", torch.float32),
        ("uint8", torch.uint8),
        ("int8", torch.int8),
        ("int32", torch.int32),
        ("int64", torch.int64),
        ("bool", torch.bool),
        ("uint16", torch.int32),
        ("uint32", torch.int64),
        (">i2", torch.int16),
        ("complex64", torch.complex64),
    ],
)
def test_dtypes(dtype, expected):
    array = np.array([[0], [1]]).astype(dtype)
    x = batches(array)[0][0]
    assert x.dtype == expected
    assert x.flatten().tolist() == [0, 1]


def test_floatx_decides():
    config.set_floatx("float64")
    try:
        assert batches(np.zeros(2, "float32"))[0][0].dtype == torch.float64
    finally:
        config.set_floatx("float32")


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int64"])
def test_numpy_memory_is_shared(dtype):
    array = np.arange(8).astype(dtype)
    assert batches(array)[0][0].data_ptr() == array.ctypes.data


def test_read_only_arrays_are_shared_without_a_warning():
    array = np.arange(8, dtype="float32")
    array.flags.writeable = False
    assert batches(array)[0][0].data_ptr() == array.ctypes.data
    assert not array.flags.writeable


def test_reversed_and_strided_arrays():
    array = np.arange(8)
    assert batches(array[::-1])[0][0].tolist() == list(range(7, -1, -1))
    assert batches(array[::2])[0][0].tolist() == [0, 2, 4, 6]


def test_tensors_are_used_in_place_and_detached():
    x = torch.arange(4.0, requires_grad=True)
    batch = batches(x)[0][0]
    assert batch.data_ptr() == x.data_ptr()
    assert not batch.requires_grad
    assert batches(torch.eye(3).to_sparse())[0][0].tolist() == torch.eye(3).tolist()


def test_arrays_come_to_the_device(device):
    for x, y, _ in batches(np.zeros((5, 2)), torch.zeros(5), shuffle=True, device=device):
        assert x.device.type == y.device.type == device.type


def test_anything_with_an_array_method():
    class Wrapped:
        shape = (3,)

        def __array__(self, dtype=None, copy=None):
            return np.arange(3)

    assert batches(Wrapped())[0][0].tolist() == [0, 1, 2]


def test_steps_set_the_batch_size():
    adapter = choose_adapter(np.zeros(10), steps=3, device=CPU)
    assert (adapter.batch_size, adapter.num_batches) == (4, 3)
    assert choose_adapter(np.zeros(10), steps=3, batch_size=2, device=CPU).num_batches == 5


@pytest.mark.parametrize("shuffle", [False, True])
def test_memory_mapped_files_are_read_batch_by_batch(tmp_path, monkeypatch, shuffle):
    path = tmp_path / "x.npy"
    np.save(path, np.arange(3000, dtype="float64").reshape(1000, 3))
    mapped = np.load(path, mmap_mode="r")
    assert arrays_module.is_memory_mapped(mapped[5:])
    assert arrays_module.is_memory_mapped(np.asarray(mapped))
    read = []
    original = placement.Filed.take
    monkeypatch.setattr(placement, "_CHUNK_BYTES", {"cpu": 24 * 10 * 4})
    monkeypatch.setattr(placement.Filed, "take", lambda self, rows: read.append(rows) or original(self, rows))
    adapter = choose_adapter(mapped, np.arange(1000), batch_size=10, shuffle=shuffle, device=CPU)
    assert read == []
    count = 0
    for x, y, _ in adapter.batches():
        count += 1
        assert len(read) * 4 <= count + 8  # never more than a chunk ahead
        assert x.dtype == torch.float32
        assert torch.equal(x[:, 0], 3.0 * y)
        x.add_(1)  # a tensor of its own: the file cannot be written to
    assert count == 100
    assert len(read) == 25


def test_scipy_sparse_rows_are_filled_in_by_batch():
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.diag(np.arange(1.0, 6.0))
    for matrix in (sparse.coo_matrix(dense), sparse.csr_array(dense)):
        x = joined([x for x, _, _ in batches(matrix, np.zeros(5), batch_size=2)])
        np.testing.assert_array_equal(x, dense)
        assert x.dtype == torch.float32


@pytest.mark.parametrize("shuffle", [False, True, "batch"])
def test_arrays_that_do_not_fit_are_staged(monkeypatch, shuffle):
    """The way of arrays too large for the device, with the CPU as the device."""
    x, y = torch.arange(300.0).reshape(100, 3), np.arange(100)
    monkeypatch.setattr(placement, "_CHUNK_BATCHES", 2)
    adapter = choose_adapter(x, y, batch_size=8, shuffle=shuffle, device=CPU)
    adapter._sources[0] = placement.Hosted(x, CPU)
    seen = list(adapter.batches())
    assert [len(batch) for batch, _, _ in seen] == [8] * 12 + [4]
    assert sorted(joined([y for _, y, _ in seen]).tolist()) == list(range(100))
    assert all(torch.equal(batch[:, 0], 3.0 * y) for batch, y, _ in seen)
    assert all(batch.data_ptr() < x.data_ptr() or batch.data_ptr() >= x.data_ptr() + x.nbytes for batch, _, _ in seen)


def test_placement_by_room(monkeypatch):
    leaves = [np.zeros((10, 4), "float32"), np.zeros(10, "int64")]
    away = torch.device("meta")  # stands for a device other than the host
    monkeypatch.setattr(placement, "_room", lambda device: 240)
    assert [type(source) for source in placement.place(leaves, ["x", "y"], away)] == [placement.Resident] * 2
    monkeypatch.setattr(placement, "_room", lambda device: 239)
    assert [type(source) for source in placement.place(leaves, ["x", "y"], away)] == [placement.Hosted] * 2


def test_chunks_stay_small(monkeypatch):
    sources = placement.place([np.zeros((10, 784), "float32"), np.zeros(10)], ["x", "y"], CPU)
    monkeypatch.setattr(placement, "_ALONE_BYTES", math.inf)
    assert placement.batches_per_chunk(sources, 32, CPU) == 5
    assert placement.batches_per_chunk(sources[1:], 32, CPU) == 128
    assert placement.batches_per_chunk(sources, 4096, CPU) == 1


def test_one_pass_costs_few_python_calls():
    """Batches are cut and zipped by torch and by the interpreter itself, not by Python code per batch."""
    import sys

    adapter = choose_adapter(np.zeros((6400, 4), "float32"), np.zeros(6400), batch_size=8, shuffle=True, device=CPU)
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        steps = sum(1 for _ in adapter.batches())
    finally:
        sys.setprofile(None)
    assert steps == 800
    assert calls < 0.5 * steps + 850  # 800 are this test's own generator expression


def test_custom_adapters_are_used_as_they_are():
    adapter = choose_adapter(np.zeros(3), device=CPU)
    assert isinstance(adapter, ArrayAdapter)
    assert choose_adapter(adapter) is adapter


def test_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, 2.0], "b": [3, 4]})
    x, y, weight = batches(frame, frame["b"], frame["a"])[0]
    assert x.tolist() == [[1, 3], [2, 4]]
    assert x.dtype == torch.float32
    assert y.tolist() == [[3], [4]]
    assert y.dtype == torch.int64
    assert weight.shape == (2, 1)
    mixed = pandas.DataFrame({"a": [True, False], "b": pandas.array([1, 2], dtype="Int64")})
    assert batches(mixed)[0][0].tolist() == [[1, 1], [0, 2]]
    columns, _, _ = batches(dict(frame))[0]
    assert columns["a"].shape == (2, 1)
    with pytest.raises(ValueError, match=r"`x` holds values that are not numbers.*'c'.*get_dummies"):
        batches(pandas.DataFrame({"a": [1.0], "c": ["text"]}))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.zeros((3, 2)), "y": np.zeros(4)}, r"cardinality is ambiguous.*\n'x' sizes: 3\n'y' sizes: 4"),
        ({"x": [np.zeros(3), np.zeros(5)]}, r"'x' sizes: 3, 5"),
        ({"x": np.zeros(3), "y": np.zeros(3), "sample_weight": np.zeros(2)}, r"'sample_weight' sizes: 2"),
        ({"x": np.zeros((0, 4)), "y": np.zeros(0)}, r"empty: `x` has no samples.*\(0, 4\)"),
        ({"x": None}, "no input data"),
        ({"x": []}, "no input data"),
        ({"x": np.array(3.0)}, "`x` holds a scalar"),
        ({"x": [1, 2, 3]}, r"Unrecognized data type: x=a list of 3.*np\.array\(x\)"),
        ({"x": [[1, 2], [3, 4]], "y": np.zeros(2)}, r"because of x\[0\]\[0\] \(of type <class 'int'>\)"),
        ({"x": np.zeros(2), "y": [0, 1]}, r"Unrecognized data type: y=.*np\.array\(y\)"),
        ({"x": "images.npz"}, "Unrecognized data type: x=str images.npz"),
        ({"x": object()}, "Unrecognized data type"),
        ({"x": np.zeros(2), "y": np.array(["a", "b"])}, "`y` must hold numbers.*dtype <U1"),
        ({"x": np.array([None, None])}, "`x` must hold numbers.*dtype object"),
        ({"x": np.array(["a", None])}, "Unsupported object type NoneType"),
        ({"x": {"a": np.array([[1], [1, 2]], dtype=object)}}, r"`x\['a'\]` must hold numbers.*equally long rows"),
        ({"x": np.zeros(2), "batch_size": -1}, "`batch_size` must be a positive integer. Received: batch_size=-1"),
        ({"x": np.zeros(2), "batch_size": 2.5}, "`batch_size` must be a positive integer. Received: batch_size=2.5"),
        ({"x": np.zeros(2), "shuffle": "often"}, "`shuffle` must be True, False or 'batch'"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        choose_adapter(device=CPU, **arguments)


def test_default_device_is_used():
    assert choose_adapter(np.zeros(3))._device.type == choose_adapter(torch.zeros(3))._device.type
