"""`RepeatVector`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.input_spec import InputSpec


@LAYERS.register()
class RepeatVector(Layer):
    """Repeats each sample's vector, as the steps of a sequence. The result is a view: no value is copied.

    Args:
        n: How often.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Input shape:
        `(batch, features)`

    Output shape:
        `(batch, n, features)`

    Raises:
        TypeError: If `n` is not an integer.
        ValueError: If `n` is not positive.

    Example:
        >>> RepeatVector(3)(torch.ones(5, 2)).shape
        torch.Size([5, 3, 2])
    """

    _grows_by = ("n",)

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        sentence = "Argument `n` should be a positive integer. Received: n={value}."
        if not arguments.is_integer(n):
            sentence = f"Expected an integer value for `n`, got {type(n)}. Received: n={{value}}."
        self.n = arguments.positive_integer(self, "n", n, sentence, mistyped=TypeError)
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the vectors, repeated."""
        return inputs.unsqueeze(1).expand(-1, self.n, -1)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "n": self.n}
