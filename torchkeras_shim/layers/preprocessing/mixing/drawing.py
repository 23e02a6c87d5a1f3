"""Random shares."""

from __future__ import annotations

import torch

from torchkeras_shim.core.torch_private import sample_dirichlet


def shares(alpha: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    """Draws shares that sum to one along the last axis, from a Dirichlet distribution.

    Args:
        alpha: The parameters of the distribution.
        generator: What to draw from; torch's global generator by default.
    """
    if alpha.is_meta:  # torch has no such kernel there
        return torch.empty_like(alpha)
    drawn: torch.Tensor = sample_dirichlet(alpha, generator=generator)
    return drawn
