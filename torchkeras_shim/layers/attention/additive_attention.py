"""`AdditiveAttention`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.layers.attention.attention import Attention
from torchkeras_shim.layers.base import LAYERS


@LAYERS.register()
class AdditiveAttention(Attention):
    """Additive attention, Bahdanau 2014: scores are `tanh(query + key)`, weighted and summed over features.

    Args:
        use_scale: Whether the weights of the sum are trained.
        dropout: The share of the attention that training drops.
        **kwargs: `seed`, and the arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> AdditiveAttention()([torch.ones(1, 2, 4), torch.ones(1, 3, 4)]).shape
        torch.Size([1, 2, 4])
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Creates the weights of the sum."""
        self._check(input_shape)
        width = input_shape[0][-1]
        self.scale = None
        if self.use_scale:
            self.scale = self.add_weight(name="scale", shape=(width,), initializer="glorot_uniform")

    def _calculate_scores(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        both = (query.unsqueeze(-2) + key.unsqueeze(-3)).tanh()
        return (both if self.scale is None else self.scale * both).sum(-1)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = super().get_config()
        del config["score_mode"]
        return config
