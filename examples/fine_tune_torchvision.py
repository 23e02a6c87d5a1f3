"""A network of torchvision inside a Keras model: its last layer replaced, the head trained, then the last stage.

python examples/fine_tune_torchvision.py [epochs] [--device cpu]

For a network that has learnt something write `resnet18(weights="DEFAULT")`, which downloads it.
"""

import argparse

import numpy as np
import torch
import torchvision

import torchkeras_shim as keras
from torchkeras_shim import layers

parser = argparse.ArgumentParser()
parser.add_argument("epochs", nargs="?", type=int, default=4)
parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
options = parser.parse_args()
keras.utils.set_random_seed(0)

random = np.random.default_rng(0)
labels = np.arange(16) % 2
images = random.uniform(0, 0.5, (16, 24, 24, 3)).astype("float32")
images[labels == 1, 8:16] += 0.5  # a bright bar

net = torchvision.models.resnet18()
net.fc = torch.nn.Linear(net.fc.in_features, 2)
for module in net.modules():
    if isinstance(module, torch.nn.BatchNorm2d):
        module.momentum = 0.5  # the training is short: running means must follow soon
model = keras.Sequential([keras.Input((24, 24, 3)), layers.Permute((3, 1, 2)), net])  # torch reads channels first
model.to(options.device)


def train(name, rate, epochs):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(rate), loss=loss, metrics=["accuracy"])
    history = model.fit(images, labels, batch_size=8, epochs=epochs, verbose=0).history
    print(f"{name}: {len(model.trainable_weights)} weights trained, loss {history['loss'][-1]:.3f}")


net.requires_grad_(False)
net.fc.requires_grad_(True)
train("head", 1e-2, options.epochs)
net.layer4.requires_grad_(True)
train("last stage", 1e-4, options.epochs)
print("accuracy:", model.evaluate(images, labels, verbose=0, return_dict=True)["accuracy"])
fresh = torchvision.models.resnet18(num_classes=2)
print("loads into a fresh one:", fresh.load_state_dict(net.state_dict()))  # it is still torchvision's own network
