"""Transfer learning with `keras.applications`: a head on a frozen base, then the last layers of the base.

python examples/fine_tune_application.py [epochs] [--device cpu] [--weights imagenet]
"""

import argparse

import numpy as np
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers

parser = argparse.ArgumentParser()
parser.add_argument("epochs", nargs="?", type=int, default=4)
parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
parser.add_argument("--weights", help="'imagenet' downloads what Keras publishes; random ones by default")
options = parser.parse_args()
keras.utils.set_random_seed(0)
SIZE = 96 if options.weights else 48

random = np.random.default_rng(0)
labels = np.arange(48) % 2
images = random.uniform(0, 128, (48, SIZE, SIZE, 3)).astype("float32")
images[labels == 1, SIZE // 3 : 2 * SIZE // 3] += 127.0  # a bright bar

base = keras.applications.MobileNetV2(
    input_shape=(SIZE, SIZE, 3), alpha=0.35, include_top=False, weights=options.weights
)
if not options.weights:  # stands in for what a base has learnt: random kernels that let their signals through
    for weight in base.weights:
        if len(weight.shape) == 4:
            fan = np.prod(weight.shape[:2] if "depthwise" in weight.path else weight.shape[:-1])
            weight.assign(random.normal(0, np.sqrt(2 / fan), tuple(weight.shape)))
base.trainable = False
inputs = keras.Input((SIZE, SIZE, 3))
x = keras.applications.mobilenet_v2.preprocess_input(inputs)
x = base(x, training=False)  # its statistics stay as they are, later too
x = layers.GlobalAveragePooling2D()(x)
x = layers.Dropout(0.2)(x)
model = keras.Model(inputs, layers.Dense(1)(x))
model.to(options.device)


def train(name, rate, epochs):
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(rate), loss=loss, metrics=[keras.metrics.BinaryAccuracy(threshold=0)])
    history = model.fit(images, labels, batch_size=16, epochs=epochs, verbose=0).history
    print(f"{name}: {len(model.trainable_weights)} weights trained, loss {history['loss'][-1]:.3f}")


train("head", 1e-2, options.epochs)
base.trainable = True
for layer in base.layers[:-20]:
    layer.trainable = False
train("last layers", 1e-4, options.epochs)  # compiled again: which weights are trained has changed
print("accuracy:", model.evaluate(images, labels, verbose=0, return_dict=True)["binary_accuracy"])
