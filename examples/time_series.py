"""A time series: windows of what was measured, to predict what is measured a day later.

python examples/time_series.py [epochs] [--device cpu]

On a CPU, in a second: mean error 0.232, and 0.900 if tomorrow is taken to be as warm as today.
"""

import argparse

import numpy as np
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers

parser = argparse.ArgumentParser()
parser.add_argument("epochs", nargs="?", type=int, default=6)
parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
options = parser.parse_args()
keras.utils.set_random_seed(0)

# Temperature and pressure, hour by hour for 100 days: the wave of the day on one of three days, a drift, and noise.
hours = np.arange(2400)
random = np.random.default_rng(0)
weather = 4 * np.sin(2 * np.pi * hours / 77) + np.cumsum(random.normal(0, 0.1, len(hours)))
temperature = 12 + weather + 5 * np.sin(2 * np.pi * hours / 24) + random.normal(0, 0.5, len(hours))
pressure = 1010 - 0.8 * weather + random.normal(0, 0.5, len(hours))
data = np.stack([temperature, pressure], axis=1).astype("float32")
data = (data - data[:1600].mean(axis=0)) / data[:1600].std(axis=0)

PAST, STEP, AHEAD = 72, 3, 24  # three days, every third hour, to predict a day ahead


def windows(begin, end, **options):
    """Windows that begin from `begin` on, each with the temperature `AHEAD` hours after its last one."""
    targets = data[PAST - STEP + AHEAD :, 0]
    return keras.utils.timeseries_dataset_from_array(
        data[begin:end],
        targets[begin:end],
        sequence_length=PAST // STEP,
        sampling_rate=STEP,
        batch_size=64,
        **options,
    )


train, validation = windows(0, 1600, shuffle=True, seed=1), windows(1600, 2400 - AHEAD - PAST)
for x, y in train.take(1):
    print("a batch:", tuple(x.shape), tuple(y.shape))

# What is there to beat: tomorrow it is as warm as today.
naive = np.mean([float(abs(x[:, -1, 0] - y).mean()) for x, y in validation])

model = keras.Sequential([keras.Input((PAST // STEP, 2)), layers.LSTM(16), layers.Dense(1)])
model.to(options.device)
model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="mse", metrics=["mae"])
model.fit(train, validation_data=validation, epochs=options.epochs, verbose=2)
learnt = model.evaluate(validation, verbose=0, return_dict=True)["mae"]
print(f"mean error: as today {naive:.3f}, learnt {learnt:.3f}")
