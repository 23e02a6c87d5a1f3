"""`Loss`: from values per sample to one number, with Keras's weights, masks and reductions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.core import config, dtype_policies, dtypes, naming, tree
from torchkeras_shim.distribution.portion import Work
from torchkeras_shim.losses.table import LOSSES
from torchkeras_shim.ops.alignment import (
    apply_mask,
    as_tensor,
    divide_no_nan,
    squeeze_or_expand_to_same_rank,
)

#: Reductions that, without weights, are the plain mean of all values.
MEAN_REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")
_REDUCTIONS = (*MEAN_REDUCTIONS, "sum", "none", None)

Fused = Callable[[torch.Tensor, torch.Tensor], "torch.Tensor | None"]


@LOSSES.register()
class Loss:
    """Base of all losses; a subclass defines `call(y_true, y_pred)`, which returns one value per sample.

    Args:
        name: The name; by default the class's in snake case.
        reduction: `"sum_over_batch_size"` or `"mean"` (sum of the weighted values divided by how many there are),
            `"sum"`, `"mean_with_sample_weight"` (divided by the sum of the weights), `"none"` or `None`.
        dtype: The type of the computation, `floatx()` by default; a `DTypePolicy` is accepted.

    Raises:
        ValueError: If the reduction is anything else.

    Example:
        >>> class Distance(Loss):
        ...     def call(self, y_true, y_pred):
        ...         return (y_pred - y_true).abs().mean(-1)
        >>> Distance()([[1.0]], [[3.0]])
        tensor(2.)
    """

    #: Whether the loss is not one of each sample, but of all samples of a batch together.
    takes_batch_whole = False

    def __init__(self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None):
        self.name = name or naming.auto_name(type(self).__name__)
        self._dtype = dtype_policies.get(dtype or config.floatx()).compute_dtype
        self._torch_dtype = dtypes.to_torch_dtype(self._dtype)
        #: The short way to the reduced loss, see `fused`; it returns `None` where it does not apply.
        self._fused: Fused | None = None
        self.reduction = reduction

    @property
    def dtype(self) -> str:
        """The type of the computation."""
        return self._dtype

    @property
    def reduction(self) -> str | None:
        """How values per sample become one number."""
        return self._reduction

    @reduction.setter
    def reduction(self, value: str | None) -> None:
        self._reduction = standardize_reduction(value)
        self._fused = self._choose_fused()

    @property
    def fused(self) -> Fused | None:
        """The short way for plain tensors without weights, `None` if there is none.

        It returns `None` for a batch that it does not apply to; then call the loss itself.
        """
        as_written = "call" in self.__dict__ or type(self).__call__ is not Loss.__call__
        return None if as_written else self._fused

    def _choose_fused(self) -> Fused | None:
        return None

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> torch.Tensor:
        """Computes the reduced loss.

        Args:
            y_true: The targets: tensors, arrays, or a nested structure of them.
            y_pred: The predictions, of the same structure.
            sample_weight: One weight per sample, or per value that `call` returns.

        Returns:
            A 0-d tensor; with `reduction="none"` the weighted values.
        """
        fused = None if "call" in self.__dict__ else self._fused
        if fused is not None and sample_weight is None and type(y_pred) is type(y_true) is torch.Tensor:
            loss = fused(y_true, y_pred)
            if loss is not None:
                return loss
        return self._weighted(y_true, y_pred, sample_weight)

    def _weighted(self, y_true: Any, y_pred: Any, sample_weight: Any) -> torch.Tensor:
        mask = getattr(y_pred, "_keras_mask", None)
        y_pred = self._map(self._prediction, y_pred)
        first = y_pred if isinstance(y_pred, torch.Tensor) else tree.flatten(y_pred)[0]
        y_true = self._map(lambda target: self._target(target, first), y_true)
        values = self.call(y_true, y_pred)
        out_mask = getattr(values, "_keras_mask", None)
        if mask is not None and out_mask is not None:
            mask = mask & out_mask
        elif mask is None:
            mask = out_mask
        return reduce_weighted_values(values, sample_weight, mask, self._reduction, self._torch_dtype)

    @staticmethod
    def _map(function: Callable[[Any], Any], structure: Any) -> Any:
        """Maps over a structure of tensors; lists of numbers are one tensor."""
        if isinstance(structure, (list, tuple, dict)) and not _is_numeric(structure):
            return tree.map_structure(function, structure)
        return function(structure)

    def _prediction(self, value: Any) -> torch.Tensor:
        result = as_tensor(value, self._torch_dtype)
        if result is not value:
            logits = getattr(value, "_keras_logits", None)
            if logits is not None:  # a cast does not change what the prediction was made from
                result._keras_logits = logits.to(self._torch_dtype)  # type: ignore[attr-defined]
        return result

    def _target(self, value: Any, like: torch.Tensor) -> torch.Tensor:
        return as_tensor(value, self._torch_dtype, like=like)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each sample; subclasses define it.

        Args:
            y_true: The targets, in this loss's type.
            y_pred: The predictions, in this loss's type.
        """
        raise NotImplementedError(f"{type(self).__name__} has to define `call(self, y_true, y_pred)`.")

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Rebuilds a loss from `get_config()`."""
        return cls(**config)


def _is_numeric(structure: Any) -> bool:
    """Returns whether a list holds numbers, at whatever depth."""
    while isinstance(structure, (list, tuple)) and structure:
        structure = structure[0]
    return isinstance(structure, (int, float, bool))


def standardize_reduction(reduction: str | None) -> str | None:
    """Returns a valid reduction, or raises a ValueError."""
    if reduction not in _REDUCTIONS:
        raise ValueError(
            f"Invalid value for argument `reduction`. Expected one of {_REDUCTIONS}. Received: reduction={reduction!r}"
        )
    return reduction


def reduce_weighted_values(
    values: Any, sample_weight: Any, mask: torch.Tensor | None, reduction: str | None, dtype: torch.dtype
) -> torch.Tensor:
    """Weighs values per sample and reduces them, as Keras does.

    Example:
        >>> values, weights = torch.tensor([1.0, 3.0]), torch.tensor([1.0, 0.0])
        >>> reduce_weighted_values(values, weights, None, "sum_over_batch_size", torch.float32)
        tensor(0.5000)
    """
    losses = as_tensor(values, dtype)
    if sample_weight is not None:
        sample_weight = as_tensor(sample_weight, dtype, like=losses)
    if mask is not None:
        if Work.sharing is not None and reduction in ("mean", "sum_over_batch_size"):
            Work.denominator = as_tensor(mask, dtype, like=losses).sum()
        sample_weight = apply_mask(sample_weight, as_tensor(mask, like=losses), dtype, reduction)
    if sample_weight is not None:
        losses, sample_weight = squeeze_or_expand_to_same_rank(losses, sample_weight)
        _check_weights(losses, sample_weight)
        losses = torch.mul(losses, sample_weight)
    if reduction is None or reduction == "none" or losses.ndim == 0 or tuple(losses.shape) == (0,):
        return losses
    if reduction == "sum" or not losses.numel():
        return losses.sum()
    if reduction == "mean_with_sample_weight" and sample_weight is not None:
        if Work.sharing is not None:
            Work.denominator = sample_weight.sum()
        return divide_no_nan(losses.sum(), sample_weight.sum())
    return losses.mean()


def _check_weights(losses: torch.Tensor, sample_weight: torch.Tensor) -> None:
    """Raises a ValueError where weights fit neither the samples nor the values."""
    for left, right in zip(reversed(losses.shape), reversed(sample_weight.shape), strict=False):
        if left != right and 1 not in (left, right):
            advice = "Give one weight per value of the loss."
            if losses.ndim > 1 and tuple(sample_weight.shape) == (losses.shape[0],):
                ones = ", 1" * (losses.ndim - 1)
                advice = f"For one weight per sample write `sample_weight.reshape(-1{ones})`."
            raise ValueError(
                f"`sample_weight` does not fit the loss: the loss has values of shape {tuple(losses.shape)}. Received: "
                f"sample_weight.shape={tuple(sample_weight.shape)}. {advice}"
            )
