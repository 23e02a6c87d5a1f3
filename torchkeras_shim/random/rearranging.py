"""Chance applied to values that are there: some dropped, or all in another order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core.seeding import Seed, check_seed, generator_for
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_float, as_tensor
from torchkeras_shim.random.masks import keep_mask

__all__ = ["dropout", "shuffle"]


@op
def dropout(inputs: Any, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Seed = None) -> Any:
    """Sets a random share of values to zero, and enlarges the others so that the sum stays the same on average.

    Args:
        inputs: A tensor.
        rate: The share, between 0 and 1.
        noise_shape: The shape of the mask, which broadcasts: 1 where one decision counts for a whole axis, `None` for
            the size of `inputs`.
        seed: An integer for the same values at every call, a `SeedGenerator`, or `None`.

    Raises:
        ValueError: If the rate or the seed is not valid, or the mask does not fit.

    Example:
        >>> dropout(torch.ones(3), 0.0)
        tensor([1., 1., 1.])
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"`rate` must be a number between 0 and 1. Received: rate={rate}")
    check_seed(seed)
    x = as_float(inputs)
    if rate == 0:
        return x
    if rate == 1:
        return torch.zeros_like(x)
    if seed is None and noise_shape is None and not x.is_cpu:
        return F.dropout(x, rate, training=True)
    shape = None
    if noise_shape is not None:
        if len(noise_shape) != x.dim() or any(n not in (None, 1, m) for n, m in zip(noise_shape, x.shape, strict=True)):
            raise ValueError(
                "`noise_shape` must have 1, None or the input's size for each axis. "
                f"Received: noise_shape={tuple(noise_shape)}, inputs.shape={tuple(x.shape)}"
            )
        shape = torch.Size(m if n is None else n for n, m in zip(noise_shape, x.shape, strict=True))
    return x * keep_mask(x, 1 - rate, generator_for(seed, x.device), shape).div_(1 - rate)


@op
def shuffle(x: Any, axis: int = 0, seed: Seed = None) -> Any:
    """Returns the slices along an axis in random order.

    Args:
        x: A tensor.
        axis: The axis.
        seed: An integer for the same order at every call, a `SeedGenerator`, or `None`.

    Raises:
        ValueError: If the seed is not valid.

    Example:
        >>> sorted(shuffle([1, 2, 3]).tolist())
        [1, 2, 3]
    """
    x = as_tensor(x)
    order = torch.randperm(x.shape[axis], device=x.device, generator=generator_for(seed, x.device))
    return x.index_select(axis, order)
