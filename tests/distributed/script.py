"""A training for `torchrun`, in which something goes wrong: `script.py FOLDER WHAT`."""

import os
import signal
import sys
import time

import numpy as np

import torchkeras_shim as keras
from torchkeras_shim import layers

RANK, ATTEMPT = int(os.environ.get("RANK", 0)), int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0))


class Trouble(keras.callbacks.Callback):
    """Makes the second of the processes fail in the middle of the second epoch, at the first attempt."""

    def __init__(self, folder, what):
        super().__init__()
        self.folder, self.what, self.epoch = folder, what, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.what == "interrupt":
            open(os.path.join(self.folder, f"running-{RANK}"), "w").close()
            time.sleep(0.2)
        if (self.epoch, batch, RANK, ATTEMPT) != (1, 2, 1, 0):
            return
        if self.what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.what == "raise":
            raise ValueError("a fault of the second process")


def main(folder, what):
    """Trains, and writes the weights."""
    keras.utils.set_random_seed(3)
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(50, 4)).astype("float32"), generator.integers(0, 2, 50)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(2),
        ]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    backup = keras.callbacks.BackupAndRestore(os.path.join(folder, "backup"), save_freq=2)
    history = model.fit(
        x,
        y,
        batch_size=8,
        epochs=100 if what == "interrupt" else 3,
        verbose=0,
        callbacks=[Trouble(folder, what), backup],
    )
    np.savez(os.path.join(folder, f"weights-{RANK}.npz"), *model.get_weights(), loss=history.history["loss"][-1])


if __name__ == "__main__":
    main(*sys.argv[1:])
