"""Losses that bear wrong labels."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops import crossentropy
from torchkeras_shim.ops.alignment import as_float_tensor, as_tensor


@op
def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Any:
    """Computes `(1 - p ** q) / q` of the probability `p` of the true class.

    Args:
        y_true: Integer labels, of shape `(batch_size,)` or `(batch_size, 1)`.
        y_pred: The predicted probabilities, of shape `(batch_size, classes)`.
        q: Near 0 it is the crossentropy, near 1 the mean absolute error.

    Returns:
        One value per sample.

    Raises:
        ValueError: If there is not one label per sample.

    Example:
        >>> categorical_generalized_cross_entropy(torch.tensor([1]), torch.tensor([[0.75, 0.25]]), 0.5)
        tensor([1.])
    """
    y_pred = as_float_tensor(y_pred)
    labels = as_tensor(y_true, like=y_pred)
    # Keras documents a column of labels as well, and then pairs every label with every sample; a column is meant as one
    # label per sample here.
    if labels.ndim == y_pred.ndim and labels.shape[-1] == 1:
        labels = labels.squeeze(-1)
    crossentropy.check_labels_shape(labels, y_pred, -1, "categorical_generalized_cross_entropy")
    classes = torch.arange(y_pred.shape[-1], device=y_pred.device)
    # Selecting, not multiplying: the other classes' infinite slopes at 0 must not reach a gradient.
    of_true_class = torch.where(labels.long().unsqueeze(-1) == classes, y_pred, 0.0).sum(dim=-1)
    return (1.0 - of_true_class.pow(q)) / q
