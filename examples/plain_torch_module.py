"""Any `torch.nn.Module` gets `fit`, unchanged: one input through `Sequential`, several through a functional model.

pip install -e ".[examples]" && python examples/plain_torch_module.py [epochs]
"""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

import torchkeras_shim as keras

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 8
keras.utils.set_random_seed(0)

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16  # channels first, as torch has them
labels = torch.tensor(digits.target)


class ConvNet(nn.Module):
    """Written for torch; nothing in it knows of Keras."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Sequential(nn.Dropout(0.1), nn.Linear(16 * 16, 10))

    def forward(self, x):
        return self.head(self.body(x).flatten(1))


net = ConvNet()
model = keras.Sequential([net])
model.compile(optimizer="adam", loss=nn.CrossEntropyLoss(), metrics=["accuracy"])
model.fit(images[:1500], labels[:1500], epochs=epochs, verbose=2)
model.summary()
_, accuracy = model.evaluate(images[1500:], labels[1500:], verbose=0)
print(f"one input: accuracy {accuracy:.3f}")

# The module itself was trained, not a copy of it.
with torch.no_grad():
    torch.testing.assert_close(net.eval()(images[1500:].to(model.device)), model(images[1500:]))


class Sum(nn.Module):
    """Two inputs, two outputs: the sum of two digits from their images, and which of them is larger."""

    def __init__(self):
        super().__init__()
        self.read = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU())
        self.hidden = nn.Sequential(nn.Linear(128, 64), nn.ReLU())
        self.total, self.larger = nn.Linear(64, 1), nn.Linear(64, 1)

    def forward(self, first, second):
        x = self.hidden(torch.cat([self.read(first), self.read(second)], dim=1))
        return self.total(x), self.larger(x)


order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
pairs = [images, images[order]]
total = (labels + labels[order]).float().unsqueeze(1)
larger = (labels > labels[order]).float().unsqueeze(1)

first, second = keras.Input((1, 8, 8)), keras.Input((1, 8, 8))
model = keras.Model([first, second], keras.layers.TorchModuleWrapper(Sum())(first, second))
model.compile(
    optimizer=torch.optim.AdamW,
    loss=["mse", nn.BCEWithLogitsLoss()],
    metrics=[["mae"], [keras.metrics.BinaryAccuracy(threshold=0.0)]],
)
history = model.fit(pairs, [total, larger], epochs=2 * epochs, verbose=0).history
print({name: round(values[-1], 3) for name, values in history.items()})
