"""`Attention`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.layers import arguments, calling
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.regularization.dropout import Dropout


@LAYERS.register()
class Attention(Layer):
    """Dot-product attention, Luong 2015, on a list `[query, value]` or `[query, value, key]`.

    Args:
        use_scale: Whether a trained scalar multiplies the scores.
        score_mode: `"dot"`, or `"concat"` for `tanh(query + key)` summed over features.
        dropout: The share of the attention that training drops.
        seed: A seed of the dropout's own; torch's global generator by default.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If the score mode is any other.

    Example:
        >>> Attention()([torch.ones(1, 2, 4), torch.ones(1, 3, 4)]).shape
        torch.Size([1, 2, 4])
    """

    _training_default = False
    scale: Variable | None
    concat_score_weight: Variable | None

    def __init__(
        self, use_scale: bool = False, score_mode: str = "dot", dropout: float = 0.0, seed: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                "Invalid value for argument score_mode. Expected one of {'dot', 'concat'}. "
                f"Received: score_mode={score_mode}"
            )
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = arguments.rate(self, "dropout", dropout)
        self.seed = arguments.seed(self, seed)
        self.supports_masking = True
        self._dropout_layer = Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        """Creates the scalars."""
        self._check(input_shape)
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones") if self.use_scale else None
        self.concat_score_weight = None
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(name="concat_score_weight", shape=(), initializer="ones")

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Attends.

        Args:
            inputs: `[query, value]` or `[query, value, key]`, each of shape (batch, places, features).
            mask: `[query mask, value mask]`, booleans of shape (batch, places) or `None`.
            training: Whether dropout is active.
            return_attention_scores: Whether to return the probabilities, too.
            use_causal_mask: Whether a target sees only sources up to its own place.
        """
        self._check(inputs, mask)
        query, value = inputs[0], inputs[1]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, allowed = (mask[0], mask[1]) if mask else (None, None)
        scores = self._calculate_scores(query, key)
        if allowed is not None:
            allowed = torch.as_tensor(allowed).to(scores.device, torch.bool)
            allowed = allowed.unsqueeze(-2) if allowed.ndim == 2 else allowed
        if use_causal_mask:
            causal = scores.new_ones(1, *scores.shape[-2:], dtype=torch.bool).tril()
            allowed = causal if allowed is None else allowed & causal
        if allowed is not None:
            scores = torch.where(allowed, scores, scores - (65504.0 if scores.dtype == torch.float16 else 1e9))
        weights = scores.softmax(-1)
        if self.dropout > 0 and (self.training if training is None else training):
            weights = self._dropout_layer(weights, training=True)
        outputs = weights @ value
        if query_mask is not None:
            shown = torch.as_tensor(query_mask).to(outputs.device, torch.bool).unsqueeze(-1)
            outputs = torch.where(shown, outputs, 0.0)
        return (outputs, weights) if return_attention_scores else outputs

    forward = call

    def _calculate_scores(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        if self.score_mode == "dot":
            scores = query @ key.transpose(-2, -1)
            return scores if self.scale is None else scores * self.scale
        both = query.unsqueeze(-2) + key.unsqueeze(-3)
        both = both if self.scale is None else self.scale * both
        assert self.concat_score_weight is not None
        return self.concat_score_weight * both.tanh().sum(-1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Returns the mask of the query."""
        return mask[0] if mask else None

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns the output shape for the list of input shapes."""
        return (*input_shape[0][:-1], input_shape[1][-1])

    def compute_output_spec(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Returns the outputs as `KerasTensor`s."""
        self._check(inputs)
        calling.build_for(self, (inputs,), {})
        query, key = inputs[0].shape, inputs[-1].shape
        output = KerasTensor(self.compute_output_shape([query, inputs[1].shape]), self.compute_dtype)
        named = dict(zip(self._call_spec.positional[1:], args, strict=False)) | kwargs
        if not named.get("return_attention_scores"):
            return output
        return output, KerasTensor((*query[:-1], key[-2]), self.compute_dtype)

    def _check(self, inputs: Any, mask: Any = None) -> None:
        name = type(self).__name__
        if not isinstance(inputs, list):
            raise ValueError(
                f"{name} layer must be called on a list of inputs, namely [query, value] or [query, value, key]. "
                f"Received: inputs={inputs}."
            )
        if not 2 <= len(inputs) <= 3:
            raise ValueError(
                f"{name} layer accepts inputs list of length 2 or 3, namely [query, value] or [query, value, key]. "
                f"Received length: {len(inputs)}."
            )
        if mask is not None and (not isinstance(mask, list) or not 2 <= len(mask) <= 3):
            rule = "accepts mask list of length 2 or 3" if isinstance(mask, list) else "mask must be a list"
            raise ValueError(f"{name} layer {rule}, namely [query_mask, value_mask]. Received: mask={mask}.")

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "use_scale": self.use_scale,
            "score_mode": self.score_mode,
            "dropout": self.dropout,
            "seed": self.seed,
        }
