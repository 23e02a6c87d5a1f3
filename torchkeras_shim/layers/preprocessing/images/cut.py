"""What `CenterCrop`, `RandomCrop` and `Resizing` share: a height and a width that images get."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.layers import arguments


def length(owner: Any, name: str, value: Any) -> int:
    """Returns the argument `height` or `width`."""
    return arguments.positive_integer(owner, name, value)


def largest_window(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Returns height and width of the largest window of a wanted shape in the middle of an image, and where it begins.

    Args:
        size: The image's height and width.
        wanted: Height and width whose ratio the window has.

    Example:
        >>> largest_window((8, 12), (2, 2))
        ((8, 8), (0, 2))
    """
    (height, width), (tall, wide) = size, wanted
    rows = max(min(height, int(float(width * tall) / wide)), 1)
    columns = max(min(width, int(float(height * wide) / tall)), 1)
    return (rows, columns), (int((height - rows) / 2), int((width - columns) / 2))
