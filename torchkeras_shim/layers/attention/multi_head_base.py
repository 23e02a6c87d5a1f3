"""What `MultiHeadAttention` and `GroupedQueryAttention` share."""

from __future__ import annotations

import math
from typing import Any

import torch

from torchkeras_shim import constraints, initializers, regularizers
from torchkeras_shim.core import config
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.layers import arguments, calling
from torchkeras_shim.layers.attention import masks
from torchkeras_shim.layers.attention.projection import Projection
from torchkeras_shim.layers.base import Layer
from torchkeras_shim.layers.regularization.dropout import Dropout
from torchkeras_shim.ops.attention import dot_product_attention

_attend = dot_product_attention.__wrapped__  # type: ignore[attr-defined]


class HeadsOfAttention(Layer):
    """Projects queries, keys and values to heads, attends, and projects back."""

    _computes_by = ("call", "forward", "_compute_attention")
    _options: Any
    _query_dense: Any
    _key_dense: Any
    _value_dense: Any
    _gate_dense: Any
    _output_dense: Any
    _dropout_layer: Any

    def _set_up(
        self,
        dropout: float,
        seed: int | None,
        use_bias: bool,
        use_gate: bool,
        sliding_window: Any,
        flash_attention: Any,
        options: dict[str, Any],
    ) -> None:
        dropout, seed = arguments.rate(self, "dropout", dropout), arguments.seed(self, seed)
        if flash_attention not in (None, True, False):
            raise ValueError(
                "`flash_attention` must be `True` (insist on the flash kernel), `False` (forbid it) or `None` (let "
                f"torch choose). Received: flash_attention={flash_attention!r}"
            )
        if flash_attention and dropout > 0:
            raise ValueError(
                "Dropout is not supported when flash attention is enabled. Please set dropout to 0.0 to use flash "
                f"attention. Received: dropout={dropout}, flash_attention=True"
            )
        if sliding_window is not None and (not arguments.is_integer(sliding_window) or sliding_window <= 0):
            raise ValueError(
                f"`sliding_window` must be `None` or a positive integer. Received: sliding_window={sliding_window}"
            )
        self.supports_masking = True
        self.seed = seed
        forbidden = flash_attention is None and config.is_flash_attention_enabled() is False
        self._flash = False if forbidden else flash_attention
        self._rate, self._use_bias, self._use_gate, self._sliding_window = dropout, use_bias, use_gate, sliding_window
        tables: dict[str, Any] = {
            "initializer": initializers,
            "regularizer": regularizers,
            "constraint": constraints,
        }
        self.__dict__["_options"] = {
            part: {
                kind: arguments.known(self, f"{part}_{kind}", table, options[f"{part}_{kind}"])
                for kind, table in tables.items()
            }
            for part in ("kernel", "bias")
        }

    def _make_dropout(self) -> None:
        self._dropout_layer = Dropout(self._rate, seed=self.seed, dtype=self.dtype_policy)

    def _projection(self, name: str, bound: int, outputs: tuple[int, ...], shape: Any, activation: Any = None) -> Any:
        layer = Projection(
            bound,
            outputs,
            self._use_bias,
            self._options,
            activation,
            name=name,
            dtype=self.dtype_policy,
            activity_regularizer=self.activity_regularizer_of_parts,
            trainable=self.trainable,
        )
        layer.build(shape)
        return layer

    def _option_config(self) -> dict[str, Any]:
        tables: dict[str, Any] = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}
        config = {
            f"{part}_{kind}": table.serialize(self._options[part][kind])
            for part in ("kernel", "bias")
            for kind, table in tables.items()
        }
        return {
            **config,
            "activity_regularizer": regularizers.serialize(self.activity_regularizer_of_parts),
            "dropout": self._rate,
            "use_bias": self._use_bias,
            "use_gate": self._use_gate,
            "sliding_window": self._sliding_window,
            "seed": self.seed,
        }

    @property
    def sliding_window(self) -> int | None:
        """How near a source must be to be seen."""
        window: int | None = self._sliding_window
        return window

    def call(
        self,
        query: torch.Tensor,
        value: torch.Tensor,
        key: torch.Tensor | None = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Attends.

        Args:
            query: A tensor of shape (batch, targets, features).
            value: A tensor of shape (batch, sources, features).
            key: A tensor of shape (batch, sources, features); the value by default.
            query_mask: Booleans of shape (batch, targets); the mask that rides on the query by default.
            value_mask: Booleans of shape (batch, sources); the mask that rides on the value by default.
            key_mask: Booleans of shape (batch, sources); the mask that rides on the key by default.
            attention_mask: True where a target may look at a source: (batch, targets, sources), or broadcast to it.
            return_attention_scores: Whether to return the probabilities, too.
            training: Whether dropout is active.
            use_causal_mask: Whether a target sees only sources up to its own place.
        """
        query_mask = getattr(query, "_keras_mask", None) if query_mask is None else query_mask
        value_mask = getattr(value, "_keras_mask", None) if value_mask is None else value_mask
        if key is not None and key_mask is None:
            key_mask = getattr(key, "_keras_mask", None)
        key = value if key is None else key
        # A method of a subclass gets the mask: it need not know of `use_causal_mask`.
        own = type(self)._compute_attention is HeadsOfAttention._compute_attention
        only_causal = own and use_causal_mask and query.ndim == 3 and self._sliding_window is None
        if only_causal and query_mask is value_mask is key_mask is attention_mask is None:
            mask, options = None, {"use_causal_mask": True}
        else:
            options = {}
            mask = masks.merged(
                query, value, query_mask, value_mask, key_mask, attention_mask, use_causal_mask, self._sliding_window
            )
        gate = self._gate_dense(query) if self._use_gate else None
        heads, scores = self._compute_attention(
            self._query_dense(query),
            self._key_dense(key),
            self._value_dense(value),
            mask,
            self.training if training is None else training,
            return_attention_scores,
            **options,
        )
        outputs = self._output_dense(heads if gate is None else heads * gate)
        return (outputs, scores) if return_attention_scores else outputs

    forward = call

    def _compute_attention(
        self,
        query: Any,
        key: Any,
        value: Any,
        attention_mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Attention of heads of shape (batch, places, heads, depth); subclasses may attend in another way.

        Args:
            query: The projected queries.
            key: The projected keys.
            value: The projected values.
            attention_mask: True where a target may look at a source: (batch, targets, sources), or broadcast to it.
            training: Whether dropout is active.
            return_attention_scores: Whether to return the probabilities as well; they may be `None` otherwise.
            use_causal_mask: Whether a target sees only sources up to its own place.
        """
        with_scores, mask, is_causal = return_attention_scores, attention_mask, use_causal_mask
        if self._flash and (with_scores or query.ndim != 4):
            raise ValueError(
                f"Layer '{self.name}': flash_attention=True returns no attention scores and attends over one axis. "
                f"Received: return_attention_scores={with_scores}, heads of shape {tuple(query.shape)}. Leave "
                "`flash_attention` out."
            )
        if mask is not None:
            mask = masks.as_bool(mask, query.device)
        scale = 1.0 / math.sqrt(query.shape[-1])
        if not with_scores and not self._rate and query.ndim == 4:
            if mask is not None:
                mask = mask.reshape(*[1] * (3 - mask.ndim), *mask.shape)
                mask = mask.unsqueeze(1) if mask.ndim == 3 else mask
            flash = self._flash
            heads = _attend(query, key, value, mask=mask, scale=scale, is_causal=is_causal, flash_attention=flash)
            return heads, None
        if key.shape[-2] != query.shape[-2]:
            repeats = query.shape[-2] // key.shape[-2]
            key, value = (x.repeat_interleave(repeats, dim=-2) for x in (key, value))
        if is_causal:
            causal = masks.causal(query.shape[1], key.shape[1], query.device)
            mask = causal if mask is None else mask & causal
        # The attended axes as one, behind all others: (batch, other places, heads, targets, sources).
        axes, rank = self._attended(query.ndim), query.ndim
        order = (*(axis for axis in range(rank - 1) if axis not in axes), *axes, rank - 1)
        targets, sources = ([x.shape[axis] for axis in axes] for x in (query, key))
        q, k, v = (x.permute(order).flatten(rank - 1 - len(axes), rank - 2) for x in (query, key, value))
        scores = (q * scale) @ k.transpose(-1, -2)
        if mask is not None:
            mask = masks.flattened(mask, scores.ndim - 2, targets, sources, self.name)
            lowest = -3e4 if scores.dtype == torch.float16 else -1e9
            scores = torch.where(mask, scores, lowest).softmax(-1)
            scores = torch.where(mask, scores, 0.0)
        else:
            scores = scores.softmax(-1)
        dropped = scores
        if training and self._rate:
            own = self._dropout_layer.seed_generator.is_own
            dropped = self._dropout_layer(scores, training=True) if own else torch.dropout(scores, self._rate, True)
        lead = scores.shape[:-2]
        heads = (dropped @ v).reshape(*lead, *targets, v.shape[-1])
        heads = heads.permute([order.index(axis) for axis in range(rank)])
        return heads, scores.reshape(*lead, *targets, *sources)

    def _attended(self, rank: int) -> tuple[int, ...]:
        """The axes that attention runs over, of heads of some rank: all between batch and heads."""
        return tuple(range(1, rank - 2))

    def _specs(self, query: Any, value: Any, output_shape: Any, heads: int, with_scores: bool) -> Any:
        output = KerasTensor(output_shape, self.compute_dtype)
        if not with_scores:
            return output
        axes = self._attended(len(query.shape) + 1)
        lead = [size for axis, size in enumerate(query.shape[:-1]) if axis not in axes]
        shape = (*lead, heads, *(x.shape[axis] for x in (query, value) for axis in axes))
        return output, KerasTensor(shape, self.compute_dtype)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the outputs as `KerasTensor`s."""
        calling.build_for(self, args, kwargs)
        named = dict(zip(self._call_spec.positional, args, strict=False)) | kwargs
        query, value, key = named["query"], named["value"], named.get("key")
        shape = self.compute_output_shape(query.shape, value.shape, None if key is None else key.shape)
        return self._specs(query, value, shape, self._heads(), bool(named.get("return_attention_scores")))

    def _heads(self) -> int:
        raise NotImplementedError

    def get_build_config(self) -> dict[str, Any] | None:
        """Returns the shapes that the layer was built for, or `None`."""
        return None if self._shapes is None else {"shapes_dict": dict(self._shapes)}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Builds the layer for the shapes of `get_build_config()`."""
        shapes = (config or {}).get("shapes_dict")
        if shapes and not self.built:
            with calling.scope_of(self):
                self.build(**{name: None if shape is None else tuple(shape) for name, shape in shapes.items()})

    def _note_shapes(self, query_shape: Any, value_shape: Any, key_shape: Any) -> Any:
        self.__dict__["_shapes"] = {"query_shape": tuple(query_shape), "value_shape": tuple(value_shape)}
        if key_shape is None:
            return value_shape
        self._shapes["key_shape"] = tuple(key_shape)
        check_sources(value_shape, key_shape)
        return key_shape

    _shapes: Any = None
    activity_regularizer_of_parts: Any = None


def check_sources(value_shape: Any, key_shape: Any) -> None:
    """Raises a ValueError if values and keys are not those of the same sources."""
    if key_shape is not None and tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
        raise ValueError(
            "All dimensions of `value` and `key`, except the last one, must be equal. Received: "
            f"value_shape={value_shape} and key_shape={key_shape}"
        )
