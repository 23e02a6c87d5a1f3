"""A Keras model as PyTorch code."""

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset


class BiasedVariance:
    """Moves the variance of a batch normalization by the biased one, as Keras does.

    torch multiplies it by n / (n - 1) first. If that makes no difference to you, use
    `nn.BatchNorm2d` and its like in place of these classes: the weights fit.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return super().forward(x)
        kept = (1.0 - self.momentum) * self.running_var
        outputs = super().forward(x)
        share = x.size(1) / x.numel()
        self.running_var = torch.lerp(self.running_var, kept, share)
        return outputs


class BatchNorm2d(BiasedVariance, nn.BatchNorm2d):
    """`nn.BatchNorm2d` with Keras's moving variance."""


class Adam(torch.optim.Adam):
    """Adam as Keras has it: epsilon is added before the second moment is corrected.

    torch divides by sqrt(v) / sqrt(1 - beta_2 ** t) + eps, Keras by sqrt(v) + eps with
    the correction in the learning rate. The same eps, scaled, makes one of the other.
    """

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        for group in self.param_groups:
            group["updates"] = group.get("updates", 0) + 1
            group.setdefault("epsilon", group["eps"])
            correction = 1.0 - group["betas"][1] ** group["updates"]
            group["eps"] = group["epsilon"] / math.sqrt(correction)
        return super().step(closure)


class Means:
    """The means over an epoch, weighted by the size of the batches, as Keras has them.

    They stay on the device until they are asked for.
    """

    def __init__(self) -> None:
        self.totals: dict[str, torch.Tensor] = {}
        self.count = 0

    def add(self, size: int, values: dict[str, torch.Tensor]) -> None:
        """Adds the means of one batch."""
        self.count += size
        for name, value in values.items():
            total = size * value.detach()
            self.totals[name] = self.totals.get(name, 0.0) + total

    def result(self) -> dict[str, float]:
        """Returns the means so far."""
        return {name: float(total) / self.count for name, total in self.totals.items()}


class Digits(nn.Module):
    """The network of a Keras model.

    Its initial weights are torch's, which differ from Keras's: `load_weights` brings
    those that the model had.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, stride=2)
        # Keras's momentum is 1 - torch's, and its epsilon 1e-3 where torch has 1e-5.
        self.norm = BatchNorm2d(8, eps=0.001, momentum=0.01)
        self.pool = nn.MaxPool2d(2)
        self.drop = nn.Dropout()
        self.scores = nn.Linear(392, 10)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        x = inputs.permute(0, 3, 1, 2)
        # padding="same" in Keras: of an odd number, the greater part goes to the end.
        x = F.pad(x, (0, 1, 0, 1))
        x = F.relu(self.stem(x))
        x = self.norm(x)
        x = self.pool(x)
        x = x.permute(0, 2, 3, 1)
        x = torch.flatten(x, 1)
        x = self.drop(x)
        return F.softmax(self.scores(x), dim=-1)


def load_weights(model: nn.Module, path: str) -> None:
    """Loads the weights that were written together with this file."""
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        state = load_file(path)
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(state)


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return Adam(model.parameters(), lr=0.001, betas=(0.9, 0.999), eps=1e-07)


def compute_loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    # Keras computes this from probabilities, clipped. Scores are more exact: leave the
    # last activation out of the network, and use `F.cross_entropy` alone here.
    scores = outputs.clamp(1e-07, 1.0 - 1e-07).log()
    return F.cross_entropy(scores, targets.flatten().long())


def compute_penalty(model: nn.Module) -> torch.Tensor:
    """What the regularizers of Keras's layers add to the loss."""
    total = 0.01 * model.scores.weight.square().sum()
    return total


@torch.no_grad()
def compute_metrics(
    outputs: torch.Tensor, targets: torch.Tensor
) -> dict[str, torch.Tensor]:
    hits = outputs.argmax(-1) == targets.view(outputs.shape[:-1])
    return {
        "accuracy": hits.float().mean(),
    }


def train_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    inputs: torch.Tensor,
    targets: torch.Tensor,
) -> dict[str, torch.Tensor]:
    outputs = model(inputs)
    loss = compute_loss(outputs, targets) + compute_penalty(model)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {"loss": loss, **compute_metrics(outputs, targets)}


@torch.no_grad()
def evaluate(
    model: nn.Module,
    data: Dataset,
    batch_size: int = 32,
    device: str | torch.device = "cpu",
) -> dict[str, float]:
    """Returns the loss and the metrics, as Keras's `evaluate` does."""
    model.to(device).eval()
    means = Means()
    for inputs, targets in DataLoader(data, batch_size=batch_size):
        inputs, targets = inputs.to(device), targets.to(device)
        outputs = model(inputs)
        loss = compute_loss(outputs, targets) + compute_penalty(model)
        logs = {"loss": loss, **compute_metrics(outputs, targets)}
        means.add(len(inputs), logs)
    return means.result()


def fit(
    model: nn.Module,
    data: Dataset,
    epochs: int = 1,
    batch_size: int = 32,
    shuffle: bool = True,
    validation_data: Dataset | None = None,
    device: str | torch.device | None = None,
) -> dict[str, list[float]]:
    """Trains as Keras's `fit` does, and returns its history.

    An item of the data is one input and one target.
    """
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    model.to(device)
    optimizer = make_optimizer(model)
    loader = DataLoader(data, batch_size=batch_size, shuffle=shuffle)
    history: dict[str, list[float]] = {}
    # EarlyStopping
    best, wait = math.inf, 0
    stop = False
    best_weights = None
    # ReduceLROnPlateau
    best_plateau, plateau = math.inf, 0
    # ModelCheckpoint
    best_saved = math.inf
    for epoch in range(epochs):
        model.train()
        means = Means()
        for inputs, targets in loader:
            inputs, targets = inputs.to(device), targets.to(device)
            logs = train_step(model, optimizer, inputs, targets)
            means.add(len(inputs), logs)
        logs = means.result()
        if validation_data is not None:
            results = evaluate(model, validation_data, batch_size, device)
            logs.update({f"val_{name}": value for name, value in results.items()})
        for name, value in logs.items():
            history.setdefault(name, []).append(value)
        line = " - ".join(f"{name}: {value:.4f}" for name, value in logs.items())
        print(f"Epoch {epoch + 1}/{epochs} - {line}")
        # EarlyStopping
        wait += 1
        if logs["val_loss"] < best:
            best = logs["val_loss"]
            best_weights = copy.deepcopy(model.state_dict())
            wait = 0
        elif wait >= 3 and epoch > 0:
            stop = True
        # ReduceLROnPlateau
        if logs["val_loss"] + 0.0001 < best_plateau:
            best_plateau, plateau = logs["val_loss"], 0
        else:
            plateau += 1
        if plateau >= 2:
            for group in optimizer.param_groups:
                group["lr"] = max(group["lr"] * 0.1, 0.0)
            plateau = 0
        # ModelCheckpoint
        if logs["val_loss"] < best_saved:
            best_saved = logs["val_loss"]
            torch.save(model.state_dict(), "best.pt")
        if stop:
            break
    if best_weights is not None:
        model.load_state_dict(best_weights)
    return history


if __name__ == "__main__":  # on random data
    network = Digits()
    data = TensorDataset(torch.rand(64, 28, 28, 1), torch.randint(10, (64,)))
    fit(network, data, epochs=2)
