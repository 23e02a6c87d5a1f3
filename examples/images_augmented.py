"""Colour pictures of the shape of CIFAR-10: a residual network, augmentation inside the model, mixed precision.

    python examples/images_augmented.py [--epochs 32] [--train 1000] [--device cuda] [--precision mixed_float16]

The pictures are drawn by the script: ten shapes of any colour, size and place on noise; those for training are few.
On a CPU in float32, in 15 seconds: accuracy on new pictures 0.913, and 0.361 without augmentation (`--plain`). With
4,000 pictures to train on, 8 epochs come to 0.945 either way.
"""

# %% Settings
import argparse

import numpy as np
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=32)
parser.add_argument("--train", type=int, default=1000, help="how many pictures to train on")
parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
parser.add_argument("--precision", choices=["float32", "mixed_bfloat16", "mixed_float16"])
parser.add_argument("--plain", action="store_true", help="without augmentation")
options = parser.parse_args()
keras.utils.set_random_seed(0)

# On a GPU the layers compute in float16, and the loss is scaled; weights stay float32.
precision = options.precision or ("mixed_float16" if options.device.startswith("cuda") else "float32")
keras.mixed_precision.set_global_policy(precision)

# %% The data: what each class looks like is a function of the distance across and down from its middle.
SHAPES = {
    "disc": lambda x, y: x**2 + y**2 < 1,
    "ring": lambda x, y: abs(x**2 + y**2 - 0.7) < 0.3,
    "square": lambda x, y: np.maximum(abs(x), abs(y)) < 0.8,
    "frame": lambda x, y: abs(np.maximum(abs(x), abs(y)) - 0.7) < 0.2,
    "diamond": lambda x, y: abs(x) + abs(y) < 1,
    "plus": lambda x, y: (np.minimum(abs(x), abs(y)) < 0.25) & (np.maximum(abs(x), abs(y)) < 1),
    "cross": lambda x, y: (abs(abs(x) - abs(y)) < 0.3) & (np.maximum(abs(x), abs(y)) < 0.9),
    "bars": lambda x, y: (abs(abs(y) - 0.5) < 0.25) & (abs(x) < 0.9),
    "triangle": lambda x, y: (y < 0.8) & (abs(x) < (y + 0.9) / 2),
    "arch": lambda x, y: (abs(x**2 + y**2 - 0.7) < 0.3) & (y < 0.1),
}


def pictures(count, seed):
    random = np.random.default_rng(seed)
    labels = random.integers(len(SHAPES), size=count)
    middles, sizes = random.uniform(11, 21, (count, 2, 1, 1)), random.uniform(6, 11, (count, 1, 1))
    across, down = np.arange(32), np.arange(32)[:, None]
    x, y = (across - middles[:, 0]) / sizes, (down - middles[:, 1]) / sizes
    masks = np.zeros((count, 32, 32), bool)
    for number, inside in enumerate(SHAPES.values()):
        masks[labels == number] = inside(x, y)[labels == number]
    paper, ink = random.uniform(0, 255, (2, count, 1, 1, 3))
    images = np.where(masks[..., None], ink, paper) + random.normal(0, 25, (count, 32, 32, 3))
    return images.clip(0, 255).astype("uint8"), labels


x_train, y_train = pictures(options.train, seed=1)
x_test, y_test = pictures(1000, seed=2)

# %% The model: augmentation works in training alone, on the device of the model.
augmentation = [
    layers.RandomFlip("horizontal"),
    layers.RandomTranslation(0.1, 0.1),
    layers.RandomContrast(0.3, value_range=(0, 255)),
]


def block(x, filters, strides):
    shortcut = x
    x = layers.Conv2D(filters, 3, strides, padding="same", use_bias=False)(x)
    x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    if strides > 1:
        shortcut = layers.Conv2D(filters, 1, strides, use_bias=False)(shortcut)
    return layers.Activation("relu")(layers.Add()([x, shortcut]))


inputs = x = keras.Input((32, 32, 3))
for layer in [] if options.plain else augmentation:
    x = layer(x)
x = layers.Rescaling(1 / 127.5, offset=-1)(x)
x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(x)
for filters, strides in [(16, 1), (32, 2), (64, 2)]:
    x = block(x, filters, strides)
x = layers.GlobalAveragePooling2D()(x)
outputs = layers.Dense(len(SHAPES), activation="softmax", dtype="float32")(x)  # probabilities need the precision
model = keras.Model(inputs, outputs).to(options.device)

# %% Training: the rate warms up, and falls along a cosine.
steps = options.epochs * -(-options.train // 64)
rate = keras.optimizers.schedules.CosineDecay(1e-3, steps, warmup_target=5e-3, warmup_steps=steps // 8)
model.compile(keras.optimizers.AdamW(rate, weight_decay=1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, batch_size=64, epochs=options.epochs, verbose=2)

# %% The result
accuracy = model.evaluate(x_test, y_test, batch_size=250, verbose=0, return_dict=True)["accuracy"]
print(f"computed in {model.layers[-2].compute_dtype}, weights in {model.weights[0].dtype}")
print(f"loss {history.history['loss'][0]:.3f} -> {history.history['loss'][-1]:.3f}")
print(f"accuracy on new pictures: {accuracy:.3f}")
for image, label in zip(x_test[:5], y_test[:5], strict=True):
    guess = list(SHAPES)[model.predict(image[None], verbose=0)[0].argmax()]
    print(f"  {list(SHAPES)[label]} taken for {guess}")
