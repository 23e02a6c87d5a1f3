"""The loss of sequences without marked places."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.losses.table import LOSSES
from torchkeras_shim.losses.wrapper import LossFunctionWrapper
from torchkeras_shim.ops.sequence_losses import ctc


@LOSSES.register()
class CTC(LossFunctionWrapper):
    """Connectionist temporal classification: labels padded with 0, logits of shape `(batch_size, steps, classes)`.

    Args:
        reduction: How the values per sample become one number, see `Loss`.
        name: The name.
        dtype: The type of the computation.

    Example:
        >>> import torch
        >>> CTC()(torch.tensor([[1, 0]]), torch.zeros(1, 2, 2))
        tensor(0.2877)
    """

    _config_fields = ()

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str | None = "ctc", dtype: Any = None):
        super().__init__(ctc, reduction=reduction, name=name, dtype=dtype)
