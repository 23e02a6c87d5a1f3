"""Trains on several processes: `torchrun --nproc-per-node 2 examples/distributed.py`. Without `torchrun`, on one.

Nothing in here knows how many there are. Each batch of 64 is spread over them, the metrics are those of all data, and
the first process prints and writes. If one dies, `torchrun --max-restarts 3` starts them again, and `BackupAndRestore`
lets them go on where they were.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

import torchkeras_shim as keras
from torchkeras_shim import layers

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--backup", default=str(Path(tempfile.gettempdir()) / "torchkeras-distributed"))
arguments = parser.parse_args()

keras.utils.set_random_seed(0)

# Rings in the plane, told apart by their radius.
generator = np.random.default_rng(0)
labels = generator.integers(0, 3, 4000)
angles = generator.uniform(0, 2 * np.pi, 4000)
radii = labels + generator.normal(1.0, 0.15, 4000)
points = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=-1).astype("float32")

model = keras.Sequential(
    [
        keras.Input((2,)),
        layers.Dense(64, activation="relu"),
        layers.BatchNormalization(),
        layers.Dense(64, activation="relu"),
        layers.Dropout(0.1),
        layers.Dense(3, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(
    points[:3200],
    labels[:3200],
    batch_size=64,
    epochs=arguments.epochs,
    validation_data=(points[3200:], labels[3200:]),
    callbacks=[keras.callbacks.EarlyStopping(patience=3), keras.callbacks.BackupAndRestore(arguments.backup)],
    verbose=2,
)

predicted = model.predict(points[3200:], verbose=0).argmax(-1)  # all rows, in each process
assert (predicted == labels[3200:]).mean() > 0.9
