"""`Embedding`."""

from __future__ import annotations

import warnings
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim import constraints, initializers, regularizers
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.arguments import refuse_quantization
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.low_rank import LowRank
from torchkeras_shim.ops import convert_to_tensor

_INDEX_TYPES = (torch.int32, torch.int64)

_POSITIVE = "`{name}` must be a positive integer. Received: {name}={value}."


@LAYERS.register()
class Embedding(LowRank):
    """Turns non-negative integers into vectors, by looking them up in a trained table.

    Args:
        input_dim: The number of rows: the largest integer plus one.
        output_dim: The length of the vectors.
        embeddings_initializer: How the table starts.
        embeddings_regularizer: A penalty on the table.
        embeddings_constraint: A projection of the table after each update.
        mask_zero: Whether 0 is padding: layers behind then skip those places.
        weights: A table to start with, as an array of shape (input_dim, output_dim).
        lora_rank: If given, the table is frozen, and a product of two weights that have this length in common is added
            to it and trained: LoRA, see `enable_lora`.
        lora_alpha: The strength of that addition, `lora_rank` by default: it is multiplied by `lora_alpha / lora_rank`.
        quantization_config: Not supported, must be `None`.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ... `input_length` is accepted and ignored,
            as in Keras.

    Input shape:
        `(batch, ...)`

    Output shape:
        `(batch, ..., output_dim)`

    Raises:
        ValueError: If a size is not a positive integer.

    Example:
        >>> Embedding(10, 4)(torch.tensor([[1, 2, 0]])).shape
        torch.Size([1, 3, 4])
    """

    _treats_samples_alone = True
    _adapts = "embeddings"

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        input_dim = arguments.positive_integer(self, "input_dim", input_dim, _POSITIVE)
        output_dim = arguments.positive_integer(self, "output_dim", output_dim, _POSITIVE)
        if kwargs.pop("input_length", None) is not None:
            warnings.warn("Argument `input_length` is deprecated. Just remove it.", stacklevel=2)
        refuse_quantization("Embedding", quantization_config)
        super().__init__(lora_rank=lora_rank, lora_alpha=lora_alpha, **kwargs)
        self.input_dim = input_dim
        self.output_dim = output_dim
        self.embeddings_initializer = arguments.known(
            self, "embeddings_initializer", initializers, embeddings_initializer
        )
        self.embeddings_regularizer = arguments.known(
            self, "embeddings_regularizer", regularizers, embeddings_regularizer
        )
        self.embeddings_constraint = arguments.known(self, "embeddings_constraint", constraints, embeddings_constraint)
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.autocast = False  # integers that come as floats keep their values in every type
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape: Any = None) -> None:
        """Creates the table; it does not depend on the inputs."""
        if self.built:
            return
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.input_dim, self.output_dim),
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
        )
        self._adapt_if_asked()

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Looks the rows up."""
        if inputs.dtype not in _INDEX_TYPES:
            inputs = inputs.to(torch.int32)
        try:
            outputs = F.embedding(inputs, self.embeddings)
        except IndexError as error:  # on the CPU; a CUDA device reports it by itself
            raise IndexError(
                f"Layer '{self.name}' has {self.input_dim} rows, for the integers 0 to {self.input_dim - 1}, but "
                f"received integers from {int(inputs.min())} to {int(inputs.max())}. Create it with a larger "
                "`input_dim` (the vocabulary size), or clip the inputs."
            ) from error
        dtype = self._compute_dtype
        return outputs if outputs.dtype is dtype else outputs.to(dtype)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Returns where the inputs are not 0, if 0 is padding."""
        return torch.ne(convert_to_tensor(inputs), 0) if self.mask_zero else None

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "mask_zero": self.mask_zero,
            "quantization_config": None,
        }
