"""`MultiHeadAttention`."""

from __future__ import annotations

from typing import Any

from torchkeras_shim import regularizers
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.attention.multi_head_base import HeadsOfAttention, check_sources
from torchkeras_shim.layers.base import LAYERS


@LAYERS.register()
class MultiHeadAttention(HeadsOfAttention):
    """Multi-head attention, Vaswani 2017.

    `torch.nn.functional.scaled_dot_product_attention` computes it, unless there is dropout or the scores are wanted.

    Args:
        num_heads: The number of heads.
        key_dim: The width of a head's queries and keys.
        value_dim: The width of a head's values; `key_dim` by default.
        dropout: The share of the attention that training drops.
        use_bias: Whether the projections have biases.
        output_shape: The sizes of the outputs' last dimensions; those of the query by default.
        attention_axes: The axes that attention runs over; all between batch and features by default. Query and value
            have the same sizes along the others.
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
        >>> MultiHeadAttention(2, 3)(torch.ones(1, 5, 4), torch.ones(1, 6, 4)).shape
        torch.Size([1, 5, 4])
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
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
        sentence = (
            "Received an invalid value for argument `{name}`, expected a positive integer. Received: {name}={value}."
        )
        num_heads = arguments.positive_integer(self, "num_heads", num_heads, sentence)
        key_dim = arguments.positive_integer(self, "key_dim", key_dim, sentence)
        if value_dim is not None:
            value_dim = arguments.positive_integer(self, "value_dim", value_dim, sentence)
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
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = value_dim or key_dim
        sizes = (output_shape,) if arguments.is_integer(output_shape) else output_shape or ()
        self._output_sizes = arguments.shape(self, "output_shape", sizes) or None
        if attention_axes is not None:
            sentence = "`attention_axes` must be an int, list, or tuple. Received: attention_axes={value}."
            axes = arguments.axes(self, "attention_axes", attention_axes, sentence, ValueError)
            attention_axes = (axes,) if isinstance(axes, int) else tuple(axes)
        self._attention_axes = attention_axes

    @property
    def dropout(self) -> float:
        """The share of the attention that training drops."""
        return self._rate

    @property
    def use_bias(self) -> bool:
        """Whether the projections have biases."""
        return self._use_bias

    @property
    def attention_axes(self) -> Any:
        """The axes that attention runs over."""
        return self._attention_axes

    # Keras's public names, which are those in weights files.

    @property
    def query_dense(self) -> Any:
        """The projection of the query."""
        return self._query_dense

    @property
    def key_dense(self) -> Any:
        """The projection of the key."""
        return self._key_dense

    @property
    def value_dense(self) -> Any:
        """The projection of the value."""
        return self._value_dense

    @property
    def output_dense(self) -> Any:
        """The projection of the heads to the output."""
        return self._output_dense

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:  # type: ignore[override]
        """Creates the projections."""
        key_shape = self._note_shapes(query_shape, value_shape, key_shape)
        rank = len(query_shape)
        given = tuple(range(1, rank - 1)) if self._attention_axes is None else self._attention_axes
        axes = tuple(axis if axis >= 0 else rank + axis for axis in given)
        if not axes or len(set(axes)) != len(axes) or not all(0 < axis < rank - 1 for axis in axes):
            raise ValueError(
                f"Layer '{self.name}': `attention_axes` must be different axes between the batch and the features. "
                f"Received: attention_axes={self._attention_axes} for a query of shape {tuple(query_shape)}"
            )
        self._attention_axes = axes
        heads = (self.num_heads, self.key_dim)
        self._query_dense = self._projection("query", 1, heads, query_shape)
        self._key_dense = self._projection("key", 1, heads, key_shape)
        if self._use_gate:
            self._gate_dense = self._projection("gate", 1, (self.num_heads, self.value_dim), query_shape, "sigmoid")
        self._value_dense = self._projection("value", 1, (self.num_heads, self.value_dim), value_shape)
        outputs = self._output_sizes or (query_shape[-1],)
        inner = (*query_shape[:-1], self.num_heads, self.value_dim)
        self._make_dropout()
        self._output_dense = self._projection("attention_output", 2, outputs, inner)

    def compute_output_shape(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> Any:
        """Returns the output shape."""
        check_sources(value_shape, key_shape)
        return (*query_shape[:-1], *(self._output_sizes or (query_shape[-1],)))

    def _attended(self, rank: int) -> tuple[int, ...]:
        axes: tuple[int, ...] = self._attention_axes
        return axes

    def _heads(self) -> int:
        return self.num_heads

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            **self._option_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "output_shape": self._output_sizes,
            "attention_axes": self._attention_axes,
        }
