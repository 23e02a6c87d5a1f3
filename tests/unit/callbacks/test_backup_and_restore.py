"""`BackupAndRestore`: whenever a training is interrupted, it ends as if it had not been."""

from __future__ import annotations

import json
import os
import signal
import textwrap

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import torchkeras_shim as keras
from tests import warm
from torchkeras_shim import layers
from torchkeras_shim.callbacks import BackupAndRestore, Callback

X = np.random.default_rng(0).standard_normal((50, 4)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def make_model():
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(8), layers.Dropout(0.3), layers.Dropout(0.2, seed=5), layers.Dense(1)]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return model


class Stop(Exception):
    pass


class Interrupt(Callback):
    """Stops training after a batch of an epoch, in the way that Ctrl-C does."""

    def __init__(self, epoch, batch):
        super().__init__()
        self.where = (epoch, batch)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.where:
            raise Stop


class Record(Callback):
    def __init__(self):
        super().__init__()
        self.calls = []

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(("epoch", epoch))

    def on_train_batch_begin(self, batch, logs=None):
        self.calls.append(batch)

    def on_epoch_end(self, epoch, logs=None):
        self.logs = dict(logs)


def arrays():
    return {"x": X, "y": Y, "batch_size": 8}


def counted():
    """Epochs shorter than the data: each goes on where the one before it stopped."""
    return {"x": X, "y": Y, "batch_size": 8, "steps_per_epoch": 5}


def loader():
    return {"x": DataLoader(TensorDataset(torch.tensor(X), torch.tensor(Y)), batch_size=8, shuffle=True)}


def generator():
    """Draws with numpy's global generator, starting over in every process."""

    def batches():
        index = 0
        while True:
            rows = np.arange(index, index + 8) % 50
            index += 8
            yield X[rows], Y[rows]

    return {"x": batches(), "steps_per_epoch": 5}


DATA = {"arrays": arrays, "counted": counted, "loader": loader, "generator": generator}


def fit(model, data, callbacks, epochs=4):
    record = Record()
    arguments = {"validation_data": (X, Y)} if data is not generator else {}
    model.fit(**data(), **arguments, epochs=epochs, verbose=0, callbacks=[*callbacks, record])
    return record


def outcome(model):
    return [*model.get_weights(), *(variable.numpy() for variable in model.optimizer.variables)]


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # "counted" ends in the middle of an epoch
@pytest.mark.parametrize("save_freq", ["epoch", 1, 3])
@pytest.mark.parametrize("where", [(0, 2), (2, 0), (2, 4)])
@pytest.mark.parametrize("data", DATA)
def test_training_goes_on_as_if_nothing_had_happened(data, where, save_freq, tmp_path):
    undisturbed = make_model()
    expected = fit(undisturbed, DATA[data], [])

    folder = str(tmp_path / "backup")
    with pytest.raises(Stop):
        fit(make_model(), DATA[data], [BackupAndRestore(folder, save_freq), Interrupt(*where)])
    keras.utils.set_random_seed(99)  # a new process
    resumed = make_model()
    torch.rand(7)
    np.random.rand(3)
    actual = fit(resumed, DATA[data], [BackupAndRestore(folder, save_freq)])

    if save_freq == "epoch" and where[0] == 0:
        assert not os.path.exists(folder)  # there was nothing to go back to: a training from the start, other numbers
        return
    for a, b in zip(outcome(resumed), outcome(undisturbed), strict=True):
        np.testing.assert_array_equal(a, b)
    assert actual.logs == expected.logs
    # It did not start over, and did nothing twice that was saved.
    first, batch = actual.calls[:2]
    behind = {"epoch": where[1] + 1, 1: 0, 3: 2}[save_freq]
    done = expected.calls.index(("epoch", where[0])) + 1 + where[1]
    batches = expected.calls.index(("epoch", 1)) - 1
    again = expected.calls.index(first) + 1 + (batch if isinstance(batch, int) else batches)
    assert done - behind <= again <= done + 1
    assert not os.path.exists(folder)


SCRIPT = """
    import signal, sys
    import numpy as np
    import torchkeras_shim as keras
    from torchkeras_shim import layers
    folder, out, kill_at = sys.argv[1:]
    keras.utils.set_random_seed(3)
    x = np.random.default_rng(0).standard_normal((512, 4)).astype("float32")
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(16, activation="relu"), layers.Dropout(0.4), layers.Dense(1)]
    )
    model.compile("adam", "mse")

    class Tell(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch
        def on_train_batch_end(self, batch, logs=None):
            print(self.epoch, batch, flush=True)
            if f"{self.epoch} {batch}" == kill_at:  # soon after, wherever it is then: nothing handles the signal
                signal.setitimer(signal.ITIMER_REAL, 0.0005)

    callbacks = [Tell()] + ([keras.callbacks.BackupAndRestore(folder, save_freq=5)] if folder != "none" else [])
    history = model.fit(x, x[:, :1], batch_size=16, epochs=4, verbose=0, callbacks=callbacks)
    np.savez(out, *model.get_weights(), loss=history.history["loss"][-1])
    print("done", flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_a_killed_process_goes_on(tmp_path):
    def run(folder, out, kill_at=None):
        done = warm.run("-c", textwrap.dedent(SCRIPT), folder, out, kill_at)
        assert done.returncode == (-signal.SIGALRM if kill_at else 0), done.stderr
        return done.stdout.splitlines()

    backup, expected, actual = (str(tmp_path / name) for name in ("backup", "a.npz", "b.npz"))
    run("none", expected)
    assert run(backup, actual, "1 13")[0] == "0 0"
    again = run(backup, actual, "2 30")
    assert again[0] in ("1 10", "1 11", "1 12", "1 13", "1 8", "1 9"), again[0]  # not from the start
    assert run(backup, actual)[-1] == "done"
    with np.load(expected) as a, np.load(actual) as b:
        assert a.files == b.files
        for name in a.files:
            np.testing.assert_array_equal(a[name], b[name])


def interrupted(folder, **kwargs):
    with pytest.raises(Stop):
        fit(make_model(), arrays, [BackupAndRestore(folder, **kwargs), Interrupt(2, 1)])


def test_one_whole_backup_at_a_time(tmp_path):
    interrupted(str(tmp_path))
    with open(tmp_path / "training_metadata.json") as file:
        state = json.load(file)
    assert sorted(os.listdir(tmp_path)) == [state["weights"], "training_metadata.json"]
    assert (state["epoch"], state["batch"]) == (2, 0)


def test_the_backup_before_the_last_one(tmp_path):
    folder = str(tmp_path)
    interrupted(folder, double_checkpoint=True)
    with open(tmp_path / "training_metadata.json") as file:
        state = json.load(file)
    assert len(os.listdir(folder)) == 4
    with open(tmp_path / state["weights"], "wb") as file:
        file.write(b"damaged")
    record = fit(make_model(), arrays, [BackupAndRestore(folder, delete_checkpoint=False)])
    assert record.calls[0] == ("epoch", 1)
    assert os.path.exists(folder)


def test_a_damaged_backup_without_another_one(tmp_path):
    interrupted(str(tmp_path))
    (tmp_path / "training_metadata.json").write_text("{")
    with pytest.raises(ValueError, match="Expecting property name"):
        fit(make_model(), arrays, [BackupAndRestore(str(tmp_path))])


def test_a_backup_that_points_elsewhere(tmp_path):
    interrupted(str(tmp_path))
    (tmp_path / "training_metadata.json").write_text('{"epoch": 1, "weights": "../other.weights.h5"}')
    with pytest.raises(ValueError, match="names a file elsewhere"):
        fit(make_model(), arrays, [BackupAndRestore(str(tmp_path))])


def test_a_backup_of_keras(tmp_path):
    """Keras keeps the weights and the epoch, no more."""
    model = make_model()
    model.save_weights(tmp_path / "latest.weights.h5")
    (tmp_path / "training_metadata.json").write_text('{"epoch": 2, "batch": 0}')
    record = fit(make_model(), arrays, [BackupAndRestore(str(tmp_path))])
    assert record.calls[0] == ("epoch", 2)
    assert not tmp_path.exists()


def test_other_files_stay(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    fit(make_model(), arrays, [BackupAndRestore(str(tmp_path))], epochs=1)
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_metrics_that_changed_start_anew(tmp_path):
    with pytest.raises(Stop):
        fit(make_model(), arrays, [BackupAndRestore(str(tmp_path), save_freq=1), Interrupt(1, 1)])
    model = make_model()
    model.compile(keras.optimizers.Adam(0.01), "mse")
    with pytest.warns(UserWarning, match="they start over"):
        fit(model, arrays, [BackupAndRestore(str(tmp_path))])


@pytest.mark.parametrize("save_freq", ["batch", 0, -1, 1.5, False])
def test_what_is_refused(save_freq):
    with pytest.raises(ValueError, match="Invalid value for argument `save_freq`"):
        BackupAndRestore("x", save_freq)
    with pytest.raises(ValueError, match="Empty `backup_dir`"):
        BackupAndRestore("")
