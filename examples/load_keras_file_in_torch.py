"""A `.keras` file, written by Keras or by this library, is used and trained further in plain PyTorch.

pip install -e ".[examples]" && python examples/load_keras_file_in_torch.py [a_file_of_yours.keras]
"""

import os
import sys
import tempfile

import torch
from sklearn.datasets import load_digits

import torchkeras_shim as keras
from torchkeras_shim import layers

keras.utils.set_random_seed(0)
digits = load_digits()
x, y = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)


def write_a_file(path):
    """Stands for a file that somebody trained with Keras on TensorFlow or JAX: the format is the same."""
    model = keras.Sequential(
        [keras.Input((64,)), layers.Dense(64, activation="relu"), layers.BatchNormalization(), layers.Dense(10)]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(x, y, epochs=3, verbose=0)
    model.save(path)


if len(sys.argv) > 1:
    model = keras.saving.load_model(sys.argv[1])
    model.summary()
    sys.exit()

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "digits.keras")
    write_a_file(path)
    # Neither Keras nor TensorFlow is needed; nothing in the file is executed.
    model = keras.saving.load_model(path)

# The model is a torch.nn.Module like any other.
assert isinstance(model, torch.nn.Module)
print("state_dict:", {key: tuple(value.shape) for key, value in model.state_dict().items()})
x, y = x.to(model.device), y.to(model.device)


def accuracy():
    model.eval()
    with torch.no_grad():
        return float((model(x).argmax(dim=1) == y).float().mean())


print(f"accuracy as loaded: {accuracy():.4f}")

optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
model.train()
for _ in range(5):
    for index in torch.randperm(len(x), device=x.device).split(64):
        loss = torch.nn.functional.cross_entropy(model(x[index]), y[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print(f"accuracy after five epochs of a torch loop: {accuracy():.4f}")

# The same network in modules of torch alone: a file of it needs this library no more.
module = model.to_torch(copy=True)
print(module)
model.eval()
module.eval()
torch.testing.assert_close(module(x), model(x))
with tempfile.TemporaryDirectory() as folder:
    torch.save(module, os.path.join(folder, "digits.pt"))
