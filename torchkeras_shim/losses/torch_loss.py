"""`TorchLoss`: a loss of torch as a `Loss` of Keras."""

from __future__ import annotations

import copy
import functools
import inspect
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core import naming
from torchkeras_shim.distribution.portion import Work
from torchkeras_shim.losses.base import Loss, reduce_weighted_values
from torchkeras_shim.losses.table import LOSSES
from torchkeras_shim.ops import torch_losses
from torchkeras_shim.ops.alignment import as_tensor

#: Torch's reductions in Keras's words, for weighted samples.
_KERAS_REDUCTIONS = {"mean": "sum_over_batch_size", "batchmean": "sum_over_batch_size", "sum": "sum", "none": "none"}


@LOSSES.register()
class TorchLoss(Loss):
    """Calls a torch loss as `(prediction, target)`, with the target in the type that it expects.

    Without weights the result is torch's own, with torch's reduction. With sample weights the loss runs with
    `reduction="none"`, and Keras's reduction follows: the sum of the weighted losses divided by the number of samples.

    Args:
        loss: A torch loss module or its class, or a loss function of `torch.nn.functional`; it may be
            a `functools.partial` of one.
        reduction: Keras's reduction for weighted samples; by default the one that matches the torch loss's.
        name: The name; by default the torch loss's in snake case.
        dtype: The type of the computation.

    Raises:
        TypeError: If it is not a torch loss.
        ValueError: If a torch loss needs more than predictions and targets.

    Example:
        >>> TorchLoss(torch.nn.CrossEntropyLoss())(torch.tensor([1]), torch.tensor([[0.0, 0.0]]))
        tensor(0.6931)
    """

    def __init__(self, loss: Any, reduction: str | None = None, name: str | None = None, dtype: Any = None):
        if not torch_losses.is_torch_loss(loss):
            raise TypeError(
                f"Expected a torch loss such as `torch.nn.MSELoss()` or `torch.nn.functional.mse_loss`. Received: "
                f"{loss!r}. A function `(y_true, y_pred)` of your own needs no wrapper: pass it as the loss."
            )
        self.loss: Any = loss() if inspect.isclass(loss) else loss
        torch_losses.check_two_arguments(self.loss)
        self._torch_name = torch_losses.name_of(self.loss)
        own = self._own_reduction()
        super().__init__(
            name=name or naming.to_snake_case(self._torch_name),
            reduction=reduction if reduction is not None else _KERAS_REDUCTIONS[own],
            dtype=dtype,
        )
        self._sums_features = own in ("sum", "batchmean")
        self._unreduced = self._without_reduction()

    def _own_reduction(self) -> str:
        if isinstance(self.loss, torch.nn.Module):
            return str(getattr(self.loss, "reduction", "mean"))
        if isinstance(self.loss, functools.partial):
            return str(self.loss.keywords.get("reduction", "mean"))
        return "mean"

    def _without_reduction(self) -> Any:
        if not isinstance(self.loss, torch.nn.Module):
            return functools.partial(self.loss, reduction="none")
        unreduced: Any = copy.copy(self.loss)  # shares the weights
        unreduced.reduction = "none"
        return unreduced

    def _move_to(self, device: torch.device) -> None:
        """Brings class weights to where the predictions are."""
        if isinstance(self.loss, torch.nn.Module):
            for tensor in (*self.loss.parameters(), *self.loss.buffers()):
                if tensor.device != device:
                    self.loss.to(device)
                    self._unreduced = self._without_reduction()
                    return

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> torch.Tensor:
        """Computes the reduced loss; see `Loss`."""
        mask = getattr(y_pred, "_keras_mask", None)
        y_pred = as_tensor(y_pred, self._torch_dtype)
        y_true = as_tensor(y_true, like=y_pred)
        self._move_to(y_pred.device)
        if sample_weight is None and mask is None:
            if Work.sharing is not None:
                Work.denominator = torch_losses.mean_divisor(self.loss, self._torch_name, y_true, y_pred)
            loss = torch_losses.call_torch_loss(self.loss, self._torch_name, y_true, y_pred)
            return (
                loss if loss.ndim == 0 else reduce_weighted_values(loss, None, None, self.reduction, self._torch_dtype)
            )
        rank = 1
        if sample_weight is not None:
            sample_weight = as_tensor(sample_weight, self._torch_dtype, like=y_pred)
            rank = max(1, sample_weight.ndim)
        elif mask is not None:
            rank = mask.ndim
        values = self._per_sample(y_true, y_pred, rank)
        return reduce_weighted_values(values, sample_weight, mask, self.reduction, self._torch_dtype)

    def call(self, y_true: Any, y_pred: Any) -> torch.Tensor:
        """Returns one value per sample."""
        return self._per_sample(as_tensor(y_true, like=y_pred), y_pred, 1)

    def _per_sample(self, y_true: torch.Tensor, y_pred: torch.Tensor, rank: int) -> torch.Tensor:
        """Returns the losses with no more dimensions than the weights have."""
        values = torch_losses.call_torch_loss(self._unreduced, self._torch_name, y_true, y_pred)
        if values.ndim <= rank:
            return values
        axes = tuple(range(rank, values.ndim))
        return values.sum(dim=axes) if self._sums_features else values.mean(dim=axes)

    def get_config(self) -> dict[str, Any]:
        """Returns the torch loss by name with its arguments, the reduction and the name."""
        return {**super().get_config(), "loss": self._torch_name, "arguments": self._arguments()}

    def _arguments(self) -> dict[str, Any]:
        if isinstance(self.loss, functools.partial):
            return dict(self.loss.keywords)
        if not isinstance(self.loss, torch.nn.Module):
            return {}
        names = [
            name for name in inspect.signature(type(self.loss)).parameters if name not in ("size_average", "reduce")
        ]
        return {name: getattr(self.loss, name) for name in names if hasattr(self.loss, name)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Rebuilds the loss; only torch's own losses are looked up.

        Raises:
            ValueError: If torch has no loss of that name.
        """
        config = dict(config)
        name, arguments = config.pop("loss"), config.pop("arguments", {})
        arguments = {key: _tensor_of(value) for key, value in arguments.items()}
        if str(name).endswith("Loss") and torch_losses.is_torch_loss(getattr(torch.nn, name, None)):
            return cls(getattr(torch.nn, name)(**arguments), **config)
        if torch_losses.is_torch_loss(getattr(F, str(name), None)):
            return cls(functools.partial(getattr(F, name), **arguments), **config)
        raise ValueError(f"torch has no loss named {name!r}.")


def _tensor_of(value: Any) -> Any:
    if isinstance(value, dict) and value.get("class_name") == "__tensor__":
        return torch.tensor(value["config"]["value"])
    return value
