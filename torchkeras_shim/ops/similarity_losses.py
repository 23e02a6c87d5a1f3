"""Losses of embeddings: samples of one class near each other, those of different classes far apart."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.alignment import as_float_tensor, as_tensor


@op
def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Any:
    """Computes the Circle loss between embeddings of unit length.

    Args:
        y_true: Integer labels.
        y_pred: Embeddings of shape `(batch_size, size)`, of unit length.
        ref_labels: The labels of the embeddings to compare with, `y_true` by default.
        ref_embeddings: The embeddings to compare with, `y_pred` by default.
        remove_diagonal: Whether an embedding is not compared with itself.
        gamma: The scale of the loss.
        margin: How far apart classes have to be.

    Returns:
        One value per sample; samples without a loss are masked.

    Example:
        >>> circle(torch.tensor([0, 0]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])).shape
        torch.Size([2])
    """
    y_pred = as_float_tensor(y_pred)
    labels = as_tensor(y_true, torch.int32, like=y_pred)
    others = y_pred if ref_embeddings is None else as_tensor(ref_embeddings, y_pred.dtype, like=y_pred)
    other_labels = labels if ref_labels is None else as_tensor(ref_labels, torch.int32, like=y_pred)
    _check(labels, y_pred, "y_true", "y_pred")
    _check(other_labels, others, "ref_labels", "ref_embeddings")

    distances = (1.0 - y_pred @ others.transpose(0, 1)).clamp(min=0.0)
    same = labels.reshape(-1, 1) == other_labels.reshape(1, -1)
    different = ~same
    if remove_diagonal:
        same = same & ~torch.eye(*same.shape, dtype=torch.bool, device=same.device)

    near = (-gamma * (margin + distances).clamp(min=0.0) * (margin - distances)).masked_fill(~same, float("-inf"))
    far = gamma * (1.0 + margin - distances).clamp(min=0.0) * (1.0 - margin - distances)
    far = far.masked_fill(~different, float("-inf"))
    losses = F.softplus(near.logsumexp(dim=1) + far.logsumexp(dim=1))
    losses._keras_mask = losses > 0  # type: ignore[attr-defined]
    return losses


def _check(labels: torch.Tensor, embeddings: torch.Tensor, labels_name: str, embeddings_name: str) -> None:
    if embeddings.ndim == 2 and labels.numel() == embeddings.shape[0]:
        return
    raise ValueError(
        f"circle expects one integer label per embedding: `{labels_name}` of shape (samples,) and `{embeddings_name}` "
        f"of shape (samples, size). Received: {labels_name}.shape={tuple(labels.shape)}, "
        f"{embeddings_name}.shape={tuple(embeddings.shape)}. For one-hot labels write `y = y.argmax(axis=-1)`."
    )
