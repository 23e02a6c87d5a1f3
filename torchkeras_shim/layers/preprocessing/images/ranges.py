"""The range of values that pixels have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.layers import arguments

#: The values that the formulas of several layers are made for.
BYTES = (0, 255)


def value_range_of(owner: Any, value: Any, any_order: bool = False) -> Sequence[float]:
    """Returns the argument `value_range`: the least and the greatest value of a pixel.

    Args:
        owner: The layer.
        value: What it was given.
        any_order: Whether the greater one may come first. The result is a list in order then, and otherwise what was
            given.

    Raises:
        ValueError: If it is not two numbers, the smaller one first.
    """
    pair = list(value) if isinstance(value, (tuple, list)) else []
    if len(pair) == 2 and all(map(arguments.is_number, pair)):
        found: Sequence[float] = sorted(map(arguments.plain, pair)) if any_order else value
        if found[0] < found[1]:
            return found
    sentence = "The `value_range` argument should be a list of two numbers. Received: {name}={value}."
    expected = "two different numbers" if any_order else "two numbers, the smaller one first,"
    raise arguments.refusal(owner, "value_range", value, expected, sentence)


def rescaled(images: torch.Tensor, source: Any, target: Any) -> torch.Tensor:
    """Moves pixels from one range of values to another, step by step as Keras does.

    Example:
        >>> rescaled(torch.tensor([0.0, 255.0]), (0, 255), (-1, 1))
        tensor([-1.,  1.])
    """
    if tuple(source) == tuple(target):
        return images
    (low, high), (first, last) = source, target
    moved: torch.Tensor = (images - low) / (high - low) * (last - first) + first
    return moved
