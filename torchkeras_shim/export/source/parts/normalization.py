"""Batch normalization with Keras's moving variance."""

# `BiasedVariance` stands before classes that it does not name.
# mypy: ignore-errors

from __future__ import annotations

import torch
from torch import nn

NEEDS = {f"BatchNorm{rank}d": ("BiasedVariance",) for rank in (1, 2, 3)}


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


class BatchNorm1d(BiasedVariance, nn.BatchNorm1d):
    """`nn.BatchNorm1d` with Keras's moving variance."""


class BatchNorm2d(BiasedVariance, nn.BatchNorm2d):
    """`nn.BatchNorm2d` with Keras's moving variance."""


class BatchNorm3d(BiasedVariance, nn.BatchNorm3d):
    """`nn.BatchNorm3d` with Keras's moving variance."""
