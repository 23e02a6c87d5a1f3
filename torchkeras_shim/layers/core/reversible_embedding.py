"""`ReversibleEmbedding`."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core import dtypes
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.called import Flags
from torchkeras_shim.layers.core.embedding import Embedding


@LAYERS.register()
class ReversibleEmbedding(Embedding):
    """An `Embedding` that can also turn vectors back into logits over the integers, with `reverse=True`.

    Args:
        input_dim: The number of rows: the largest integer plus one.
        output_dim: The length of the vectors.
        tie_weights: Whether the way back uses the same table, or one of its own.
        embeddings_initializer: How the table starts.
        embeddings_regularizer: A penalty on the table.
        embeddings_constraint: A projection of the table after each update.
        mask_zero: Whether 0 is padding: layers behind then skip those places.
        reverse_dtype: The type to compute the way back in; the compute type by default.
        logit_soft_cap: A bound that the logits approach: `cap * tanh(logits / cap)`.
        **kwargs: Arguments of `Embedding` and of every layer.

    Call arguments:
        inputs: Integers, or vectors of length `output_dim` with `reverse=True`.
        reverse: Which way.

    Example:
        >>> layer = ReversibleEmbedding(10, 4)
        >>> vectors = layer(torch.tensor([[1, 2, 3]]))
        >>> vectors.shape, layer(vectors, reverse=True).shape
        (torch.Size([1, 3, 4]), torch.Size([1, 3, 10]))
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        reverse_dtype: Any = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ) -> None:
        self.__dict__["tie_weights"] = tie_weights  # `build` needs it, which `weights=` runs at once
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
            mask_zero=mask_zero,
            **kwargs,
        )
        self.tie_weights = tie_weights
        self.reverse_dtype = reverse_dtype
        self.logit_soft_cap = logit_soft_cap
        self._reverse_dtype = None if reverse_dtype is None else dtypes.to_torch_dtype(reverse_dtype)

    def build(self, input_shape: Any = None) -> None:
        """Creates the table, and that of the way back if it has one of its own."""
        if self.built:
            return
        super().build(input_shape)
        if not self.tie_weights:
            self.reverse_embeddings = self.add_weight(
                name="reverse_embeddings",
                shape=(self.output_dim, self.input_dim),
                initializer=self.embeddings_initializer,
            )

    def call(self, inputs: torch.Tensor, reverse: bool = False) -> torch.Tensor:
        """Looks the rows up, or returns logits."""
        if reverse:
            return self._logits(inputs)
        outputs = super().call(inputs)
        if self.mask_zero:  # here, because the way back has none
            outputs._keras_mask = torch.ne(inputs, 0)  # type: ignore[attr-defined]
            Flags.masks = True
        return outputs

    def _logits(self, inputs: torch.Tensor) -> torch.Tensor:
        dtype = self._reverse_dtype or self._compute_dtype
        if self.tie_weights:
            logits = F.linear(inputs.to(dtype), self.embeddings.to(dtype))
        else:
            logits = inputs.to(dtype) @ self.reverse_embeddings.to(dtype)
        cap = self.logit_soft_cap
        return logits if cap is None else torch.tanh(logits / cap) * cap

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Returns `None`: `call` attaches the mask itself."""
        return None

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "tie_weights": self.tie_weights,
            "reverse_dtype": self.reverse_dtype,
            "logit_soft_cap": self.logit_soft_cap,
        }
