"""What one steady training step may cost, in counts: calls into the package, files touched, host reads."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers

PACKAGE = str(Path(keras.__file__).parent)


@pytest.fixture(autouse=True)
def one_thread():
    """Where torch has several, a step takes one call more: it sees to it that small kernels do not share them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def mlp(**arguments):
    model = keras.Sequential(
        [
            keras.Input((16,)),
            layers.Dense(8, activation="relu"),
            layers.Dense(8, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    given = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    model.compile(**{**given, **arguments})
    return model


def data(samples):
    rng = np.random.default_rng(0)
    return rng.normal(size=(samples, 16)).astype("float32"), rng.integers(0, 3, samples)


class Calls:
    """Counts Python calls into the package, by file."""

    def __enter__(self):
        self.files: Counter[str] = Counter()

        def profile(frame, event, argument):
            if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
                self.files[frame.f_code.co_filename] += 1

        sys.setprofile(profile)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)


class HostReads:
    """Counts reads of tensor values on the host, by any of the ways that Python has to read one."""

    WAYS = ("item", "tolist", "numpy", "cpu", "__float__", "__int__", "__bool__", "__index__", "nonzero")

    def __enter__(self):
        self.count = 0
        self.patch = pytest.MonkeyPatch()
        for name in self.WAYS:
            self.patch.setattr(torch.Tensor, name, self.counting(getattr(torch.Tensor, name)))
        return self

    def counting(self, original):
        def method(*args, **kwargs):
            self.count += 1
            return original(*args, **kwargs)

        return method

    def __exit__(self, *_):
        self.patch.undo()


def calls_of_fit(model, batches, **kwargs):
    x, y = data(batches * 8)
    with Calls() as calls:
        model.fit(x, y, batch_size=8, verbose=0, **kwargs)
    return calls.files


def per_step(model, **kwargs):
    """What 200 more batches cost, divided by 200; what a fit costs once cancels out."""
    calls_of_fit(model, 4, **kwargs)
    short, long = calls_of_fit(model, 50, **kwargs), calls_of_fit(model, 250, **kwargs)
    difference = {file: (long[file] - short[file]) / 200 for file in long}
    return {file: count for file, count in difference.items() if count >= 0.5}, sum(difference.values())


def check(files, calls):
    """A documented 21 is 21 plus a little; of the training room, a step visits two files."""
    assert calls <= 22, files
    assert len(files) <= 9, sorted(files)
    assert {Path(file).name for file in files if "training" in Path(file).parts} == {"parts.py", "steps.py"}


def test_calls_and_files_of_a_steady_step():
    check(*per_step(mlp()))


def test_a_replayed_step_costs_half_of_that():
    files, calls = per_step(mlp(jit_compile="captured"))
    assert calls <= 11, files
    assert len(files) <= 6, sorted(files)


def functional():
    x = inputs = keras.Input((16,))
    for _ in range(2):
        x = layers.Dense(8, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = [layers.Dense(8, activation="relu") for _ in range(2)]
        self.scores = layers.Dense(3, activation="softmax")

    def call(self, inputs):
        for layer in self.hidden:
            inputs = layer(inputs)
        return self.scores(inputs)


@pytest.mark.parametrize("make", [functional, Subclassed])
def test_the_budget_holds_for_every_kind_of_model(make):
    model = make()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    check(*per_step(model))


def test_hooks_of_a_functional_model_are_called_in_fit():
    model = functional()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(*data(16), batch_size=8, verbose=0)
    seen = []
    model.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    model.fit(*data(16), batch_size=8, verbose=0)
    assert len(seen) == 2


def test_calls_with_a_progress_bar_and_callbacks_that_do_not_look(capsys):
    x, y = data(8)
    model = mlp()
    model.fit(x, y, verbose=0)
    with Calls() as calls:
        model.fit(*data(8 * 400), batch_size=8, verbose=1, callbacks=[keras.callbacks.EarlyStopping(monitor="loss")])
    assert sum(calls.files.values()) / 400 <= 40, calls.files  # the bar is drawn anew by the clock


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"optimizer": "sgd"},
        {"optimizer": "rmsprop"},
        {"optimizer": "adamw", "metrics": ["accuracy", "sparse_top_k_categorical_accuracy"]},
    ],
)
def test_no_host_reads_in_a_step(arguments):
    model = mlp(**arguments)
    model.fit(*data(16), batch_size=8, verbose=0)
    reads = []
    for batches in (10, 110):
        x, y = data(batches * 8)
        with HostReads() as mode:
            model.fit(x, y, batch_size=8, verbose=0)
        reads.append(mode.count)
    assert reads[0] == reads[1], "the number of host reads grows with the number of steps"


@pytest.mark.parametrize("read", [float, bool, lambda t: t.item(), lambda t: t.tolist(), lambda t: t.numpy(), range])
def test_the_host_read_guard_sees_a_read(read):
    value = torch.ones((), dtype=torch.int64)
    with HostReads() as mode:
        read(value)
    assert mode.count == 1


def test_logs_are_read_only_when_somebody_looks():
    class Looks(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch % 10 == 0:
                assert logs["loss"] > 0

    model = mlp()
    model.fit(*data(16), batch_size=8, verbose=0)
    counts = []
    for batches in (20, 40):
        with HostReads() as mode:
            model.fit(*data(batches * 8), batch_size=8, verbose=0, callbacks=[Looks()])
        counts.append(mode.count)
    assert counts[1] - counts[0] == 2, "each look is one read of all results at once"


def test_evaluate_and_predict_read_nothing_per_batch():
    model = mlp()
    model.fit(*data(16), batch_size=8, verbose=0)
    for call in (
        lambda x, y: model.evaluate(x, y, batch_size=8, verbose=0),
        lambda x, y: model.predict(x, 8, verbose=0),
    ):
        reads = []
        for batches in (5, 50):
            with HostReads() as mode:
                call(*data(batches * 8))
            reads.append(mode.count)
        assert reads[0] == reads[1]
