"""Plain torch modules, a torch loss and a torch optimizer, trained by `fit`.

pip install -e ".[examples]" && python examples/torch_modules.py
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import torchkeras_shim as keras

keras.utils.set_random_seed(0)

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32) / 16
labels = torch.tensor(digits.target)
training = DataLoader(TensorDataset(images[:1500], labels[:1500]), batch_size=32, shuffle=True)


class Residual(nn.Module):
    """A module of one's own is a member like any other."""

    def __init__(self, width):
        super().__init__()
        self.inner = nn.Linear(width, width)

    def forward(self, x):
        return x + torch.relu(self.inner(x))


model = keras.Sequential([nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), Residual(64), nn.Linear(64, 10)])
model.compile(optimizer=torch.optim.AdamW, loss=nn.CrossEntropyLoss(), metrics=["accuracy"])
model.fit(training, epochs=5)
model.summary()
model.evaluate(images[1500:], labels[1500:])
