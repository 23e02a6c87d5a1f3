"""`CategoryEncoding`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing import encoding
from torchkeras_shim.layers.preprocessing.data_layer import DataLayer


@LAYERS.register()
class CategoryEncoding(DataLayer):
    """Turns categories, numbered from 0, into vectors. Numbers that are not categories count for nothing.

    Args:
        num_tokens: How many categories there are.
        output_mode: `"multi_hot"` for one vector per sample with ones for all its categories, `"one_hot"` for one
            vector per category, `"count"` for the number of times that each category occurs in a sample.
        sparse: Whether the result is a sparse tensor.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Call arguments:
        inputs: Integers, `(samples, categories per sample)`, or one sample.
        count_weights: What each counts for in the mode `"count"`.

    Raises:
        ValueError: If `num_tokens` is missing or less than 1, or the mode is not known.

    Example:
        >>> CategoryEncoding(num_tokens=4, output_mode="multi_hot")([[0, 1], [3, 3]])
        tensor([[1., 1., 0., 0.],
                [0., 0., 0., 1.]])
    """

    _grows_by = ("num_tokens",)
    _mask_is_of_first = True
    _absent = -1

    def __init__(
        self, num_tokens: int | None = None, output_mode: str = "multi_hot", sparse: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        output_mode = "multi_hot" if output_mode == "binary" else output_mode
        if output_mode not in ("count", "one_hot", "multi_hot"):
            raise ValueError(f"Unknown arg for output_mode: {output_mode}. Expected 'multi_hot', 'one_hot' or 'count'.")
        if num_tokens is None:
            raise ValueError(
                "num_tokens must be set to use this layer. If the number of tokens is not known beforehand, use the "
                "IntegerLookup layer instead. Received: num_tokens=None"
            )
        sentence = "`num_tokens` must be >= 1. Received: num_tokens={value}."
        self.num_tokens = arguments.positive_integer(self, "num_tokens", num_tokens, sentence)
        self.output_mode = output_mode
        self.sparse = sparse

    def call(self, inputs: torch.Tensor, count_weights: Any = None) -> torch.Tensor:
        """Returns the vectors."""
        if count_weights is not None:
            self._check_weights(count_weights)
            count_weights = torch.as_tensor(count_weights, device=inputs.device).to(self._compute_dtype)
        return encoding.encode(
            inputs, self.output_mode, self.num_tokens, self._compute_dtype, self.sparse, count_weights
        )

    def _check_weights(self, count_weights: Any) -> None:
        if self.output_mode != "count":
            raise ValueError(
                "`count_weights` is not used when `output_mode` is not `'count'`. "
                f"Received `count_weights={count_weights}`."
            )

    def compute_output_spec(self, inputs: KerasTensor, count_weights: Any = None) -> Any:
        """Returns the symbolic result."""
        encoding.check_symbolic(self, self.sparse)
        if count_weights is not None:
            self._check_weights(count_weights)
        return KerasTensor(encoding.encoded_shape(inputs.shape, self.output_mode, self.num_tokens), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = {**super().get_config(), "num_tokens": self.num_tokens, "output_mode": self.output_mode}
        return {**config, "sparse": True} if self.sparse else config  # Keras leaves it out
