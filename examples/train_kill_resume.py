"""A training is killed in the middle of an epoch, started again, and ends as if nothing had happened.

pip install -e ".[examples]" && python examples/train_kill_resume.py
"""

import os
import subprocess
import sys
import tempfile

import numpy as np
from sklearn.datasets import load_digits

import torchkeras_shim as keras
from torchkeras_shim import layers


class Die(keras.callbacks.Callback):
    """Ends the process at once, as a power cut does: nothing can be tidied up."""

    def __init__(self, after):
        super().__init__()
        self.after = after

    def on_train_batch_end(self, batch, logs=None):
        self.after -= 1
        if self.after == 0:
            os._exit(1)


def train(folder, weights, *callbacks):
    """The script that somebody runs, and runs again."""
    keras.utils.set_random_seed(0)
    digits = load_digits()
    model = keras.Sequential(
        [keras.Input((64,)), layers.Dense(64, activation="relu"), layers.Dropout(0.3), layers.Dense(10)]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    backup = keras.callbacks.BackupAndRestore(folder, save_freq=20)
    model.fit(digits.data / 16, digits.target, epochs=5, verbose=2, callbacks=[*callbacks, backup])
    model.save_weights(weights)


def run(*arguments):
    return subprocess.run([sys.executable, __file__, *arguments], check=False).returncode


if __name__ == "__main__":
    if len(sys.argv) > 1:
        folder, weights, *after = sys.argv[1:]
        train(folder, weights, *(Die(int(batches)) for batches in after))
        sys.exit()
    with tempfile.TemporaryDirectory() as place:
        backup, again, through = (os.path.join(place, name) for name in ("backup", "a.weights.h5", "b.weights.h5"))
        print("Killed after 150 of 285 batches:", flush=True)
        assert run(backup, again, "150") == 1
        print("Started again:", flush=True)
        run(backup, again)
        print("Undisturbed:", flush=True)
        run(os.path.join(place, "other"), through)

        model = keras.Sequential([keras.Input((64,)), layers.Dense(64), layers.Dropout(0.3), layers.Dense(10)])
        found = []
        for path in (again, through):
            model.load_weights(path)
            found.append(model.get_weights())
        same = all(np.array_equal(a, b) for a, b in zip(*found, strict=True))
        print(f"Both trainings end with the same weights, bit by bit: {same}")
