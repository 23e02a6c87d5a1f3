"""What a symbolic tensor is computed from."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.layers import InputLayer


def get_source_inputs(tensor: Any) -> Any:
    """Returns the inputs that a symbolic tensor is computed from.

    Args:
        tensor: The tensor. Anything that was not computed from others is returned as it is.

    Example:
        >>> from torchkeras_shim import layers
        >>> x, y = layers.Input((3,), name="x"), layers.Input((3,), name="y")
        >>> [source.name for source in get_source_inputs(layers.Dense(2)(x + y))]
        ['x', 'y']
    """
    if not isinstance(tensor, KerasTensor) or tensor._keras_history is None:
        return tensor
    sources: dict[int, KerasTensor] = {}
    met: set[int] = set()
    ahead = [tensor]
    while ahead:
        at = ahead.pop()
        history = at._keras_history
        if history is None or isinstance(history.operation, InputLayer):
            sources.setdefault(id(at), at)
            continue
        node = history.operation._inbound_nodes[history.node_index]
        if id(node) not in met:
            met.add(id(node))
            ahead.extend(reversed(node.input_tensors))
    return list(sources.values())
