"""What callbacks leave behind when `fit`, `evaluate` or `predict` ends with an error or Ctrl-C: nothing."""

from __future__ import annotations

import csv
import io
import os
import sys
import threading

import numpy as np
import pytest

import torchkeras_shim as keras
from torchkeras_shim import callbacks

X, Y = np.ones((8, 3), "float32"), np.ones((8, 2), "float32")


def model_of(**kwargs):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.01, **kwargs), "mse")
    return model


class Fail(callbacks.Callback):
    """Raises in one hook."""

    def __init__(self, hook, error):
        super().__init__()

        def fail(*args, **kwargs):
            raise error

        setattr(self, hook, fail)


def held(folder):
    """Returns the open files below a folder, and the threads."""
    targets = []
    for name in os.listdir("/proc/self/fd"):
        try:
            targets.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    return sorted(target for target in targets if target.startswith(str(folder))), threading.active_count()


HOOKS = ["on_train_begin", "on_epoch_begin", "on_train_batch_end", "on_test_begin", "on_epoch_end", "on_train_end"]


@pytest.mark.parametrize(
    "error", [ValueError("stop"), KeyboardInterrupt(), SystemExit()], ids=lambda e: type(e).__name__
)
@pytest.mark.parametrize("hook", HOOKS)
def test_a_failed_fit_holds_nothing(hook, error, tmp_path):
    pytest.importorskip("tensorboard")
    before = held(tmp_path)
    board = callbacks.TensorBoard(tmp_path / "logs", update_freq=1)
    logger = callbacks.CSVLogger(tmp_path / "log.csv")
    model = model_of()
    for _ in range(3):
        with pytest.raises(type(error)):
            model.fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y), callbacks=[board, logger, Fail(hook, error)])
        assert held(tmp_path) == before
    model.fit(X, Y, verbose=0, callbacks=[board, logger])
    assert held(tmp_path) == before
    with open(tmp_path / "log.csv") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0"]


def test_an_error_in_the_data_and_evaluate_alone(tmp_path):
    pytest.importorskip("tensorboard")
    before = held(tmp_path)
    model = model_of()
    board = callbacks.TensorBoard(tmp_path / "logs")

    def broken():
        yield X, Y
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        model.fit(broken(), steps_per_epoch=4, verbose=0, callbacks=[board])
    assert held(tmp_path) == before
    model.evaluate(X, Y, verbose=0, callbacks=[board])
    assert held(tmp_path) == before


def test_an_error_while_cleaning_up_hides_nothing(logged):
    class Clumsy(callbacks.Callback):
        def _on_failure(self):
            raise OSError("cannot close")

    class Careful(callbacks.Callback):
        told = False

        def _on_failure(self):
            self.told = True

    careful = Careful()
    with pytest.raises(ValueError, match="the first"):
        model_of().fit(X, Y, verbose=0, callbacks=[Clumsy(), careful, Fail("on_epoch_end", ValueError("the first"))])
    assert careful.told
    assert "Clumsy could not clean up: cannot close" in "\n".join(logged)


def test_averages_go_back(tmp_path):
    model = model_of(use_ema=True)
    model.fit(X, Y, epochs=2, verbose=0)
    before = model.get_weights()
    swap = callbacks.SwapEMAWeights()
    for call in (model.predict, lambda x, **kwargs: model.evaluate(x, Y, **kwargs)):
        name = "predict" if call == model.predict else "test"
        with pytest.raises(ValueError, match="stop"):
            call(X, verbose=0, callbacks=[swap, Fail(f"on_{name}_batch_end", ValueError("stop"))])
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_the_line_of_the_bar_ends(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    with pytest.raises(KeyboardInterrupt):
        model_of().fit(X, Y, batch_size=2, callbacks=[Stop(2)])
    assert "1/4" in screen.getvalue()
    assert screen.getvalue().endswith("\n")


class Stop(callbacks.Callback):
    """Interrupts a batch."""

    def __init__(self, batch):
        super().__init__()
        self.batch = batch

    def on_train_batch_begin(self, batch, logs=None):
        if batch == self.batch:
            raise KeyboardInterrupt


@pytest.mark.parametrize("torn", ["", "3,0.1"])
def test_a_resumed_log_has_each_epoch_once(tmp_path, torn):
    path, backup = tmp_path / "log.csv", tmp_path / "backup"

    def fit(*further, append=True):
        model_of().fit(
            X,
            Y,
            epochs=5,
            verbose=0,
            callbacks=[callbacks.CSVLogger(path, append=append), *further, callbacks.BackupAndRestore(backup)],
        )

    def epochs():
        with open(path) as file:
            return [row["epoch"] for row in csv.DictReader(file)]

    class StopAfter(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(StopAfter())  # the row of epoch 2 is written, its backup is not
    assert epochs() == ["0", "1", "2"]
    with open(path, "a") as file:
        file.write(torn)
    fit()
    assert epochs() == ["0", "1", "2", "3", "4"]
    fit()  # a training of its own adds its rows, as in Keras
    assert epochs() == ["0", "1", "2", "3", "4"] * 2
