"""`LossFunctionWrapper`: a function `(y_true, y_pred)` as a `Loss`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchkeras_shim.core import serialization, tree
from torchkeras_shim.losses import fused
from torchkeras_shim.losses.base import MEAN_REDUCTIONS, Fused, Loss
from torchkeras_shim.losses.table import LOSSES
from torchkeras_shim.ops import loss_functions, robust_losses, sequence_losses, similarity_losses
from torchkeras_shim.ops.alignment import as_tensor, squeeze_or_expand_to_same_rank

#: Class indices stay integers: a cast to a float type and back would cost two kernels and large labels.
_OF_INTEGERS = (
    loss_functions.sparse_categorical_crossentropy,
    robust_losses.categorical_generalized_cross_entropy,
    sequence_losses.ctc,
    similarity_losses.circle,
)


@LOSSES.register()
class LossFunctionWrapper(Loss):
    """Wraps a function of targets and predictions, both of equal rank and in the loss's type.

    Args:
        fn: The function `fn(y_true, y_pred, **kwargs)`; it returns one value per sample.
        reduction: How the values become one number, see `Loss`.
        name: The name.
        dtype: The type of the computation.
        **kwargs: Further arguments of the function.

    Example:
        >>> LossFunctionWrapper(lambda y_true, y_pred: (y_true - y_pred).abs())([1.0], [3.0])
        tensor(2.)
    """

    #: What a built-in class's config has besides name and reduction; `None`: the function and its arguments.
    _config_fields: tuple[str, ...] | None = None

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        self.fn = fn
        self._fn_kwargs = kwargs
        self._keeps_targets = fn in _OF_INTEGERS
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def _choose_fused(self) -> Fused | None:
        if self._reduction not in MEAN_REDUCTIONS or type(self).call is not LossFunctionWrapper.call:
            return None
        chosen: Fused | None = fused.choose(self.fn, self._fn_kwargs, self._torch_dtype)
        return chosen

    def _target(self, value: Any, like: Any) -> Any:
        return as_tensor(value, None if self._keeps_targets else self._torch_dtype, like=like)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the function's values for targets and predictions of equal rank."""
        if not tree.is_nested(y_pred):
            if y_true.ndim != y_pred.ndim:
                logits = getattr(y_pred, "_keras_logits", None)
                y_true, aligned = squeeze_or_expand_to_same_rank(y_true, y_pred)
                if logits is not None and aligned is not y_pred:
                    aligned._keras_logits = logits.squeeze(-1)  # type: ignore[attr-defined]
                y_pred = aligned
            return self.fn(y_true, y_pred, **self._fn_kwargs)
        pairs = [
            squeeze_or_expand_to_same_rank(left, right)
            for left, right in zip(tree.flatten(y_true), tree.flatten(y_pred), strict=True)
        ]
        y_true = tree.pack_sequence_as(y_true, [left for left, _ in pairs])
        y_pred = tree.pack_sequence_as(y_pred, [right for _, right in pairs])
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        config = super().get_config()
        if self._config_fields is not None:
            return {**config, **{field: getattr(self, field) for field in self._config_fields}}
        arguments = {key: serialization.serialize_keras_object(value) for key, value in self._fn_kwargs.items()}
        return {**config, "fn": serialization.serialize_keras_object(self.fn), **arguments}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Rebuilds a loss from `get_config()`."""
        if "fn" in config:
            config = {
                key: serialization.deserialize_keras_object(value, default_module=LOSSES.module)
                for key, value in config.items()
            }
        return cls(**config)

    def __repr__(self) -> str:
        return f"<LossFunctionWrapper({self.fn}, kwargs={self._fn_kwargs})>"
