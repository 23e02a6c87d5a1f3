"""How many batches an epoch has: steps and data of every kind, with Keras's numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import torchkeras_shim as keras

RAN_OUT = "Your input ran out of data; interrupting training"


def identity():
    """A model whose loss is the mean of its inputs: it tells which batches were seen."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.0), loss=lambda y_true, y_pred: y_pred.mean(-1))
    return model


def numbers(count):
    return np.arange(count, dtype="float32")[:, None]


class Indexed(keras.utils.PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return (numbers(20)[index * 5 : index * 5 + 5],) * 2


class Streamed(IterableDataset):
    """Has no length."""

    def __iter__(self):
        return iter((torch.tensor([row]), torch.tensor([row])) for row in range(20))


def generator(count=20):
    for start in range(0, count, 5):
        yield (numbers(count)[start : start + 5],) * 2


FINITE = {
    "arrays": lambda: {"x": numbers(20), "y": numbers(20), "batch_size": 5},
    "dataset": lambda: {"x": Indexed()},
    "loader": lambda: {"x": DataLoader(TensorDataset(*[torch.tensor(numbers(20))] * 2), batch_size=5)},
    "no length": lambda: {
        "x": DataLoader(
            Streamed(),
            batch_size=5,
            collate_fn=lambda rows: tuple(torch.stack(c) * 1.0 for c in zip(*rows, strict=True)),
        )
    },
    "iterable": lambda: {"x": Again()},
}


class Again:
    def __iter__(self):
        return generator()


@pytest.mark.parametrize("kind", FINITE)
@pytest.mark.parametrize(
    ("steps", "losses"),
    [(1, [2.0, 7.0, 12.0, 17.0, 2.0]), (2, [4.5, 14.5, 4.5]), (3, [7.0, 17.0, 7.0]), (4, [9.5] * 3), (9, [9.5] * 3)],
)
@pytest.mark.filterwarnings(f"ignore:{RAN_OUT}")
def test_an_epoch_goes_on_where_the_last_one_stopped_and_ends_with_the_data(kind, steps, losses):
    history = identity().fit(**FINITE[kind](), epochs=len(losses), steps_per_epoch=steps, shuffle=False, verbose=0)
    assert history.history["loss"] == losses


@pytest.mark.parametrize("call", ["fit", "evaluate", "predict"])
def test_data_with_fewer_batches_than_steps_is_warned_of(call):
    model = identity()
    steps = {"steps_per_epoch" if call == "fit" else "steps": 5, "verbose": 0}
    with pytest.warns(UserWarning, match=RAN_OUT):
        result = getattr(model, call)(Indexed(), **steps)
    if call == "predict":
        assert len(result) == 20
    else:
        assert (result if call == "evaluate" else result.history["loss"][0]) == 9.5


@pytest.mark.parametrize("kind", FINITE)
@pytest.mark.parametrize(("steps", "loss"), [(1, 2.0), (2, 4.5), (3, 7.0), (4, 9.5), (None, 9.5), (0, 9.5)])
def test_every_validation_starts_over(kind, steps, loss):
    given = FINITE[kind]()
    size = {"validation_batch_size": given.pop("batch_size")} if "batch_size" in given else {}
    data = tuple(given.values()) if "y" in given else given["x"]
    history = identity().fit(
        numbers(4), numbers(4), epochs=3, validation_data=data, validation_steps=steps, verbose=0, **size
    )
    assert history.history["val_loss"] == [loss] * 3


def test_endless_data_goes_on_in_epochs_and_starts_over_in_validations():
    class Endless(Indexed):
        num_batches = None

        def __getitem__(self, index):
            return super().__getitem__(index % 4)

    history = identity().fit(
        Endless(), epochs=3, steps_per_epoch=3, validation_data=Endless(), validation_steps=3, shuffle=False, verbose=0
    )
    np.testing.assert_allclose(history.history["loss"], [7.0, 26 / 3, 31 / 3], rtol=1e-6)
    assert history.history["val_loss"] == [7.0] * 3


class Recorder(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.calls = []

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append((epoch, dict(logs)))

    def on_train_end(self, logs=None):
        self.calls.append(("end", dict(logs)))


@pytest.mark.parametrize("steps", [None, 4])
def test_an_epoch_without_batches_is_not_recorded(steps):
    record = Recorder()
    with pytest.warns(UserWarning, match=RAN_OUT):
        history = identity().fit(generator(), epochs=3, steps_per_epoch=steps, verbose=0, callbacks=[record])
    assert history.history == {"loss": [9.5]}
    assert record.calls == [(0, {"loss": 9.5}), ("end", {"loss": 9.5})]


def test_a_validation_without_batches_has_no_results():
    with pytest.warns(UserWarning, match=RAN_OUT):
        history = identity().fit(
            numbers(4), numbers(4), epochs=3, validation_data=generator(), validation_steps=2, verbose=0
        )
    assert history.history["val_loss"] == [4.5, 14.5]
    assert len(history.history["loss"]) == 3


def test_a_data_set_that_shrinks_to_nothing_ends_the_training():
    class Shrinking(Indexed):
        left = 2

        def __len__(self):
            return self.left

        def on_epoch_end(self):
            self.left -= 1

    with pytest.warns(UserWarning, match=RAN_OUT):
        history = identity().fit(Shrinking(), epochs=5, shuffle=False, verbose=0)
    assert history.history["loss"] == [4.5, 2.0]


def test_a_generator_is_taken_up_where_the_last_fit_left_it():
    model, data = identity(), generator()
    losses = [model.fit(data, steps_per_epoch=2, verbose=0).history["loss"] for _ in range(2)]
    assert losses == [[4.5], [14.5]]


def test_an_endless_generator_feeds_many_epochs():
    data = itertools.chain.from_iterable(generator() for _ in itertools.count())
    history = identity().fit(data, epochs=4, steps_per_epoch=3, verbose=0)
    np.testing.assert_allclose(history.history["loss"], [7.0, 26 / 3, 31 / 3, 12.0], rtol=1e-6)
