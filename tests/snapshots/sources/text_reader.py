"""A Keras model as PyTorch code."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset


class MultiHeadAttention(nn.Module):
    """Keras's attention of several heads.

    `nn.MultiheadAttention` divides the width of its inputs among the heads; here the
    size of a head is free, and several heads may share keys and values (`groups`).
    A mask is True for what may be seen, and broadcasts to (batch, heads, targets,
    sources).
    """

    def __init__(
        self,
        query_size: int,
        value_size: int,
        heads: int,
        key_dim: int,
        *,
        key_size: int | None = None,
        value_dim: int | None = None,
        output_size: int | None = None,
        groups: int | None = None,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.heads, self.groups = heads, groups or heads
        value_dim = value_dim or key_dim
        self.query = nn.Linear(query_size, heads * key_dim, bias)
        self.key = nn.Linear(key_size or value_size, self.groups * key_dim, bias)
        self.value = nn.Linear(value_size, self.groups * value_dim, bias)
        self.output = nn.Linear(heads * value_dim, output_size or query_size, bias)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        query: torch.Tensor,
        value: torch.Tensor,
        key: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
        causal: bool = False,
        return_scores: bool = False,
    ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        q = self.split(self.query(query), self.heads)
        k = self.split(self.key(value if key is None else key), self.groups)
        v = self.split(self.value(value), self.groups)
        if mask is None and not return_scores and not self.dropout.p:
            x = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
            return self.output(x.transpose(1, 2).flatten(2))
        if causal:
            places = (q.size(2), k.size(2))
            past = torch.ones(places, dtype=torch.bool, device=q.device).tril()
            mask = past if mask is None else mask & past
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.size(-1))
        if mask is not None:
            scores = scores.where(mask, -1e9)
        weights = scores.softmax(-1)
        if mask is not None and (return_scores or self.dropout.p):
            weights = weights.where(mask, 0.0)
        x = self.dropout(weights) @ v
        x = self.output(x.transpose(1, 2).flatten(2))
        return (x, weights) if return_scores else x

    def split(self, x: torch.Tensor, heads: int) -> torch.Tensor:
        """Returns (batch, heads, places, size of a head), all heads of them."""
        x = x.view(*x.shape[:-1], heads, -1).transpose(1, 2)
        return x.repeat_interleave(self.heads // heads, 1)


class AdamW(torch.optim.AdamW):
    """AdamW as Keras has it: epsilon is added before the second moment is corrected.

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


class TextReader(nn.Module):
    """The network of a Keras model.

    Its initial weights are torch's, which differ from Keras's: `load_weights` brings
    those that the model had.
    """

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(1000, 16)
        self.attention = MultiHeadAttention(16, 16, heads=2, key_dim=8)
        # Keras's epsilon; torch's default is 1e-05.
        self.norm = nn.LayerNorm(16, eps=0.001)
        # Keras's `reset_after=True`. The weights are in torch's order of gates: r, z, n.
        self.reader = nn.GRU(16, 8, batch_first=True, bidirectional=True)
        self.answer = nn.Linear(16, 1)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        embedding = self.embedding(words)
        mask = words != 0
        unsqueeze = mask.unsqueeze(-1)
        x = mask.unsqueeze(-2)
        x = torch.logical_and(unsqueeze, x)
        x = x.unsqueeze(1)
        x = self.attention(embedding, embedding, mask=x)
        x = embedding + x
        x = self.norm(x)
        _, hidden = self.reader(x)
        x = torch.unbind(hidden, 0)
        x = torch.cat(x, -1)
        return self.answer(x)


def load_weights(model: nn.Module, path: str) -> None:
    """Loads the weights that were written together with this file."""
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        state = load_file(path)
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(state)


def learning_rate(step: int) -> float:
    if step < 100:
        return 0.0 + 0.001 * step / 100
    share = min((step - 100) / 1000, 1.0)
    return 0.0005 * (1.0 + math.cos(math.pi * share))


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    # The rate is 1 times `learning_rate(step)`, see `fit`.
    return AdamW(
        model.parameters(), lr=1.0, betas=(0.9, 0.999), eps=1e-07, weight_decay=0.004
    )


def compute_loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    targets = targets.view_as(outputs).to(outputs.dtype)
    return F.binary_cross_entropy_with_logits(outputs, targets)


def train_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    inputs: torch.Tensor,
    targets: torch.Tensor,
) -> dict[str, torch.Tensor]:
    outputs = model(inputs)
    loss = compute_loss(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return {"loss": loss}


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
        loss = compute_loss(outputs, targets)
        logs = {"loss": loss}
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
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, learning_rate)
    loader = DataLoader(data, batch_size=batch_size, shuffle=shuffle)
    history: dict[str, list[float]] = {}
    for epoch in range(epochs):
        model.train()
        means = Means()
        for inputs, targets in loader:
            inputs, targets = inputs.to(device), targets.to(device)
            logs = train_step(model, optimizer, inputs, targets)
            scheduler.step()
            means.add(len(inputs), logs)
        logs = means.result()
        if validation_data is not None:
            results = evaluate(model, validation_data, batch_size, device)
            logs.update({f"val_{name}": value for name, value in results.items()})
        for name, value in logs.items():
            history.setdefault(name, []).append(value)
        line = " - ".join(f"{name}: {value:.4f}" for name, value in logs.items())
        print(f"Epoch {epoch + 1}/{epochs} - {line}")
    return history


if __name__ == "__main__":  # on random data
    network = TextReader()
    data = TensorDataset(torch.randint(2, (64, 8)), torch.randint(2, (64, 1)).float())
    fit(network, data, epochs=2)
