"""Batch renormalization (Ioffe, 2017): corrections that make training use what inference will use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch


def root_of(initializer: Any) -> Callable[..., torch.Tensor]:
    """Returns an initializer of standard deviations that belongs to one of variances."""

    def initialize(shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        return torch.sqrt(initializer(shape, dtype=dtype))

    return initialize


def follow(moving: torch.Tensor, value: torch.Tensor, momentum: float) -> None:
    """Moves a statistic towards the batch's. Autograd does not hear of it, see `BatchNormalization._normalize`."""
    moving.data.copy_(moving.detach().to(value.dtype) * momentum + value * (1.0 - momentum))


def corrections(layer: Any, mean: torch.Tensor, variance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns scale and shift that lead from the batch's normalization to that by the moving statistics."""
    deviation = torch.sqrt(variance + layer.epsilon)
    moving = layer.renorm_stddev.detach().to(mean.dtype).clamp_min(layer.epsilon**0.5)
    ratio = deviation / moving
    offset = (mean - layer.renorm_mean.detach().to(mean.dtype)) / moving
    limits = layer.renorm_clipping
    if "rmin" in limits or "rmax" in limits:
        ratio = ratio.clamp(limits.get("rmin"), limits.get("rmax"))
    if limits.get("dmax") is not None:
        offset = offset.clamp(-limits["dmax"], limits["dmax"])
    return ratio, offset


def update(layer: Any, mean: torch.Tensor, variance: torch.Tensor) -> None:
    """Moves all statistics. The moving deviation is the one that moves; the variance follows from it."""
    deviation = torch.sqrt(variance + layer.epsilon)
    follow(layer.renorm_mean, mean, layer.renorm_momentum)
    follow(layer.renorm_stddev, deviation, layer.renorm_momentum)
    follow(layer.moving_mean, mean, layer.momentum)
    follow(layer.moving_stddev, deviation, layer.momentum)
    moved = layer.moving_stddev.detach().to(mean.dtype)
    layer.moving_variance.data.copy_(torch.relu(moved * moved - layer.epsilon))
