"""The axes that a layer normalizes along, in the shape of its inputs."""

from __future__ import annotations

from typing import Any


def within(layer: Any, input_shape: Any) -> list[int]:
    """Returns a layer's axes in rising order.

    Raises:
        ValueError: If the inputs do not have one of them.
    """
    rank = len(input_shape)
    axes = [layer.axis] if isinstance(layer.axis, int) else sorted(layer.axis)
    for axis in axes:
        if not -rank <= axis < rank:
            raise ValueError(
                f"Layer '{layer.name}': axis {axis} is out of bounds for input shape {tuple(input_shape)}. "
                f"Received: axis={layer.axis}"
            )
    return axes
