"""`GroupedQueryAttention`."""

from __future__ import annotations

from typing import Any

from torchkeras_shim import regularizers
from torchkeras_shim.core.tables import PUBLIC_NAMES
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.attention.multi_head_base import HeadsOfAttention, check_sources
from torchkeras_shim.layers.base import LAYERS


@LAYERS.register("GroupQueryAttention")
class GroupedQueryAttention(HeadsOfAttention):
    """Grouped-query attention, Ainslie 2023: several query heads share a key and value head.

    `torch.nn.functional.scaled_dot_product_attention` computes it, unless there is dropout or the scores are wanted.

    Args:
        head_dim: The width of a head.
        num_query_heads: The number of query heads.
        num_key_value_heads: The number of key and value heads; it divides `num_query_heads`.
        dropout: The share of the attention that training drops.
        use_bias: Whether the projections have biases.
        sliding_window: How near a source must be to be seen; no limit by default.
        flash_attention: `True` insists on torch's flash kernel, `False` forbids it, `None` lets torch choose.
        kernel_initializer: How the kernels start.
        bias_initializer: How the biases start.
        kernel_regularizer: A penalty on the kernels.
        bias_regularizer: A penalty on the biases.
        activity_regularizer: A penalty on the outputs of the projections.
        kernel_constraint: A projection of the kernels after each update.
        bias_constraint: A projection of the biases after each update.
        use_gate: Whether a sigmoid of the query gates the heads.
        seed: A seed of the dropout's own; torch's global generator by default.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If a size is not valid, or an argument is not supported.

    Example:
        >>> import torch
        >>> GroupedQueryAttention(3, 4, 2)(torch.ones(1, 5, 4), torch.ones(1, 6, 4)).shape
        torch.Size([1, 5, 4])
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        head_dim = arguments.positive_integer(self, "head_dim", head_dim)
        num_query_heads = arguments.positive_integer(self, "num_query_heads", num_query_heads)
        num_key_value_heads = arguments.positive_integer(self, "num_key_value_heads", num_key_value_heads)
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                "`num_query_heads` must be divisible by `num_key_value_heads`. Received: "
                f"num_query_heads={num_query_heads}, num_key_value_heads={num_key_value_heads}"
            )
        super().__init__(**kwargs)
        self._set_up(
            dropout,
            seed,
            use_bias,
            use_gate,
            sliding_window,
            flash_attention,
            {
                "kernel_initializer": kernel_initializer,
                "bias_initializer": bias_initializer,
                "kernel_regularizer": kernel_regularizer,
                "bias_regularizer": bias_regularizer,
                "kernel_constraint": kernel_constraint,
                "bias_constraint": bias_constraint,
            },
        )
        self.activity_regularizer_of_parts = arguments.known(
            self, "activity_regularizer", regularizers, activity_regularizer
        )
        self.head_dim = head_dim
        self.num_query_heads = num_query_heads
        self.num_key_value_heads = num_key_value_heads

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:  # type: ignore[override]
        """Creates the projections."""
        key_shape = self._note_shapes(query_shape, value_shape, key_shape)
        queries, shared = (self.num_query_heads, self.head_dim), (self.num_key_value_heads, self.head_dim)
        self._query_dense = self._projection("query", 1, queries, query_shape)
        self._key_dense = self._projection("key", 1, shared, key_shape)
        if self._use_gate:
            self._gate_dense = self._projection("gate", 1, queries, query_shape, "sigmoid")
        self._value_dense = self._projection("value", 1, shared, value_shape)
        inner = (*query_shape[:-1], *queries)
        self._make_dropout()
        self._output_dense = self._projection("attention_output", 2, (query_shape[-1],), inner)

    def compute_output_shape(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> Any:
        """Returns the output shape."""
        if query_shape[-1] != value_shape[-1]:
            raise ValueError(
                "The last dimension of `query_shape` and `value_shape` must be equal, but are "
                f"{query_shape[-1]}, {value_shape[-1]}. Received: query_shape={query_shape}, value_shape={value_shape}"
            )
        check_sources(value_shape, key_shape)
        return tuple(query_shape)

    def _heads(self) -> int:
        return self.num_query_heads

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            **self._option_config(),
            "head_dim": self.head_dim,
            "num_query_heads": self.num_query_heads,
            "num_key_value_heads": self.num_key_value_heads,
        }


GroupQueryAttention = GroupedQueryAttention
PUBLIC_NAMES[GroupedQueryAttention] = ("keras.layers", "GroupQueryAttention")
