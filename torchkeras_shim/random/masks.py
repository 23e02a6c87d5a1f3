"""Masks of what dropout keeps."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def keep_mask(
    like: torch.Tensor,
    keep: float,
    generator: torch.Generator | None = None,
    shape: Sequence[int] | None = None,
    dtype: torch.dtype | None = None,
) -> torch.Tensor:
    """Returns ones with probability `keep`, and zeros.

    On the CPU uniform numbers are drawn and compared: torch's `bernoulli_` takes four times as long there.

    Args:
        like: The tensor that is to be masked: its shape, memory layout, type and device are the mask's.
        keep: The probability of a one.
        generator: What to draw from; torch's global generator by default.
        shape: Another shape.
        dtype: Another type.
    """
    dtype = like.dtype if dtype is None else dtype
    drawn_as = torch.float32 if like.is_cpu else dtype
    if shape is None:
        mask = torch.empty_like(like, dtype=drawn_as, requires_grad=False)
    else:
        mask = torch.empty(tuple(shape), dtype=drawn_as, device=like.device)
    if not like.is_cpu:
        return mask.bernoulli_(keep, generator=generator)
    mask.uniform_(generator=generator).lt_(keep)
    return mask if dtype is torch.float32 else mask.to(dtype)
