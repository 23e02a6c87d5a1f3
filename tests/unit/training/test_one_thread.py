"""Steps that are small run on one thread."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from torchkeras_shim import Input, Model, Sequential, callbacks, layers
from torchkeras_shim.training.capture.work import Work

X = np.random.default_rng(0).random((96, 8), dtype="float32")
Y = np.arange(96) % 3


class Threads(layers.Layer):
    """Notes on how many threads torch's kernels run."""

    seen: list[int] = []

    def call(self, inputs):
        if len(inputs) in (4, 32):  # else it is a look at the shapes
            self.seen.append(torch.get_num_threads())
        return inputs * 1.0


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    Threads.seen = []
    yield
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


def small(units=3, jit_compile=False):
    model = Sequential([Input((8,)), Threads(), layers.Dense(units), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=jit_compile)
    return model


def test_all_loops_of_a_small_model():
    model = small()
    Threads.seen.clear()
    model.fit(X, Y, epochs=2, verbose=0)
    assert Threads.seen == [2] + [1] * 5
    model.evaluate(X, Y, verbose=0)
    model.predict(X, verbose=0)
    assert Threads.seen[6:] == [2, 1, 1, 2, 1, 1]


def test_a_replayed_step_is_recorded_and_replayed_as_ever(capsys):
    model = small(jit_compile="captured")
    Threads.seen.clear()
    model.fit(X, Y, epochs=4, verbose=0)
    assert Threads.seen == [2, 1, 1]
    model.explain_step()
    assert "on one thread, because it is small" in capsys.readouterr().out


def test_a_large_one_keeps_its_threads():
    model = small(units=100_000)
    Threads.seen.clear()
    model.fit(X, Y, verbose=0)
    assert set(Threads.seen) == {2}


def test_one_large_product_is_enough_to_keep_them():
    model = Sequential([Input((784,)), Threads(), layers.Dense(128)])
    model.compile("sgd", "mse", jit_compile=False)
    Threads.seen.clear()
    model.fit(np.ones((96, 784), "float32"), np.ones((96, 128), "float32"), verbose=0)
    assert set(Threads.seen) == {2}


def test_models_with_many_weights_are_not_even_counted(monkeypatch):
    monkeypatch.setattr(Work, "__enter__", lambda self: pytest.fail("it was counted"))
    small(units=200_000).fit(X, Y, verbose=0)


def test_a_batch_that_is_larger_than_all_before_is_counted_again():
    inputs = Input((None, 8))
    model = Model(inputs, layers.Dense(3)(layers.Dense(20_000)(Threads()(inputs))))
    model.compile("sgd", "mse")
    Threads.seen.clear()
    lengths = [2, 2, 100, 100, 2]
    batches = [(np.ones((4, length, 8), "float32"), np.ones((4, length, 3), "float32")) for length in lengths]
    model.fit(iter(batches), steps_per_epoch=len(batches), verbose=0)
    assert Threads.seen == [2, 1, 2, 2, 2]


def test_what_is_bound_again_and_what_is_resumed_know_already(tmp_path):
    class Stop(Exception):
        pass

    class Thaw(callbacks.Callback):
        """Lets the step be bound again in the middle, and breaks off later."""

        def on_train_batch_end(self, batch, logs=None):
            if batch == 0:
                self.model.layers[1].trainable = False

        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1 and not Threads.seen.count(9):
                Threads.seen.append(9)
                raise Stop

    model = small()
    backup = callbacks.BackupAndRestore(str(tmp_path / "backup"))
    Threads.seen.clear()
    with pytest.raises(Stop):
        model.fit(X, Y, epochs=2, verbose=0, callbacks=[backup, Thaw()])
    again = small()
    again.fit(X, Y, epochs=2, verbose=0, callbacks=[backup, Thaw()])
    assert Threads.seen == [2, 1, 1, 9, 1, 1, 1]


def test_a_step_of_ones_own_and_an_error_in_it():
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.inner = Threads()

        def train_step(self, data):
            self.inner(data[0])
            if len(self.inner.seen) == 2:
                raise RuntimeError("no")
            return {}

    model = Own()
    model.compile("sgd")
    with pytest.raises(RuntimeError, match="no"):
        model.fit(X, Y, verbose=0)
    assert Threads.seen == [2, 1]


def test_the_switch(monkeypatch):
    monkeypatch.setenv("TORCHKERAS_SHIM_ONE_THREAD", "0")
    model = small()
    Threads.seen.clear()
    model.fit(X, Y, verbose=0)
    assert set(Threads.seen) == {2}


@pytest.mark.parametrize(
    ("layer", "shape", "products"),
    [
        (layers.Dense(16), (8,), 4 * 8 * 16),
        (layers.Conv2D(5, 3), (6, 6, 2), 4 * 4 * 4 * 5 * 2 * 9),
        (layers.Conv2DTranspose(5, 3), (6, 6, 2), 4 * 6 * 6 * 2 * 5 * 9),
        (layers.LSTM(5), (7, 3), 4 * 7 * (3 + 5) * 20),
    ],
)
def test_work_is_that_of_the_formulas(layer, shape, products):
    """Forward and backward pass: three times the products of the forward one."""
    x = torch.ones((4, *shape), requires_grad=True)
    layer.build(x.shape)
    with Work() as work:
        layer(x).sum().backward()
    assert work.products == 3 * products
    assert work.largest == products // (7 if isinstance(layer, layers.LSTM) else 1)  # for a recurrence, in one step
