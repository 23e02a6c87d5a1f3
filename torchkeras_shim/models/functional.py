"""`Functional`: a model made of symbolic inputs and outputs."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.masks import carrying
from torchkeras_shim.models.model import Model


@LAYERS.register()
class Functional(Model):
    """What `Model(inputs, outputs)` makes: a graph of layers, run as straight-line code.

    Args:
        inputs: A `KerasTensor`, or a structure of them.
        outputs: A `KerasTensor`, or a structure of them, made from the inputs by layers and functions.
        name: The name.
        trainable: Whether training changes the weights.

    Example:
        >>> import torch
        >>> from torchkeras_shim import Input, layers
        >>> x = Input((4,))
        >>> model = Model(x, layers.Dense(2)(x) + 1.0)
        >>> model(torch.zeros(3, 4)).shape
        torch.Size([3, 2])
    """

    _leaves_types_to_members = True

    def forward(self, inputs: Any, mask: Any = None) -> Any:
        """Runs the graph."""
        if mask is not None:
            inputs = carrying(inputs, mask)
        return self._graph(inputs)  # type: ignore[misc]  # a functional model has one

    forward.runs_graph = True  # type: ignore[attr-defined]

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Runs the graph; Keras's name of `forward`."""
        return type(self).forward(self, inputs, mask)
