import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from torchkeras_shim.data import DataAdapter, choose_adapter
from torchkeras_shim.data.array_adapter import ArrayAdapter

CPU = torch.device("cpu")


class Squares(Dataset):
    def __init__(self, count=10):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return np.float64(index), index**2


class Endless(IterableDataset):
    def __iter__(self):
        return iter(torch.arange(6.0))


def generator(count=3, size=4):
    for number in range(count):
        yield np.full((size, 2), number, dtype="float64"), np.full(size, number)


def test_loader_is_used_as_it_is(device):
    loader = DataLoader(Squares(), batch_size=4)
    adapter = choose_adapter(loader, device=device)
    assert (adapter.num_batches, adapter.batch_size, adapter.num_samples) == (3, 4, 10)
    assert adapter.partial_batch_size == 2
    for _ in range(2):
        seen = list(adapter.batches())
        assert [len(x) for x, _, _ in seen] == [4, 4, 2]
        for x, y, weight in seen:  # the default collation returns lists [x, y]
            assert x.dtype == torch.float32
            assert x.device.type == y.device.type == device.type
            assert torch.equal(y, (x**2).long())
            assert weight is None


def test_loader_sizes():
    assert choose_adapter(DataLoader(Squares(), batch_size=4, drop_last=True)).num_samples == 8
    own = choose_adapter(DataLoader(Squares(), batch_sampler=[[0, 1], [2]]))
    assert (own.num_batches, own.batch_size, own.num_samples, own.has_partial_batch) == (2, None, None, None)
    endless = choose_adapter(DataLoader(Endless(), batch_size=4))
    assert (endless.num_batches, endless.num_samples) == (None, None)
    assert [x.tolist() for x, _, _ in endless.batches()] == [[0, 1, 2, 3], [4, 5]]
    with pytest.raises(ValueError, match=r"no batches.*drop_last=True"):
        choose_adapter(DataLoader(Squares(3), batch_size=4, drop_last=True))


def test_loader_of_dicts_is_x_only():
    loader = DataLoader([{"a": 1.0, "b": 2}] * 3, batch_size=3)
    x, y, _ = next(choose_adapter(loader).batches())
    assert x["a"].dtype == torch.float32
    assert x["b"].tolist() == [2, 2, 2]
    assert y is None


def test_datasets_get_a_loader():
    adapter = choose_adapter(Squares(), batch_size=3, device=CPU)
    assert (adapter.num_batches, adapter.num_samples) == (4, 10)
    assert torch.cat([x for x, _, _ in adapter.batches()]).tolist() == list(range(10))
    shuffled = torch.cat([x for x, _, _ in choose_adapter(Squares(), shuffle=True, device=CPU).batches()]).tolist()
    assert shuffled != list(range(10))
    assert sorted(shuffled) == list(range(10))
    endless = choose_adapter(Endless(), batch_size=4, shuffle=True, device=CPU)
    assert [len(x) for x, _, _ in endless.batches()] == [4, 2]


def test_tensor_datasets_are_arrays():
    adapter = choose_adapter(TensorDataset(torch.arange(6.0), torch.arange(6)), batch_size=4, device=CPU)
    assert isinstance(adapter, ArrayAdapter)
    assert [y.tolist() for _, y, _ in adapter.batches()] == [[0, 1, 2, 3], [4, 5]]


def test_generators_go_on_where_they_are(device):
    adapter = choose_adapter(generator(), shuffle=True, device=device)
    assert (adapter.num_batches, adapter.batch_size, adapter.has_partial_batch) == (None, None, None)
    first = adapter.batches()
    x, y, weight = next(first)
    assert x.dtype == torch.float32
    assert x.device.type == device.type
    assert y.dtype == torch.int64
    assert weight is None
    assert [y[0].item() for _, y, _ in adapter.batches()] == [1, 2]
    assert list(adapter.batches()) == []


def test_generators_of_structures():
    x, y, weight = next(choose_adapter(iter([({"a": np.zeros(2)}, [np.ones(2)], None)])).batches())
    assert x["a"].tolist() == [0, 0]
    assert y[0].tolist() == [1, 1]
    assert weight is None


@pytest.mark.parametrize(
    ("batch", "received"),
    [
        ([np.zeros((2, 3)), np.zeros(2)], r"a list of 2 \(float64 array of shape \(2, 3\)"),
        (np.zeros((2, 3)), r"float64 array of shape \(2, 3\)"),
        ((1, 2, 3, 4), "a tuple of 4"),
        ((), "a tuple of 0"),
        (None, "None"),
        ({"x": torch.zeros(2)}, r"a dict of 1 \('x': float32 tensor of shape \(2,\)\)"),
    ],
)
def test_wrong_tuples_are_shown(batch, received):
    message = rf"must return a tuple, either \(input,\) or .*Received: {received}.*yield inputs, targets"
    with pytest.raises(ValueError, match=message):
        choose_adapter(iter([batch]))
    later = choose_adapter(iter([(np.zeros(2),), batch])).batches()
    next(later)
    with pytest.raises(ValueError, match=message):
        next(later)


def test_single_samples_instead_of_batches():
    with pytest.raises(ValueError, match="each element is a whole batch"):
        next(choose_adapter(iter([(np.zeros(3), 1)])).batches())
    with pytest.raises(ValueError, match="at least rank 1"):
        next(choose_adapter(DataLoader(Squares(), batch_size=None)).batches())


def test_empty_generator():
    with pytest.raises(ValueError, match="must yield at least one batch"):
        choose_adapter(iter(()))


class Chunks:
    """Something that can be iterated over again, such as a tf.data.Dataset."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)

    def __len__(self):
        return len(self.batches)


def test_iterables_start_over():
    chunks = Chunks([(np.zeros(2), np.array([0, 1])), [np.ones(2), np.array([1, 1])]])
    adapter = choose_adapter(chunks, class_weight={1: 3.0})
    assert adapter.num_batches == 2
    for _ in range(2):
        assert [weight.tolist() for _, _, weight in adapter.batches()] == [[1, 3], [3, 3]]
    assert next(choose_adapter(Chunks([np.zeros(3)])).batches())[1:] == (None, None)
    weighted = choose_adapter(Chunks([(np.zeros(2), np.zeros(2), np.ones(2))]), class_weight={0: 1.0})
    with pytest.raises(ValueError, match="at the same time"):
        next(weighted.batches())


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: DataLoader(Squares()), "torch DataLoader"),
        (lambda: Squares(), "torch Dataset"),
        (generator, "generator"),
        (lambda: Chunks([]), r"dataset \(Chunks\)"),
    ],
)
def test_arguments_that_only_arrays_allow(make, kind):
    with pytest.raises(ValueError, match=f"providing `x` as a {kind}, `y` should not be passed. Instead, the targets"):
        choose_adapter(make(), np.zeros(3))
    with pytest.raises(ValueError, match=f"as a {kind}, `sample_weight` should not be passed"):
        choose_adapter(make(), sample_weight=np.zeros(3))
    with pytest.raises(ValueError, match=f"`shuffle='batch'` is only supported for arrays. Received: `x` as a {kind}"):
        choose_adapter(make(), shuffle="batch")
    if kind == "torch Dataset":
        assert choose_adapter(make(), batch_size=5).batch_size == 5
    else:
        with pytest.warns(UserWarning, match=f"`batch_size=5` was passed, but will be ignored.*{kind}"):
            choose_adapter(make(), batch_size=5)


@pytest.mark.parametrize("make", [lambda: DataLoader(Squares()), lambda: Squares(), generator])
def test_class_weight_is_refused(make):
    with pytest.raises(ValueError, match=r"`class_weight` is not supported for .* inputs.*class_weight=\{0: 1.0\}"):
        choose_adapter(make(), class_weight={0: 1.0})


def test_adapters_of_the_users_own():
    class Own(DataAdapter):
        def batches(self):
            return iter([(torch.zeros(1), None, None)])

    own = Own()
    assert choose_adapter(own) is own
    assert own.num_batches is None
    own.on_epoch_begin()
    own.on_epoch_end()


def test_fallback_batch_size_is_silent_where_data_has_batches():
    assert choose_adapter(DataLoader(Squares(), batch_size=4), fallback_batch_size=3).batch_size == 4
    assert choose_adapter(Squares(), fallback_batch_size=3).batch_size == 3
    assert choose_adapter(np.zeros(8), fallback_batch_size=3).batch_size == 3
    assert choose_adapter(np.zeros(8), batch_size=2, fallback_batch_size=3).batch_size == 2
