"""Attention with Keras's sizes and masks."""

# mypy: disable-error-code=no-any-return

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn


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
