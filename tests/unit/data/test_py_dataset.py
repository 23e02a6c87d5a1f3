import threading

import numpy as np
import pytest
import torch

from torchkeras_shim.data import PyDataset, choose_adapter


class Numbers(PyDataset):
    def __init__(self, count=5, **kwargs):
        super().__init__(**kwargs)
        self.count = count
        self.calls = []
        self.threads = set()

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        self.threads.add(threading.current_thread().name)
        return np.full((2, 1), index, dtype="float64"), np.array([index, index])

    def on_epoch_begin(self):
        self.calls.append("begin")

    def on_epoch_end(self):
        self.calls.append("end")


class Endless(Numbers):
    num_batches = None


def numbers(adapter):
    return [int(y[0]) for _, y, _ in adapter.batches()]


@pytest.mark.parametrize("settings", [{}, {"workers": 3}, {"workers": 2, "max_queue_size": 1}, {"workers": 0}])
def test_order_is_kept(settings):
    dataset = Numbers(20, **settings)
    adapter = choose_adapter(dataset)
    assert adapter.num_batches == 20
    assert adapter.batch_size is None
    assert numbers(adapter) == numbers(adapter) == list(range(20))
    in_pool = settings.get("workers", 1) > 1
    assert all(name.startswith("PyDataset") for name in dataset.threads) == in_pool


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_processes_see_the_data_set_as_it_is_at_the_start_of_a_pass():
    dataset = Numbers(4, workers=1, use_multiprocessing=True)
    adapter = choose_adapter(dataset)
    assert numbers(adapter) == [0, 1, 2, 3]
    assert dataset.threads == set()  # all of it happened elsewhere
    dataset.count = 2
    assert adapter.num_batches == 2
    assert numbers(adapter) == [0, 1]


@pytest.mark.parametrize("workers", [1, 3])
def test_shuffled_by_batch(workers):
    adapter = choose_adapter(Numbers(30, workers=workers), shuffle=True)
    torch.manual_seed(0)
    first, second = numbers(adapter), numbers(adapter)
    assert sorted(first) == sorted(second) == list(range(30))
    assert first != second
    torch.manual_seed(0)
    assert numbers(adapter) == first


@pytest.mark.parametrize("workers", [1, 3])
def test_endless(workers):
    adapter = choose_adapter(Endless(workers=workers), shuffle=True)
    assert adapter.num_batches is None
    iterator = adapter.batches()
    assert [int(next(iterator)[1][0]) for _ in range(40)] == list(range(40))
    iterator.close()
    assert not any(thread.name.startswith("PyDataset") for thread in threading.enumerate())


def test_epoch_hooks():
    dataset = Numbers()
    adapter = choose_adapter(dataset)
    adapter.on_epoch_begin()
    adapter.on_epoch_end()
    assert dataset.calls == ["begin", "end"]


@pytest.mark.parametrize("workers", [1, 2])
def test_errors_come_through(workers):
    class Broken(Numbers):
        def __getitem__(self, index):
            if index == 2:
                raise KeyError("no such image")
            return super().__getitem__(index)

    iterator = choose_adapter(Broken(workers=workers)).batches()
    next(iterator)
    next(iterator)
    with pytest.raises(KeyError, match="no such image"):
        next(iterator)


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        (np.zeros(2), (True, False, False)),
        ({"a": np.zeros(2)}, (True, False, False)),
        ((np.zeros(2),), (True, False, False)),
        ([np.zeros(2), np.zeros(2)], (True, True, False)),
        ((np.zeros(2), np.zeros(2), np.zeros(2)), (True, True, True)),
    ],
)
def test_batch_forms(batch, expected):
    dataset = Numbers()
    dataset_class = type("Fixed", (Numbers,), {"__getitem__": lambda self, index: batch})
    got = next(choose_adapter(dataset_class()).batches())
    assert tuple(part is not None for part in got) == expected
    assert len(dataset) == 5


def test_wrong_forms():
    four = type("Four", (Numbers,), {"__getitem__": lambda self, index: (1, 2, 3, 4)})
    with pytest.raises(ValueError, match=r"must return a tuple or a dict.*Received: a tuple of 4"):
        next(choose_adapter(four()).batches())
    with pytest.raises(ValueError, match="length 0"):
        choose_adapter(Numbers(0))


def test_class_weights():
    _, y, weight = list(choose_adapter(Numbers(), class_weight={1: 4.0}).batches())[1]
    assert y.tolist() == [1, 1]
    assert weight.tolist() == [4, 4]
    weighted = type("W", (Numbers,), {"__getitem__": lambda self, index: (np.zeros(1), np.zeros(1), np.zeros(1))})
    with pytest.raises(ValueError, match="`class_weight` and `sample_weight` at the same time"):
        next(choose_adapter(weighted(), class_weight={0: 1.0}).batches())


def test_targets_belong_into_the_data_set():
    with pytest.raises(ValueError, match="as a PyDataset, `y` should not be passed"):
        choose_adapter(Numbers(), np.zeros(3))


def test_forgotten_super_call():
    class Forgetful(PyDataset):
        def __init__(self):
            pass

        def __len__(self):
            return 1

        def __getitem__(self, index):
            return np.zeros(1)

    with pytest.warns(UserWarning, match=r"Forgetful should call `super\(\).__init__\(\*\*kwargs\)`"):
        assert len(list(choose_adapter(Forgetful()).batches())) == 1


def test_settings_and_iteration():
    dataset = Numbers(3)
    assert (dataset.workers, dataset.use_multiprocessing, dataset.max_queue_size) == (1, False, 10)
    dataset.workers, dataset.use_multiprocessing, dataset.max_queue_size = 4, True, 2
    assert (dataset.workers, dataset.use_multiprocessing, dataset.max_queue_size) == (4, True, 2)
    assert [int(y[0]) for _, y in dataset] == [0, 1, 2]
    with pytest.raises(NotImplementedError, match="must define `__len__`"):
        _ = PyDataset().num_batches
    with pytest.raises(NotImplementedError, match="__getitem__"):
        PyDataset()[0]
