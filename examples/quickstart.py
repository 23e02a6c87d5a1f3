"""Handwritten digits in a minute: build, look, train, evaluate, draw the learning curves, predict.

    pip install -e ".[examples]" && python examples/quickstart.py

Nothing is downloaded: the 1,797 images of 8 x 8 pixels come with scikit-learn. Under Keras, the first line after the
standard imports would read `import keras`; everything below it is the same.
"""

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import torchkeras_shim as keras
from torchkeras_shim import layers

matplotlib.use("Agg")  # draw into a file, with or without a screen
import matplotlib.pyplot as plt

keras.utils.set_random_seed(0)

digits = load_digits()
x_train, x_test, y_train, y_test = train_test_split(
    digits.data.astype("float32") / 16, digits.target, test_size=0.2, random_state=0, stratify=digits.target
)

model = keras.Sequential(
    [
        keras.Input(shape=(64,)),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.2),
        layers.Dense(10, activation="softmax"),
    ],
    name="digits",
)
model.summary()

model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, batch_size=32, epochs=20, validation_split=0.1)

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"\nOn {len(x_test)} images it has never seen: loss {loss:.3f}, accuracy {accuracy:.1%}")

figure, axes = plt.subplots(1, 2, figsize=(10, 4))
for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
    epochs = range(1, len(history.history[name]) + 1)
    axis.plot(epochs, history.history[name], label="training")
    axis.plot(epochs, history.history[f"val_{name}"], label="validation")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set(title=name, xlabel="epoch")
    axis.legend()
figure.tight_layout()
figure.savefig("learning_curves.png", dpi=120)
print("The learning curves are in learning_curves.png")

probabilities = model.predict(x_test[:8], verbose=0)
print("predicted:", *np.argmax(probabilities, axis=1))
print("true:     ", *y_test[:8])
