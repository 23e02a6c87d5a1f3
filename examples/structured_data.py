"""A table of numbers, texts and codes: `FeatureSpace` makes vectors of its rows, for training and for use.

python examples/structured_data.py [epochs] [--device cpu]

On a CPU, in a second: accuracy 0.93 on new rows.
"""

import argparse
import os
import tempfile

import numpy as np
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers

parser = argparse.ArgumentParser()
parser.add_argument("epochs", nargs="?", type=int, default=10)
parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
options = parser.parse_args()
keras.utils.set_random_seed(0)
random = np.random.default_rng(0)

# A table that the script makes itself: who comes back to a shop. Town and channel matter together.
rows = 2000
table = {
    "age": random.uniform(18, 80, rows).astype("float32"),
    "spent": random.lognormal(3, 1, rows).astype("float32"),
    "town": random.choice(["Rome", "Oslo", "Lima"], rows),
    "channel": random.integers(1, 4, rows),
    "product": np.array([f"P{number}" for number in random.integers(0, 300, rows)]),
}
score = np.log(table["spent"]) - 3 + (np.abs(table["age"] - 45) < 12)
score += 3.0 * ((table["town"] == "Rome") == (table["channel"] == 2)) - 2
labels = (score + random.normal(0, 0.5, rows) > 0).astype("float32")


def part(which):
    return {name: column[which] for name, column in table.items()}


train, held = slice(0, 1600), slice(1600, None)

space = keras.utils.FeatureSpace(
    {
        "age": keras.utils.FeatureSpace.float_discretized(num_bins=8),
        "spent": "float_normalized",
        "town": "string_categorical",
        "channel": "integer_categorical",
        "product": keras.utils.FeatureSpace.string_hashed(num_bins=16),
    },
    crosses=[("town", "channel")],
    crossing_dim=32,
)
space.adapt(part(train))
print("towns:", space.preprocessors["town"].get_vocabulary())
print("a row becomes", tuple(space({name: column[0] for name, column in table.items()}).shape))

# For training, the features are computed once; the model for use takes rows as they are.
encoded = space.get_encoded_features()
hidden = layers.Dense(32, activation="relu")(encoded)
outputs = layers.Dense(1, activation="sigmoid")(layers.Dropout(0.2)(hidden))
trained = keras.Model(encoded, outputs).to(options.device)
trained.compile("adam", "binary_crossentropy", metrics=["accuracy"])
trained.fit(space(part(train)), labels[train], epochs=options.epochs, verbose=0)

model = keras.Model(space.get_inputs(), outputs)
predicted = model.predict(part(held), verbose=0)[:, 0]
print(f"accuracy on new rows: {np.mean((predicted > 0.5) == labels[held]):.2f}")

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "shop.keras")
    model.save(path)
    loaded = keras.saving.load_model(path)
    print("loaded predicts the same:", np.allclose(loaded.predict(part(held), verbose=0)[:, 0], predicted))
    space.save(os.path.join(folder, "space.keras"))
    again = keras.saving.load_model(os.path.join(folder, "space.keras"))
    print("the space alone, too:", bool((again(part(held)) == space(part(held))).all()))
