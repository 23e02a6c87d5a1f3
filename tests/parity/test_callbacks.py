"""Callbacks and progress bar beside Keras's: the same calls must print, stop, save and set the same."""

from __future__ import annotations

import io
import types
import warnings
from contextlib import redirect_stdout

import numpy as np
import pytest

from tests.parity.oracle import imported, kept, keras
from torchkeras_shim import callbacks as ours
from torchkeras_shim.callbacks import progress

theirs = keras.callbacks

FALLING = [1.0, 0.8, 0.7]
PLATEAU = [1.0, 0.8, 0.81, 0.79, 0.9, 0.95, 0.7, 0.7, 0.7]
RISING = [0.1, 0.3, 0.2, 0.25, 0.4, 0.35]


class Optimizer:
    """The least that the callbacks ask of an optimizer: a float32 learning rate."""

    def __init__(self):
        self._rate = np.float32(0.1)

    @property
    def learning_rate(self):
        return self._rate

    @learning_rate.setter
    def learning_rate(self, value):
        self._rate = np.float32(value)


class Model:
    """The least that the callbacks ask of a model, with a record of what they did to it."""

    def __init__(self):
        self.stop_training = False
        self.built = True
        self.optimizer = Optimizer()
        self.weights = 0
        self.calls = []

    def get_config(self):
        return {}

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.calls.append(("set_weights", weights))

    def save_weights(self, path, overwrite):
        self.calls.append(("save_weights", path))

    def save(self, path, overwrite):
        self.calls.append(("save", path))


def on_one_thread(callbacks):
    """Keras calls hooks on another thread where its backend allows it; here they must keep their order."""
    callbacks._async_train = callbacks._async_test = callbacks._async_predict = False
    return callbacks


def train(library, make, values, batches=2):
    """Runs a training whose epochs have the given losses; returns all that could be seen of it."""
    model = Model()
    seen = {"epochs": [], "rates": [], "logs": []}
    recorder = library.LambdaCallback(on_epoch_end=lambda epoch, logs: seen["logs"].append(dict(logs)))
    output = io.StringIO()
    with redirect_stdout(output), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        callback = make(library)
        run = library.CallbackList([callback, recorder], add_history=True, model=model, epochs=len(values), steps=2)
        on_one_thread(run)
        run.on_train_begin()
        for epoch, value in enumerate(values):
            run.on_epoch_begin(epoch)
            for batch in range(batches):
                run.on_train_batch_begin(batch)
                run.on_train_batch_end(batch, {"loss": value + 1, "accuracy": 0.5})
                if model.stop_training:
                    break
            model.weights = epoch + 1
            run.on_epoch_end(epoch, {"loss": value + 1, "val_loss": value, "val_score": value})
            seen["epochs"].append(epoch)
            seen["rates"].append(float(model.optimizer.learning_rate))
            if model.stop_training:
                break
        run.on_train_end({"loss": value})
    seen.update(
        output=output.getvalue(),
        warnings=[str(item.message) for item in caught],
        calls=model.calls,
        history=model.history.history,
        history_epochs=model.history.epoch,
    )
    return seen


CASES = {
    "early_stopping": (lambda k: k.EarlyStopping(verbose=1), PLATEAU),
    "early_stopping_patience": (lambda k: k.EarlyStopping(patience=2, min_delta=0.02, verbose=1), PLATEAU),
    "early_stopping_restores": (lambda k: k.EarlyStopping(patience=2, restore_best_weights=True, verbose=1), PLATEAU),
    "early_stopping_restores_at_the_end": (lambda k: k.EarlyStopping(restore_best_weights=True, patience=9), PLATEAU),
    "early_stopping_max": (lambda k: k.EarlyStopping("val_score", mode="max", patience=1, verbose=1), RISING),
    "early_stopping_baseline": (lambda k: k.EarlyStopping(baseline=0.75, patience=3, verbose=1), PLATEAU),
    "early_stopping_warm_up": (lambda k: k.EarlyStopping(start_from_epoch=4, verbose=1), PLATEAU),
    "early_stopping_absent": (lambda k: k.EarlyStopping("val_loss_x", mode="min"), FALLING),
    "early_stopping_unknown_mode": (lambda k: k.EarlyStopping(mode="up"), PLATEAU),
    "checkpoint_epochs": (
        lambda k: k.ModelCheckpoint("{epoch:02d}-{val_loss:.2f}.weights.h5", save_weights_only=True, verbose=1),
        FALLING,
    ),
    "checkpoint_best": (
        lambda k: k.ModelCheckpoint("x.weights.h5", save_best_only=True, save_weights_only=True, verbose=1),
        PLATEAU,
    ),
    "checkpoint_threshold": (
        lambda k: k.ModelCheckpoint("x.keras", save_best_only=True, initial_value_threshold=0.75, verbose=1),
        PLATEAU,
    ),
    "checkpoint_max": (
        lambda k: k.ModelCheckpoint("x.keras", "val_score", save_best_only=True, mode="max", verbose=1),
        RISING,
    ),
    "checkpoint_absent": (lambda k: k.ModelCheckpoint("x.keras", "nothing", mode="min", save_best_only=True), FALLING),
    "checkpoint_batches": (
        lambda k: k.ModelCheckpoint("{epoch}-{batch}.weights.h5", save_weights_only=True, save_freq=3, verbose=1),
        PLATEAU,
    ),
    "schedule": (lambda k: k.LearningRateScheduler(lambda epoch, rate: rate * 0.5, verbose=1), FALLING),
    "schedule_of_epoch": (lambda k: k.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1), verbose=1), FALLING),
    "plateau": (lambda k: k.ReduceLROnPlateau(patience=1, verbose=1), PLATEAU),
    "plateau_cooldown": (
        lambda k: k.ReduceLROnPlateau(patience=1, cooldown=2, factor=0.5, min_lr=0.03, verbose=1),
        PLATEAU,
    ),
    "plateau_max": (lambda k: k.ReduceLROnPlateau("val_score", mode="max", patience=1, min_delta=0.15), RISING),
    "plateau_absent": (lambda k: k.ReduceLROnPlateau("nothing", mode="max"), FALLING),
    "nan": (lambda k: k.TerminateOnNaN(), [1.0, float("nan"), 1.0]),
    "infinity": (lambda k: k.TerminateOnNaN(), [1.0, float("inf"), 1.0]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_training_is_the_same(name):
    make, values = CASES[name]
    expected, actual = kept(train, theirs, make, values), train(ours, make, values)
    for what, value in expected.items():
        np.testing.assert_equal(actual[what], value, err_msg=what)


ERRORS = {
    "checkpoint_ending": lambda k: k.ModelCheckpoint("x.h5", save_weights_only=True),
    "checkpoint_model_ending": lambda k: k.ModelCheckpoint("x.weights"),
    "checkpoint_frequency": lambda k: k.ModelCheckpoint("x.keras", save_freq="batch"),
    "plateau_factor": lambda k: k.ReduceLROnPlateau(factor=1.0),
    "early_stopping_direction": lambda k: train(k, lambda k: k.EarlyStopping("val_score"), FALLING),
    "schedule_output": lambda k: train(k, lambda k: k.LearningRateScheduler(lambda epoch, rate: 1), FALLING),
    "checkpoint_field": lambda k: train(k, lambda k: k.ModelCheckpoint("{auc:.2f}.keras"), FALLING),
    "nan": lambda k: train(k, lambda k: k.TerminateOnNaN(raise_error=True), [float("nan")]),
    "end_without_begin": lambda k: k.CallbackList([]).on_train_end(),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_the_same(name):
    with pytest.raises(Exception) as expected:
        kept(ERRORS[name], theirs)
    with pytest.raises(type(expected.value)) as actual:
        ERRORS[name](ours)
    # Ours may say more, but the first sentence is Keras's.
    first = str(expected.value).strip('"').split(". ")[0].rstrip(".")
    assert first in str(actual.value)


@pytest.mark.parametrize("append", [False, True])
def test_a_csv_file_is_the_same(tmp_path, append):
    for name, library in (("theirs", theirs), ("ours", ours)):
        path = tmp_path / name
        if append:
            path.write_text("epoch,loss,val_loss,val_score\n")
        log = kept if library is theirs else lambda function, *args: function(*args)
        log(train, library, lambda k, path=path: k.CSVLogger(path, separator=";", append=append), FALLING)
        log(train, library, lambda k, path=path: k.CSVLogger(path, append=True), FALLING)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


# The progress bar ---------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """One clock for both libraries, moved by hand, and one width of the terminal."""
    monkeypatch.setenv("COLUMNS", "120")
    clock = types.SimpleNamespace(now=1000.0)
    module = imported("keras.src.utils.progbar")
    monkeypatch.setattr(module, "time", types.SimpleNamespace(time=lambda: clock.now))
    monkeypatch.setattr(progress, "_clock", lambda: clock.now)
    return clock


def drawn(clock, run):
    clock.now = 1000.0
    terminal = Terminal()
    with redirect_stdout(terminal):
        run()
    return terminal.getvalue().replace("\b", "")  # backspaces before a carriage return do nothing


BARS = {
    "short": {"target": 7, "times": [0.3] * 7},
    "throttled": {"target": 30, "times": [0.011] * 30},
    "minutes": {"target": 900, "times": [0.2, 0.5, 0.1]},
    "hours": {"target": 99999, "times": [3.0, 0.5]},
    "slow": {"target": 3, "times": [70.0, 2.5, 1.2]},
    "fast": {"target": 3, "times": [0.06, 1e-5, 1e-5]},
    "unknown": {"target": None, "times": [0.1] * 4},
    "one": {"target": 1, "times": [0.1]},
}


@pytest.mark.parametrize("verbose", [1, 2])
@pytest.mark.parametrize("stateful", [None, ["loss"]])
@pytest.mark.parametrize("name", BARS)
def test_a_bar_is_the_same(clock, name, stateful, verbose):
    case = BARS[name]

    def run(Progbar):
        bar = Progbar(case["target"], verbose=verbose, stateful_metrics=stateful)
        for step, seconds in enumerate(case["times"]):
            clock.now += seconds
            bar.add(1, [("loss", 2.0 / (step + 1)), ("tiny", 1e-5 * step), ("below", -1.5)])

    expected = kept(drawn, clock, lambda: run(keras.utils.Progbar))
    assert drawn(clock, lambda: run(progress.Progbar)) == expected
    assert (name in ("minutes", "hours", "unknown") and verbose == 2) or "loss" in expected


def fit(k, clock, verbose, steps):
    run = on_one_thread(k.CallbackList([], add_progbar=True, epochs=2, steps=steps, verbose=verbose, model=Model()))
    run.on_train_begin()
    for epoch in range(2):
        run.on_epoch_begin(epoch)
        for batch in range(12):
            clock.now += 0.02
            run.on_train_batch_begin(batch)
            run.on_train_batch_end(batch, {"loss": 1.0 / (batch + 1), "accuracy": batch / 20})
        run.on_test_begin()
        for batch in range(3):
            clock.now += 0.1
            run.on_test_batch_end(batch, {"loss": 5.0})
        run.on_test_end({"loss": 5.0})
        run.on_epoch_end(epoch, {"loss": 0.25, "accuracy": 0.75, "val_loss": 0.5, "val_accuracy": 0.7})
    run.on_train_end({"loss": 0.25})


def evaluate(k, clock, verbose, steps):
    run = on_one_thread(k.CallbackList([], add_progbar=True, epochs=1, steps=steps, verbose=verbose, model=Model()))
    run.on_test_begin()
    for batch in range(12):
        clock.now += 0.03
        run.on_test_batch_end(batch, {"loss": 1.0 / (batch + 1)})
    run.on_test_end({"loss": 0.25})


def predict(k, clock, verbose, steps):
    run = on_one_thread(k.CallbackList([], add_progbar=True, epochs=1, steps=steps, verbose=verbose, model=Model()))
    run.on_predict_begin()
    for batch in range(12):
        clock.now += 0.03
        run.on_predict_batch_end(batch, {"outputs": np.zeros((2, 2))})
    run.on_predict_end()


@pytest.mark.parametrize("steps", [12, None])
@pytest.mark.parametrize("verbose", ["auto", 1, 2])
@pytest.mark.parametrize("call", [fit, evaluate, predict])
def test_the_logger_draws_the_same(clock, call, verbose, steps):
    expected = kept(drawn, clock, lambda: call(theirs, clock, verbose, steps))
    assert expected
    assert drawn(clock, lambda: call(ours, clock, verbose, steps)) == expected
