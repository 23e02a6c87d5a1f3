"""Replays are tested before they are trusted, leave no trace where they fail, and serve the modes they were made in."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers
from torchkeras_shim.core.random_state import RandomState
from torchkeras_shim.core.torch_private import storage_id
from torchkeras_shim.training.capture import effects, function
from torchkeras_shim.training.capture.function import Captured

RANDOM = np.random.default_rng(0)
X = (RANDOM.normal(size=(44, 5, 6)) + 0.3).astype("float32")
Y = RANDOM.integers(0, 3, 44)


def sparse():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def compiled(jit_compile, *core, shape=(5, 6), optimizer="adam", **options):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input(shape), *(make() for make in core), layers.Dense(3)])
    options = {"loss": sparse(), "metrics": ["accuracy"], **options}
    model.compile(optimizer, jit_compile=jit_compile, **options)
    return model


def captured_of(model):
    """What replays the training steps of a model."""
    return model._trainer.binding.reports["fit"].ran


def state_of(model):
    """All that a step writes to, as comparable values."""
    tensors = [*model.weights, *model.optimizer.variables, *(v for metric in model.metrics for v in metric.variables)]
    values = [np.asarray(tensor.detach()).tobytes() for tensor in tensors]
    return [*values, RandomState().to_config()]


def normalized_lstm(jit_compile, **options):
    return compiled(jit_compile, layers.BatchNormalization, lambda: layers.LSTM(4), **options)


@pytest.mark.parametrize("jit_compile", ["auto", "captured"])
def test_statistics_move_once_per_step_before_an_lstm(jit_compile):
    def run(jit_compile):
        model = normalized_lstm(jit_compile, optimizer=keras.optimizers.SGD(1e-30))
        model.fit(X, Y, batch_size=8, epochs=20, verbose=0)
        return model

    expected, model = run(False), run(jit_compile)
    assert state_of(model) == state_of(expected)
    assert captured_of(model).refusal is None
    assert captured_of(model).replayed > 8


CORES = {
    "lstm": [layers.BatchNormalization, lambda: layers.LSTM(4)],
    "stateful lstm": [layers.BatchNormalization, lambda: layers.LSTM(4, stateful=True)],
    "gru": [layers.BatchNormalization, lambda: layers.GRU(4)],
    "stateful gru": [lambda: layers.GRU(4, stateful=True)],
    "bidirectional": [lambda: layers.Bidirectional(layers.LSTM(4)), layers.BatchNormalization],
    "dropout": [layers.Flatten, lambda: layers.Dropout(0.4), layers.BatchNormalization, lambda: layers.Dropout(0.2)],
    "seeds": [layers.Flatten, lambda: layers.Dropout(0.4, seed=1), lambda: layers.GaussianNoise(0.1, seed=2)],
    "recurrent dropout": [lambda: layers.LSTM(4, dropout=0.2, recurrent_dropout=0.3)],
}


@pytest.mark.parametrize("core", CORES)
def test_states_statistics_and_random_numbers_are_those_of_eager_steps(core):
    def run(jit_compile):
        keras.utils.set_random_seed(1)
        batch = 8 if "stateful" in core else None
        inputs = keras.Input((5, 6), batch_size=batch)
        model = keras.Sequential([inputs, *(make() for make in CORES[core]), layers.Dense(3)])
        metrics = ["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2)]
        model.compile("adam", sparse(), metrics=metrics, jit_compile=jit_compile)
        samples = 40 if batch else 44
        model.fit(X[:samples], Y[:samples], batch_size=8, epochs=5, verbose=0)
        return model

    expected, model = run(False), run("captured")
    assert state_of(model) == state_of(expected)
    assert captured_of(model).replayed > 12, captured_of(model).refusal


@pytest.mark.parametrize("jit_compile", ["auto", "captured"])
def test_a_label_that_is_out_of_range_leaves_what_an_eager_step_leaves(jit_compile):
    core = [layers.BatchNormalization, lambda: layers.LSTM(4), lambda: layers.Dropout(0.5)]
    labels = Y.copy()
    labels[30] = 7

    def run(jit_compile):
        model = compiled(jit_compile, *core)
        model.fit(X, Y, batch_size=4, epochs=8, verbose=0)
        with pytest.raises((ValueError, IndexError), match="7") as caught:
            model.fit(X, labels, batch_size=4, epochs=1, shuffle=False, verbose=0)
        middle = state_of(model)
        model.fit(X, Y, batch_size=4, epochs=1, verbose=0)
        return model, str(caught.value), middle

    expected, error, middle = run(False)
    model, own_error, own_middle = run(jit_compile)
    assert own_error == error
    assert own_middle == middle
    assert state_of(model) == state_of(expected)
    assert captured_of(model).refusal is None  # the data was to blame


def test_an_index_that_is_out_of_range_leaves_what_an_eager_step_leaves():
    words = RANDOM.integers(0, 9, (44, 5))
    wrong = words.copy()
    wrong[30, 2] = 12

    def run(jit_compile):
        model = compiled(
            jit_compile, lambda: layers.Dropout(0.1), lambda: layers.Embedding(9, 4), layers.Flatten, shape=(5,)
        )
        model.fit(words, Y, batch_size=8, epochs=3, verbose=0)
        with pytest.raises((ValueError, IndexError), match="received integers"):
            model.fit(wrong, Y, batch_size=8, epochs=1, shuffle=False, verbose=0)
        return state_of(model)

    assert run("captured") == run(False)


def fail_from(model, replay, kernel):
    """Lets a kernel of every program fail from some replay on."""
    count = 0
    for program in captured_of(model).programs.values():
        if program is None:
            continue
        name = next(key for key, value in program.namespace.items() if getattr(value, "__name__", "") == kernel)
        original = program.namespace[name]

        def failing(*args, original=original, **kwargs):
            nonlocal count
            count += 1
            if count > replay:
                raise RuntimeError("the kernel is broken")
            return original(*args, **kwargs)

        program.namespace[name] = failing


@pytest.mark.parametrize("kernel", ["mkldnn_rnn_layer", "_log_softmax", "mm"])
def test_a_replay_that_fails_is_undone_and_the_last_one(kernel):
    core = [layers.BatchNormalization, lambda: layers.Dropout(0.5), lambda: layers.LSTM(4)]

    def run(jit_compile, broken):
        model = compiled(jit_compile, *core)
        model.fit(X, Y, batch_size=8, epochs=4, verbose=0)
        if broken:
            fail_from(model, 3, kernel)
        model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
        return model

    expected = run(False, False)
    with pytest.warns(UserWarning, match="a replay failed with RuntimeError: the kernel is broken") as caught:
        model = run("captured", True)
    assert len(caught) == 1
    assert state_of(model) == state_of(expected)
    lines = []
    model.explain_step(lines.append)
    assert "given up after" in "\n".join(lines)


def test_a_failure_that_cannot_be_undone_is_not_repeated():
    """A metric fails half-way: the loss was counted already, so the batch must not run again."""
    model = compiled("captured", layers.Flatten)
    model.fit(X[:40], Y[:40], batch_size=8, epochs=2, verbose=0)
    fail_from(model, 0, "eq")
    with pytest.raises(RuntimeError, match="the kernel is broken"):
        model.fit(X[:40], Y[:40], batch_size=8, verbose=0, shuffle=False)
    assert "the kernel is broken" in captured_of(model).refusal
    assert float(model._trainer.binding.loss_tracker.count) == 16  # the first batch, and the one that failed


def test_nan_in_the_data_is_replayed_like_anything_else():
    x = X.copy()
    x[13, 2] = np.nan

    def run(jit_compile):
        model = normalized_lstm(jit_compile)
        model.fit(x, Y, batch_size=8, epochs=4, verbose=0)
        return model

    expected, model = run(False), run("captured")
    assert np.isnan(model.get_weights()[0]).any()
    assert state_of(model) == state_of(expected)
    assert captured_of(model).refusal is None


class Counting(layers.Layer):
    """Multiplies by what only Python knows."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def call(self, inputs):
        self.count += 1
        return inputs * self.count


class Drawing(layers.Layer):
    """Draws a number that it does not use."""

    def call(self, inputs):
        random.random()
        return inputs * 1


@pytest.mark.parametrize(
    ("layer", "reason"), [(Counting, "something that only Python knows"), (Drawing, "random numbers in Python")]
)
def test_what_depends_on_python_fails_the_test(layer, reason):
    def run(jit_compile):
        model = compiled(jit_compile, layers.Flatten, layer)
        model.fit(X, Y, batch_size=8, epochs=3, verbose=0)
        return model, random.random()

    expected, number = run(False)
    with pytest.warns(UserWarning, match=reason):
        model, own_number = run("captured")
    assert own_number == number
    assert state_of(model) == state_of(expected)


def test_explain_step_says_what_really_ran():
    model = normalized_lstm("captured")
    model.fit(X, Y, batch_size=8, epochs=4, verbose=0)
    lines = []
    model.explain_step(lines.append)
    assert "replayed 18 times, run as written 6 times" in "\n".join(lines)


def test_a_program_serves_the_modes_that_it_was_made_in():
    weight = torch.ones(3)
    captured = Captured(lambda x: [x * torch.tensor(0.1) + weight])

    def run():
        x = torch.full((3,), 1.0, dtype=torch.float64)
        expected = captured.function(x)
        for _ in range(4):
            (result,) = captured(x)
            assert torch.equal(result, expected[0])
        return captured.replayed

    assert run() == 1
    torch.set_default_dtype(torch.float64)  # 0.1 is another number now
    try:
        assert run() == 2
    finally:
        torch.set_default_dtype(torch.float32)
    assert run() == 6
    torch.use_deterministic_algorithms(True)
    try:
        assert run() == 7
    finally:
        torch.use_deterministic_algorithms(False)
    with torch.inference_mode():
        assert run() == 8
    with torch.autocast("cpu"):
        assert run() == 8
        assert "autocast" in captured.obstacle
    assert captured.refusal is None


@pytest.mark.parametrize("jit_compile", ["auto", "captured"])
def test_a_hook_that_is_added_on_the_way_is_heard_of(jit_compile):
    seen = []

    class Add(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 5 and not seen:
                self.model.layers[1].register_forward_hook(lambda *_: seen.append(1))

    model = compiled(jit_compile, layers.Flatten, lambda: layers.Dense(4))
    model.fit(X, Y, batch_size=4, epochs=8, verbose=0)
    model.fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=[Add()])
    # Where it was asked for, hooks are called until the step is captured again, in each of the two epochs.
    assert len(seen) == (5 + 11 if jit_compile == "auto" else 4 + 3)


@pytest.mark.parametrize("batch", [3, 7])
def test_kernels_that_write_without_declaring_it_are_known(batch):
    module = torch.nn.BatchNorm1d(4)
    x = torch.randn(batch, 4)
    captured = Captured(lambda x: [module(x)])
    for _ in range(4):
        captured(x)
    (program,) = captured.programs.values()
    written = {storage_id(tensor) for tensor in program.written}
    assert storage_id(module.running_mean) in written
    assert captured.replayed == 1
    assert module.num_batches_tracked == 4


def test_a_kernel_that_writes_without_declaring_it_is_refused(monkeypatch):
    monkeypatch.setattr(effects, "_UNDECLARED", {})
    module = torch.nn.BatchNorm1d(4)
    captured = Captured(lambda x: [module(x)])
    for _ in range(4):
        captured(torch.randn(3, 4))
    assert "without declaring it" in captured.refusal
    assert module.num_batches_tracked == 4


def test_more_shapes_than_programs_run_as_they_are_written():
    captured = Captured(lambda x: [x + 1])
    for size in range(1, function.MAX_PROGRAMS + 4):
        for _ in range(4):
            captured(torch.ones(size))
    assert captured.replayed == function.MAX_PROGRAMS
