"""What the training loop of a file is made of, beside what the model decides."""

from __future__ import annotations

import torch
from torch import nn


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


def load_weights(model: nn.Module, path: str) -> None:
    """Loads the weights that were written together with this file."""
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        state = load_file(path)
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(state)
