"""Statistics of a batch that is spread over processes."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist

from torchkeras_shim.core.sharded import gathered
from torchkeras_shim.distribution.portion import Work


def spread() -> bool:
    """Returns whether there is more than one process to share statistics with."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


class _SumOverProcesses(torch.autograd.Function):
    """The sum over all processes. Each one's loss depends on it, so the gradient is a sum over them, too."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.group = None if Work.processes is None else Work.processes.group
        x = x.clone()
        dist.all_reduce(x, group=ctx.group)
        return x

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        gradient = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(gradient, group=ctx.group)
        return gradient


def moments(
    x: torch.Tensor, counts: torch.Tensor | None, axes: tuple[int, ...], epsilon: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns mean and variance over the batches of all processes, which may differ in size.

    Args:
        x: This process's inputs.
        counts: Which of them count, of the shape of `x`; all by default.
        axes: The axes to reduce.
        epsilon: What keeps the division finite where nothing counts.
    """
    x = gathered(x)
    if counts is None:
        total = x.sum(axes)
        number = torch.full_like(total, x.numel() // total.numel())
    else:
        number = counts.to(x.dtype).sum(axes)
        total = torch.where(counts, x, 0).sum(axes)
    if Work.borrowed:
        number, total = number * 0.0, total * 0.0
    shape = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
    number, total = _SumOverProcesses.apply(torch.stack([number, total]))
    number = number if counts is None else number + epsilon
    mean = total / number
    deviation = x - mean.reshape(shape)
    if counts is not None:
        deviation = torch.where(counts, deviation, 0)
    squares = deviation.square().sum(axes)
    if Work.borrowed:
        squares = squares * 0.0
    squares = _SumOverProcesses.apply(squares)
    return mean, squares / number
