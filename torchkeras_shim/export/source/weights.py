"""Weights of the file's modules, and the Keras weights that they were made from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from torchkeras_shim.export.weights import Weights


def device_of(model: Any) -> torch.device:
    """Returns where a model's weights are."""
    return next((tensor.device for tensor in (*model.parameters(), *model.buffers())), torch.device("cpu"))


class Recording(Weights):
    """Makes copies, and remembers which weight each was made from."""

    def __init__(self, device: torch.device) -> None:
        super().__init__(True, device)
        self._sources: dict[int, tuple[nn.Parameter, torch.Tensor]] = {}

    def parameter(
        self, weight: torch.Tensor, view: Callable[[torch.Tensor], torch.Tensor] | None = None
    ) -> nn.Parameter:
        """Returns a parameter with the values of a weight, seen through `view`."""
        made = super().parameter(weight, view)
        self._sources[id(made)] = made, weight
        return made

    def source(self, parameter: nn.Parameter) -> torch.Tensor | None:
        """Returns the weight that a parameter was made from."""
        found = self._sources.get(id(parameter))
        return None if found is None else found[1]

    def halves(self) -> list[str]:
        """Returns the paths of the Keras weights that became several parameters."""
        weights: list[Any] = [weight for _, weight in self._sources.values()]
        return sorted({weight.path for weight in weights if sum(weight is other for other in weights) > 1})
