"""What cropping and padding share: amounts for both ends of each spatial dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torchkeras_shim.layers.arguments import is_integer, plain
from torchkeras_shim.ops.windows import standardize_tuple

_ORDINALS = ("1st", "2nd", "3rd")


def standardize_amounts(value: Any, rank: int, name: str) -> tuple[tuple[int, ...], ...]:
    """Returns a pair of amounts per spatial dimension for an argument in any of Keras's forms.

    Args:
        value: One number, one number or pair per dimension.
        rank: The number of spatial dimensions.
        name: The argument's name in messages.

    Raises:
        ValueError: If it is anything else, or an amount is negative.

    Example:
        >>> standardize_amounts(((1, 2), 3), 2, "cropping")
        ((1, 2), (3, 3))
    """
    value = plain(value)
    if is_integer(value):
        if value < 0:
            raise ValueError(f"`{name}` cannot be negative. Received: {name}={value!r}.")
        return ((value, value),) * rank
    if not isinstance(value, (list, tuple)):
        raise ValueError(
            f"`{name}` should be either an int, a tuple of {rank} ints, or a tuple of {rank} tuples of 2 ints, such as "
            f"{name}={((1, 1),) * rank}. Received: {name}={value!r}."
        )
    if len(value) != rank:
        raise ValueError(f"`{name}` should have {rank} elements. Received: {name}={value!r}.")
    return tuple(
        standardize_tuple(pair, 2, f"{ordinal} entry of {name}", allow_zero=True)
        for pair, ordinal in zip(value, _ORDINALS[:rank], strict=True)
    )


def spatial_axes(rank: int, data_format: str) -> Sequence[int]:
    """Returns the axes of the spatial dimensions."""
    first = 1 if data_format == "channels_last" else 2
    return range(first, first + rank)
