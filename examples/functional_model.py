"""A graph of layers: two inputs, residual branches, two outputs, and a second model cut out of the first.

    pip install -e ".[examples]" && python examples/functional_model.py [epochs]

The model reads an image of a digit and the darkness of its rows; it says which digit it is and whether it is even.
"""

import sys

import numpy as np
from sklearn.datasets import load_digits

import torchkeras_shim as keras
from torchkeras_shim import layers

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 8
keras.utils.set_random_seed(0)

digits = load_digits()
images = digits.images[..., np.newaxis].astype("float32") / 16
rows = images.mean(axis=(2, 3))
labels, even = digits.target, (digits.target % 2 == 0).astype("float32")


def residual(x, filters):
    """Two convolutions, and a way around them."""
    y = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    y = layers.Conv2D(filters, 3, padding="same")(y)
    y = layers.BatchNormalization(momentum=0.9)(y)
    if x.shape[-1] != filters:
        x = layers.Conv2D(filters, 1)(x)
    return layers.Activation("relu")(x + y)  # operators work on symbolic tensors, and so does all of `keras.ops`


image = keras.Input((8, 8, 1), name="image")
darkness = keras.Input((8,), name="darkness")
x = residual(image, 8)
x = layers.MaxPooling2D()(x)
x = residual(x, 32)
x = layers.GlobalAveragePooling2D(name="features")(x)
x = layers.Concatenate()([x, layers.Dense(8, activation="relu")(darkness)])
digit = layers.Dense(10, activation="softmax", name="digit")(x)
is_even = layers.Dense(1, activation="sigmoid", name="even")(x)
model = keras.Model([image, darkness], {"digit": digit, "even": is_even}, name="reader")
model.summary()

model.compile(
    optimizer=keras.optimizers.Adam(3e-3),
    loss={"digit": "sparse_categorical_crossentropy", "even": "binary_crossentropy"},
    loss_weights={"digit": 1.0, "even": 0.5},
    metrics={"digit": ["accuracy"], "even": ["accuracy"]},
)
targets = {"digit": labels[:1500], "even": even[:1500]}
model.fit([images[:1500], rows[:1500]], targets, epochs=epochs, batch_size=64, verbose=2)
results = model.evaluate(
    [images[1500:], rows[1500:]], {"digit": labels[1500:], "even": even[1500:]}, verbose=0, return_dict=True
)
print("on digits it has not seen:", {name: round(value, 3) for name, value in results.items()})

# A model from the same input to a layer in the middle. It shares the weights: nothing is trained or copied.
features = keras.Model(image, model.get_layer("features").output, name="features_of")
known, new = features.predict(images[:1500], verbose=0), features.predict(images[1500:], verbose=0)
nearest = np.array([np.argmin(((known - one) ** 2).sum(axis=1)) for one in new])
print(
    f"accuracy of the nearest neighbour in the {new.shape[1]} features: {np.mean(labels[nearest] == labels[1500:]):.3f}"
)
