"""One seed for everything that draws random numbers."""

from __future__ import annotations

import random

import numpy as np
import torch


def set_random_seed(seed: int) -> None:
    """Seeds Python's, numpy's and torch's random numbers, on every device.

    Args:
        seed: An integer.

    Raises:
        ValueError: If it is anything else.

    Example:
        >>> set_random_seed(812)
        >>> first = torch.rand(3)
        >>> set_random_seed(812)
        >>> torch.equal(first, torch.rand(3))
        True
    """
    if not isinstance(seed, int):
        raise ValueError(f"Expected `seed` argument to be an integer. Received: seed={seed} (of type {type(seed)})")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
