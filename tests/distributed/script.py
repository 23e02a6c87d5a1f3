"""A training for `torchrun`, in which something goes wrong: `script.py FOLDER WHAT PLACE RANK DISTRIBUTION`."""

import os
import signal
import sys
import time

import numpy as np

import torchkeras_shim as keras
from torchkeras_shim import layers
from torchkeras_shim.core.atomic import replacing

RANK, ATTEMPT = int(os.environ.get("RANK", 0)), int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0))


class Trouble(keras.callbacks.Callback):
    """Makes one of the processes fail at some place of the second epoch, at the first attempt."""

    def __init__(self, folder, what, place, rank):
        super().__init__()
        self.folder, self.what, self.place, self.rank, self.epoch = folder, what, place, rank, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.fail_at("between")

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == (0, 0):
            self.fail("first")

    def on_train_batch_end(self, batch, logs=None):
        if self.what == "interrupt":
            with replacing(os.path.join(self.folder, f"running-{RANK}")) as path, open(path, "w") as file:
                file.write(str(os.getpid()))
            time.sleep(0.2)
        if batch == 2:
            self.fail_at("middle")

    def on_test_batch_end(self, batch, logs=None):
        self.fail_at("validation")

    def on_epoch_end(self, epoch, logs=None):
        self.fail_at("end")

    def fail_at(self, place):
        if self.epoch == 1:
            self.fail(place)

    def fail(self, place):
        if (self.place, self.rank, ATTEMPT) != (place, RANK, 0):
            return
        if self.what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.what == "exit":
            sys.exit(3)
        if self.what == "raise":
            raise ValueError("a fault of one process")


class Backup(keras.callbacks.BackupAndRestore):
    """May be killed while it writes the third backup."""

    def __init__(self, folder, trouble):
        super().__init__(os.path.join(folder, "backup"), save_freq=2)
        self.trouble, self.written = trouble, 0

    def _write(self, name, state):
        self.written += 1
        if self.written == 3:
            self.trouble.fail("backup")
        super()._write(name, state)


def main(folder, what, place="", rank="1", distribution="DataParallel"):
    """Trains, and writes the weights."""
    if distribution == "FullySharded":
        keras.distribution.initialize()
    keras.distribution.set_distribution(getattr(keras.distribution, distribution)())
    keras.utils.set_random_seed(3)
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(50, 4)).astype("float32"), generator.integers(0, 2, 50)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3, seed=1),
            layers.Dense(2),
        ]
    )
    optimizer = keras.optimizers.Adam(0.01, gradient_accumulation_steps=3)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    trouble = Trouble(folder, what, place, int(rank))
    history = model.fit(
        x,
        y,
        batch_size=8,
        epochs=100 if what == "interrupt" else 3,
        verbose=0,
        validation_split=0.2,
        callbacks=[trouble, Backup(folder, trouble)],
    )
    weights = model.get_weights()
    np.savez(os.path.join(folder, f"weights-{RANK}.npz"), *weights, loss=history.history["loss"][-1])


if __name__ == "__main__":
    main(*sys.argv[1:])
