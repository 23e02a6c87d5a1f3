"""Data sets: what only this package promises of them. `tests/parity/tensorflow` compares them with `tf.data`."""

from __future__ import annotations

import collections
import gc
import itertools
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
from torch.utils.data import DataLoader

import torchkeras_shim as keras
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import StringTensor
from torchkeras_shim.data import choose_adapter
from torchkeras_shim.data.pipeline import AUTOTUNE, Dataset, TensorSpec, TFRecordDataset, prefetching
from torchkeras_shim.data.pipeline.indices import shuffled, shuffled_positions

Point = collections.namedtuple("Point", "x y")


ROOT = Path(__file__).parents[3]


def values(dataset):
    return [element.tolist() for element in dataset]


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("torchkeras_shim")]


def no_threads():
    for _ in range(200):
        if not threads():
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize(("count", "buffer_size"), [(0, 3), (1, 1), (5, 5), (5, 9), (7, 1), (3000, 100), (50, 49)])
def test_indices_are_shuffled_as_elements_are(count, buffer_size):
    key = (3, 1)
    order = shuffled_positions(count, buffer_size, *key).tolist()
    assert order == list(shuffled(iter(range(count)), buffer_size, *key))
    assert sorted(order) == list(range(count))
    for place, element in enumerate(order):  # an element cannot come before it is in the buffer
        assert element < place + buffer_size


def test_every_order_is_as_likely():
    counts = collections.Counter(tuple(shuffled_positions(3, 3, seed)) for seed in range(1200))
    assert len(counts) == 6
    assert all(140 < count < 260 for count in counts.values())


def test_orders_of_shuffle():
    def orders(n=3, **kwargs):
        dataset = Dataset.range(20).shuffle(20, **kwargs)
        return [values(dataset) for _ in range(n)]

    first, second, third = orders(seed=1)
    assert first != second != third
    assert orders(seed=1) == [first, second, third]
    assert orders(seed=2)[0] != first
    assert len({tuple(order) for order in orders(seed=1, reshuffle_each_iteration=False)}) == 1
    torch.manual_seed(5)
    by_global_seed = orders()
    torch.manual_seed(5)
    assert orders() == by_global_seed
    assert orders() != by_global_seed


def test_shuffle_with_others():
    data = Dataset.range(10).shuffle(10, seed=1)
    once = values(data.cache())
    cached = data.cache()
    assert values(cached) == values(cached) != once
    twice = values(data.repeat(2))
    assert sorted(twice[:10]) == sorted(twice[10:]) == list(range(10))
    assert twice[:10] != twice[10:]
    mixed = values(Dataset.range(10).repeat(2).shuffle(20, seed=1))
    assert sorted(mixed[:10]) != list(range(10))
    # The same orders whether rows are indexed or elements go through one by one.
    rows, elements = (Dataset.range(10), Dataset.range(10).filter(lambda x: True))
    assert values(rows.shuffle(4, seed=7)) == values(elements.shuffle(4, seed=7))
    assert values(rows.shuffle(4, seed=7).batch(3)) == values(elements.shuffle(4, seed=7).batch(3))
    assert values(rows.shuffle(4, seed=7).repeat().batch(3).take(5)) == values(
        elements.shuffle(4, seed=7).repeat().batch(3).take(5)
    )


def test_iterators_do_not_disturb_one_another():
    dataset = Dataset.range(6).map(lambda x: x * 2, num_parallel_calls=2).cache().batch(2).prefetch(1)
    first, second = iter(dataset), iter(dataset)
    seen = [next(first).tolist(), next(second).tolist(), next(first).tolist()]
    assert seen == [[0, 2], [0, 2], [4, 6]]
    assert values(first) == [[8, 10]]
    assert values(second) == [[4, 6], [8, 10]]


def test_threads_share_an_iterator():
    iterator = iter(Dataset.range(3000).map(lambda x: x))
    seen = [[], []]
    workers = [threading.Thread(target=lambda part=part: part.extend(int(x) for x in iterator)) for part in seen]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(seen[0] + seen[1]) == list(range(3000))


@pytest.mark.parametrize(
    "dataset",
    [
        Dataset.from_tensor_slices(torch.arange(3.0)),
        Dataset.from_tensors(torch.arange(3.0)).repeat(2),
        Dataset.range(3).map(lambda x: x * 1.0).cache(),
        Dataset.range(3).map(lambda x: x * 1.0).cache().batch(2).unbatch(),
        Dataset.range(4).map(lambda x: x * 1.0).window(2).flat_map(lambda w: w).cache(),
        Dataset.from_tensor_slices(RaggedTensor.from_rows([[1.0], [2.0]])),
    ],
)
def test_elements_changed_in_place_stay_as_they_were(dataset):
    before = values(dataset)

    def spoil(x):
        x += 100
        return x

    for element in dataset:
        spoil(element)
    spoiled = values(dataset.map(spoil))
    assert values(dataset) == before != spoiled


def test_memory_of_a_generator_is_copied():
    buffer = np.zeros(1)

    def generator():
        for i in range(3):
            buffer[0] = i
            yield buffer

    dataset = Dataset.from_generator(generator, output_signature=TensorSpec((1,), "float64"))
    assert [x.item() for x in list(dataset)] == [0, 1, 2]
    assert [x.item() for x in list(dataset.map(lambda x: np.add(x.numpy(), 1, out=buffer)))] == [1, 2, 3]


def test_threads_end_with_the_iterator():
    def slow(x):
        time.sleep(0.002)
        return x

    dataset = Dataset.range(1000).map(slow, num_parallel_calls=3).batch(2).prefetch(2)
    assert no_threads()
    iterator = iter(dataset)
    for _ in range(3):
        next(iterator)
    assert len(threads()) == 4
    del iterator
    assert no_threads()
    for _ in itertools.islice(dataset, 2):
        pass
    assert no_threads()
    assert len(list(dataset.take(20))) == 20
    assert no_threads()
    with pytest.raises(ZeroDivisionError):
        list(Dataset.range(20).map(slow, num_parallel_calls=2).map(lambda x: 1 // 0).prefetch(2))
    gc.collect()
    assert no_threads()


@pytest.mark.parametrize("calls", [None, 2, AUTOTUNE])
def test_order_of_threads(calls):
    def slow(x):
        time.sleep(0.002 if x % 7 == 0 else 0.0005)
        return x

    assert values(Dataset.range(60).map(slow, num_parallel_calls=calls)) == list(range(60))
    assert sorted(values(Dataset.range(60).map(slow, calls, deterministic=False))) == list(range(60))


def test_work_ahead_is_bounded():
    made = []

    def make(x):
        made.append(int(x))
        time.sleep(0.001)
        return x

    iterator = iter(Dataset.range(1000).map(make, num_parallel_calls=2).prefetch(3))
    for _ in range(5):
        next(iterator)
    time.sleep(0.1)
    assert len(made) <= 5 + 3 + 1 + 4 + 1


def broken(x):
    raise ValueError("broken")


@pytest.mark.parametrize("calls", [None, 2])
def test_an_error_names_the_function_and_the_element(calls):
    for method in ("map", "filter", "flat_map", "interleave", "take_while"):
        kwargs = {"num_parallel_calls": calls} if method == "map" else {}
        dataset = getattr(Dataset.from_tensor_slices((["a.png"], [[1.0, 2.0]])), method)(
            lambda x, y: broken(x), **kwargs
        )
        with pytest.raises(
            ValueError, match=r"^broken\n\nThis came up in the function .*lambda.*test_pipeline.py, line \d+\) of "
        ) as caught:
            list(dataset.prefetch(1))
        assert f"`Dataset.{method}`, for the element (b'a.png', float32 of shape (2,))" in str(caught.value)
    with pytest.raises(TypeError, match=r"takes 1 positional argument but 2 were given(.|\n)*for the element"):
        list(Dataset.from_tensor_slices(([1], [2])).map(lambda x: x))
    with pytest.raises(TypeError, match=r"Unsupported return value.*None"):
        list(Dataset.range(2).map(lambda x: None))
    with pytest.raises(TypeError, match="must return a `Dataset`"):
        list(Dataset.range(2).flat_map(lambda x: x))


def test_functions_run_without_gradients_on_the_host():
    seen = []

    def look(x):
        seen.append((torch.is_grad_enabled(), keras.ops.convert_to_tensor([1.0]).device.type))
        return x * torch.nn.Parameter(torch.ones(1))

    result = list(Dataset.range(3).map(look, num_parallel_calls=2))
    assert set(seen) == {(False, "cpu")}
    assert not any(x.requires_grad for x in result)
    assert torch.is_grad_enabled()


def test_elements_of_every_structure():
    named = Dataset.from_tensor_slices(Point([1, 2], [3, 4]))
    assert [type(p) for p in named] == [Point, Point]
    assert [p.x.tolist() for p in named.batch(2)] == [[1, 2]]
    ordered = collections.OrderedDict(b=[1], a=[2])
    (element,) = Dataset.from_tensor_slices(ordered).map(lambda d: d)
    assert type(element) is collections.OrderedDict
    assert list(element) == ["b", "a"]
    frame = pandas.DataFrame({"n": [1, 2], "t": ["x", "y"]})
    rows = list(Dataset.from_tensor_slices((dict(frame), frame["n"])).batch(2))
    assert rows[0][0]["t"].tolist() == [b"x", b"y"]
    assert rows[0][1].tolist() == [1, 2]
    assert values(Dataset.from_tensor_slices(pandas.DataFrame({"a": [1.0], "b": [2.0]}))) == [[1.0, 2.0]]
    (batch,) = Dataset.from_tensor_slices(([1, 2], None, {"r": RaggedTensor.from_rows([["a"], []])})).batch(2)
    assert batch[1] is None
    assert batch[2]["r"].to_list() == [[b"a"], []]


def test_files_in_memory_and_on_disk(tmp_path):
    path = str(tmp_path / "deep" / "cache")
    calls = []

    def note(x):
        calls.append(int(x))
        return {
            "t": ("é" + str(int(x)), torch.full((2,), int(x), dtype=torch.bfloat16)),
            "r": RaggedTensor.from_rows([[int(x)], [1, 2]]),
            "n": None,
            "e": torch.zeros(0, 3),
        }

    def form(element):
        return (
            element["t"][0].numpy(),
            element["t"][1].tolist(),
            element["t"][1].dtype,
            element["r"].to_list(),
            (
                element["n"],
                tuple(element["e"].shape),
            ),
        )

    for cached in (lambda data: data.cache(), lambda data: data.cache(path), lambda data: data.snapshot(path + "2")):
        calls.clear()
        dataset = cached(Dataset.range(3).map(note))
        assert len(list(itertools.islice(dataset, 2))) == 2  # not whole: nothing is kept
        first = [form(x) for x in dataset]
        assert [form(x) for x in dataset] == first
        assert calls == [0, 1, 0, 1, 2]
    assert [form(x) for x in Dataset.range(0).map(note).cache(path)] == first  # another program
    assert sorted(file.name for file in (tmp_path / "deep").iterdir()) == ["cache", "cache2"]
    with pytest.raises(TypeError, match=r"keeps tensors, text, tuples and dicts. Received: Point"):
        list(Dataset.from_tensors(Point(1, 2)).cache(str(tmp_path / "named")))


DAMAGES = {
    "cut": lambda data: data[:-3],
    "changed": lambda data: data[:20] + b"x" + data[21:],
    "another kind": lambda data: b"PK" + data,
    "longer": lambda data: data + b"\0",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_cache_files(tmp_path, damage):
    path = tmp_path / "cache"
    dataset = Dataset.range(3).map(lambda x: x).cache(str(path))
    list(dataset)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"record at|something else than elements"):
        list(dataset)


def test_workers_of_a_loader_share_the_elements():
    dataset = Dataset.range(8).shuffle(8, seed=1).map(lambda x: x * 10).batch(2)
    loader = DataLoader(dataset, batch_size=None, num_workers=2)
    first, second = ([x.tolist() for x in loader] for _ in range(2))
    assert sorted(itertools.chain.from_iterable(first)) == list(range(0, 80, 10))
    assert first != second
    assert [x.tolist() for x in DataLoader(Dataset.range(4), batch_size=2)] == [[0, 1], [2, 3]]


def test_a_dataset_is_copied_as_it_is():
    dataset = Dataset.from_tensor_slices(([1, 2, 3], ["a", "b", "c"])).shuffle(3, seed=4).batch(2)
    again = pickle.loads(pickle.dumps(dataset))
    assert [x.tolist() for x, _ in dataset] == [x.tolist() for x, _ in again]


def test_resampling():
    labels = np.array([0] * 900 + [1] * 100)
    data = Dataset.from_tensor_slices(labels).shuffle(1000, seed=1)
    for initial in (None, [0.9, 0.1]):
        drawn = [int(label) for label, _ in data.rejection_resample(lambda x: x, [0.5, 0.5], initial, seed=2)]
        assert 0.35 < np.mean(drawn) < 0.65
        assert drawn.count(1) >= 80
    mixed = Dataset.sample_from_datasets(
        [Dataset.from_tensors(0).repeat(), Dataset.from_tensors(1).repeat()], [0.2, 0.8], 3
    )
    assert 0.7 < np.mean(values(mixed.take(1000))) < 0.9


def test_what_a_dataset_is_not():
    dataset = Dataset.range(3)
    assert bool(Dataset.range(0))
    for wrong, message in (
        (lambda: dataset[0], r"not subscriptable.*dataset\.take"),
        (lambda: dataset + dataset, "concatenate"),
        (lambda: Dataset([1]), "from_tensor_slices"),
        (lambda: dataset.concatenate([1]), "must be a `Dataset`"),
        (lambda: Dataset.from_tensor_slices({"a": [object()]}), "An element must be|must hold numbers"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            wrong()
    assert repr(dataset.batch(2, name="pairs")) == "<Dataset 'pairs': batch, number of elements: 2>"


def test_endless_sources():
    assert values(Dataset.random(seed=4).take(3)) == values(Dataset.random(seed=4).take(3))
    changing = Dataset.random(seed=4, rerandomize_each_iteration=True).take(3)
    assert values(changing) != values(changing)
    assert values(Dataset.range(2).repeat().shuffle(5, seed=1).take(4))
    assert values(Dataset.range(3).filter(lambda x: x > 5).repeat()) == []


def batches(dataset, **kwargs):
    adapter = choose_adapter(dataset, device=torch.device("cpu"), **kwargs)
    passes = [
        [[None if part is None else part.tolist() for part in batch] for batch in adapter.batches()] for _ in "ab"
    ]
    assert adapter.num_batches is None or all(len(one) == adapter.num_batches for one in passes)
    return type(adapter).__name__, passes


ARRAYS = (np.arange(10, dtype="float32"), np.arange(10, dtype="int32") * 10)
FED = {
    "rows": lambda d: d.batch(3),
    "whole": lambda d: d.batch(3, drop_remainder=True),
    "shuffled": lambda d: d.shuffle(10, seed=1).batch(3),
    "a small buffer": lambda d: d.shuffle(4, seed=1).batch(3).prefetch(AUTOTUNE),
    "the same order": lambda d: d.shuffle(10, seed=1, reshuffle_each_iteration=False).batch(4),
    "cached": lambda d: d.shuffle(10, seed=1).cache().batch(4),
    "some": lambda d: d.skip(2).take(5).shard(2, 1).batch(2),
    "repeated": lambda d: d.shuffle(10, seed=1).repeat(2).batch(4),
    "passes": lambda d: d.shuffle(10, seed=1).batch(4).repeat(2),
    "some batches": lambda d: d.shuffle(10, seed=1).batch(4).take(2),
    "other batches": lambda d: d.batch(4).skip(1),
    "mapped": lambda d: (
        d.shuffle(10, seed=1).batch(4).map(lambda x, y: (x + 1, y)).map(lambda x, y: {"a": x}).map(lambda d: d["a"])
    ),
    "weighted": lambda d: d.batch(4).map(lambda x, y: (x, y, x * 2)),
    "kept batches": lambda d: d.batch(4).cache().repeat(2),
}
ROWS = {"ArrayAdapter", "RowsAdapter"}


@pytest.mark.parametrize("name", FED)
def test_rows_are_fed_as_arrays_in_the_order_of_the_dataset(name):
    make = FED[name]
    kind, passes = batches(make(Dataset.from_tensor_slices(ARRAYS)))
    assert kind in ROWS
    other, expected = batches(make(Dataset.from_tensor_slices(ARRAYS).filter(lambda x, y: True)))
    assert other == "IterableAdapter"
    assert passes == expected


def test_zipped_arrays_are_fed_as_arrays():
    def zipped(rows, keep):
        x, y = Dataset.from_tensor_slices(ARRAYS[0]), Dataset.from_tensor_slices(ARRAYS[1][:rows])
        return Dataset.zip(x.filter(lambda x: True) if keep else x, y).shuffle(9, seed=1).batch(4)

    for rows, expected in ((10, "ArrayAdapter"), (9, "IterableAdapter")):
        kind, passes = batches(zipped(rows, False))
        assert kind == expected
        assert passes == batches(zipped(rows, True))[1]


def test_what_is_not_fed_as_arrays():
    data = Dataset.from_tensor_slices(ARRAYS)
    for dataset in (
        data.map(lambda x, y: (x, y)).batch(2),
        data.shuffle(3).batch(2).cache(),
        data.padded_batch(2),
        data.batch(2).filter(lambda x, y: True),
        data.batch(2).shuffle(2),
        Dataset.zip(data, data.skip(1)).batch(2).map(lambda a, b: a),
        data.enumerate().batch(2).map(lambda i, pair: pair),
    ):
        kind, (first, second) = batches(dataset)
        assert kind == "IterableAdapter"
        assert first or second


def test_text_beside_numbers_is_fed():
    data = Dataset.from_tensor_slices((["a", "b", "c"], [1.0, 2.0, 3.0])).shuffle(3, seed=1).batch(2)
    kind, (first, _second) = batches(data)
    assert kind == "ArrayAdapter"
    assert sorted(zip(first[0][0] + first[1][0], first[0][1] + first[1][1], strict=True)) == [
        (b"a", 1.0),
        (b"b", 2.0),
        (b"c", 3.0),
    ]
    texts = np.array(["a", "b", "c"])
    for x in (texts, texts.astype("S1"), texts.astype(object), StringTensor(texts), pandas.Series(texts)):
        adapter = choose_adapter(x, np.ones(3), batch_size=2, device=torch.device("cpu"))
        assert [(type(x).__name__, x.tolist(), len(y)) for x, y, _ in adapter.batches()] == [
            ("StringTensor", [b"a", b"b"], 2),
            ("StringTensor", [b"c"], 1),
        ]
    with pytest.raises(ValueError, match=r"Unrecognized data type: x=a list.*np\.array\(x, dtype=object\)"):
        choose_adapter(["a", "b"])


def small_model():
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


X, Y = np.random.default_rng(0).normal(size=(20, 2)).astype("float32"), np.ones((20, 1), "float32")


def test_training_on_a_dataset_is_training_on_its_arrays():
    data = Dataset.from_tensor_slices((X, Y)).batch(8)
    by_arrays = (
        small_model().fit(X, Y, batch_size=8, shuffle=False, epochs=2, validation_data=(X, Y), verbose=0).history
    )
    for dataset in (data, data.prefetch(2), data.map(lambda x, y: (x, y)), data.unbatch().batch(8), data.cache()):
        model = small_model()
        history = model.fit(dataset, epochs=2, validation_data=dataset, verbose=0).history
        assert {key: pytest.approx(value, rel=1e-5) for key, value in by_arrays.items()} == history
        assert model.evaluate(dataset, verbose=0) == pytest.approx(model.evaluate(X, Y, batch_size=8, verbose=0))
        np.testing.assert_allclose(model.predict(dataset, verbose=0), model.predict(X, verbose=0), rtol=1e-5)


def test_a_function_on_batches_cannot_change_the_arrays():
    x = X.copy()
    data = Dataset.from_tensor_slices((x, Y)).batch(8).map(lambda a, b: (a.mul_(2), b))
    small_model().fit(data, epochs=2, verbose=0)
    np.testing.assert_array_equal(x, X)


def test_what_a_function_keeps_may_change_in_place():
    def total(state, x):
        state += x
        return state, state

    assert values(Dataset.range(4).scan(torch.tensor(0), total)) == [0, 1, 3, 6]
    start = torch.tensor(0)
    assert Dataset.range(4).reduce(start, lambda state, x: state.add_(x)).item() == 6
    assert start.item() == 0


def test_what_came_before_an_error_is_handed_out():
    def late():
        yield from range(9)
        raise RuntimeError("late")

    def slow(x):
        time.sleep(0.003)
        return x

    iterator = iter(Dataset.from_generator(late, "int32").map(slow, num_parallel_calls=2).prefetch(1))
    assert [int(x) for x in itertools.islice(iterator, 9)] == list(range(9))
    with pytest.raises(RuntimeError, match="late"):
        next(iterator)


def test_datasets_without_a_known_end():
    seen = []

    def look(x, y):
        seen.append(len(x))
        return x, y

    endless = Dataset.from_tensor_slices((X, Y)).batch(8).map(look).repeat()
    history = small_model().fit(endless, steps_per_epoch=4, epochs=2, verbose=0).history
    assert len(history["loss"]) == 2
    assert seen == [8, 8, 4, 8, 8, 4, 8, 8]  # the second epoch goes on where the first one stopped
    history = (
        small_model().fit(endless, steps_per_epoch=1, validation_data=endless, validation_steps=3, verbose=0).history
    )
    model = small_model()
    model.fit(X[:8], Y[:8], batch_size=8, verbose=0)
    assert history["val_loss"] == [pytest.approx(model.evaluate(X, Y, batch_size=8, verbose=0)[0])]
    unknown = Dataset.from_tensor_slices((X, Y)).filter(lambda x, y: x[0] > 0).batch(2)
    count = sum(1 for _ in unknown)
    steps = []
    step = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(batch))
    small_model().fit(unknown, epochs=2, verbose=0, callbacks=[step])
    assert len(steps) == 2 * count
    with pytest.raises(ValueError, match=r"infinitely repeating dataset.*steps_per_epoch"):
        small_model().fit(endless, epochs=1, verbose=0)


def test_arguments_beside_a_dataset():
    data = Dataset.from_tensor_slices((X, (Y[:, 0] > 0).astype("int32"))).batch(8)
    model = small_model()
    with pytest.raises(ValueError, match="`y` should not be passed"):
        model.fit(data, Y)
    with pytest.warns(UserWarning, match="`batch_size=4` was passed, but will be ignored"):
        model.fit(data, batch_size=4, verbose=0)
    _, (first, _) = batches(data, class_weight={1: 3.0})
    assert first[0][2] == [3.0] * 8
    with pytest.raises(ValueError, match="must be at least rank 1"):
        model.fit(Dataset.from_tensor_slices(Y[:, 0]), verbose=0)


def test_a_record_file_cut_in_a_length(tmp_path):
    # TensorFlow takes this for the end of the file.
    (tmp_path / "cut").write_bytes(b"\x05\0\0")
    with pytest.raises(ValueError, match="truncated record at 0"):
        list(TFRecordDataset(str(tmp_path / "cut")))


def test_models_of_text():
    texts = ["a b", "c"]
    layer = keras.layers.TextVectorization(output_sequence_length=3)
    layer.adapt(Dataset.from_tensor_slices(["a b", "c a"]).batch(1))
    assert values(Dataset.from_tensor_slices(texts).map(layer)) == [[2, 4, 0], [3, 0, 0]]
    inputs = keras.Input((), dtype="string")
    outputs = keras.layers.Dense(1)(keras.layers.Flatten()(keras.layers.Embedding(9, 2)(layer(inputs))))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse")
    expected = model.predict(np.array(texts), verbose=0)
    for x in (np.array(texts, dtype=object), pandas.Series(texts), Dataset.from_tensor_slices(texts).batch(1)):
        np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5)
    data = Dataset.from_tensor_slices((texts, [0.0, 1.0])).batch(2)
    by_arrays = model.evaluate(np.array(texts), np.array([0.0, 1.0]), verbose=0)
    assert model.evaluate(data, verbose=0) == pytest.approx(by_arrays)
    assert model.fit(data.map(lambda x, y: (x, y)), epochs=2, validation_data=data, verbose=0).history["val_loss"]


def test_data_sets_and_their_methods_can_be_pickled():
    windows = pickle.loads(pickle.dumps(Dataset.range(4).window(2).repeat(2)))
    assert [[int(x) for x in window] for window in windows] == [[0, 1], [2, 3]] * 2
    batch = pickle.loads(pickle.dumps(Dataset.range(3).batch))
    assert [part.tolist() for part in batch(2)] == [[0, 1], [2]]


#: Makes an iterator whose thread is always at work in torch.
COMPUTING = (
    "iterator = iter(Dataset.range(10**9).map(lambda x: torch.ones(200, 200) @ torch.ones(200, 200)).prefetch(1))"
)


def test_threads_of_iterators_that_are_held_end_with_the_program():
    made = {"Dataset": Dataset, "torch": torch}
    exec(COMPUTING, made)
    next(made["iterator"])
    assert len(threads()) == 1
    prefetching._end_all()
    assert no_threads()
    assert len(list(made["iterator"])) <= 2


@pytest.mark.nightly
@pytest.mark.parametrize("end", ["", "raise ValueError('the end')", "os.kill(os.getpid(), signal.SIGINT)"])
def test_a_program_ends_while_a_thread_computes(end):
    """Python would end in a signal of its own: its threads are stopped in the middle of torch's C++."""
    imports = "import os, signal, torch\nfrom torchkeras_shim.data.pipeline import Dataset"
    code = f"{imports}\n{COMPUTING}\nnext(iterator)\n{end}"
    for _ in range(5):
        result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert result.returncode in (0, 1, -signal.SIGINT), result.stderr
        assert "terminate called" not in result.stderr
