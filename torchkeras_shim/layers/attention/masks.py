"""Which places may look at which."""

from __future__ import annotations

import math
from typing import Any

import torch


def causal(targets: int, sources: int, device: Any) -> torch.Tensor:
    """True where a source is not behind the target, shape (1, targets, sources)."""
    return torch.ones(1, targets, sources, dtype=torch.bool, device=device).tril()


def sliding(targets: int, sources: int, window: int, device: Any) -> torch.Tensor:
    """True where a source is less than `window` away from the target, shape (1, targets, sources)."""
    return causal(targets, sources, device).new_ones(1, targets, sources).tril(window - 1).triu(1 - window)


def merged(
    query: torch.Tensor,
    value: torch.Tensor,
    query_mask: Any,
    value_mask: Any,
    key_mask: Any,
    attention_mask: Any,
    use_causal_mask: bool,
    sliding_window: int | None,
) -> torch.Tensor | None:
    """Returns all masks as one, broadcast to (batch, targets, sources), or `None` if there is none."""
    parts = []
    device = query.device
    if query_mask is not None:
        parts.append(as_bool(query_mask, device).unsqueeze(-1))
    parts.extend(as_bool(mask, device).unsqueeze(-2) for mask in (value_mask, key_mask) if mask is not None)
    if use_causal_mask:
        parts.append(causal(query.shape[1], value.shape[1], device))
    if sliding_window is not None:
        parts.append(sliding(query.shape[1], value.shape[1], sliding_window, device))
    if attention_mask is not None:
        parts.append(as_bool(attention_mask, device))
    result: torch.Tensor | None = None
    for part in parts:
        result = part if result is None else result & part
    return result


def flattened(mask: torch.Tensor, lead: int, targets: list[int], sources: list[int], name: str) -> torch.Tensor:
    """Returns a mask whose target and source axes are one axis each, with room for all axes in front of them.

    Args:
        mask: Of shape (batch, ..., targets..., sources...), or broadcast to it.
        lead: How many axes there are in front of the targets.
        targets: The sizes of the targets' axes.
        sources: The sizes of the sources' axes.
        name: The layer's name, for the message.

    Raises:
        ValueError: If the mask does not fit.
    """
    own = len(targets) + len(sources)
    try:
        mask = mask.reshape(*[1] * (own - mask.ndim), *mask.shape)
        while mask.ndim < lead + own:
            mask = mask.unsqueeze(-own - 1)
        mask = mask.expand(*mask.shape[: mask.ndim - own], *targets, *sources)
    except RuntimeError as error:
        raise ValueError(
            f"Layer '{name}': the mask does not fit. Expected the shape (batch, *{tuple(targets)}, *{tuple(sources)}): "
            f"targets, then sources. Received, all masks merged: {tuple(mask.shape)}"
        ) from error
    return mask.reshape(*mask.shape[: mask.ndim - own], math.prod(targets), math.prod(sources))


def as_bool(mask: Any, device: Any) -> torch.Tensor:
    """Returns a mask as booleans on a device."""
    return torch.as_tensor(mask).to(device, torch.bool)
