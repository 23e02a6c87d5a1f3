"""Connectionist temporal classification (CTC): labels shorter than the steps, at places that nobody marked."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.alignment import as_float_tensor, as_tensor

#: What labels cost that no path through the steps can spell: TensorFlow's logarithm of 0 there, large and finite.
IMPOSSIBLE = 707.0

#: The class that is not a label: the blank between labels, and the padding behind them.
BLANK = 0


def ctc_losses(
    labels: torch.Tensor,
    logits: torch.Tensor,
    label_lengths: torch.Tensor,
    logit_lengths: torch.Tensor,
    blank: int = BLANK,
) -> torch.Tensor:
    """Computes the negative log likelihood of each sequence of labels.

    Torch's kernels take the lengths on the host, so on CUDA this reads them from the device: one small
    synchronisation per call that has no way around it.

    Args:
        labels: Class indices of shape `(batch_size, max_length)`.
        logits: Logits of shape `(batch_size, steps, classes)`.
        label_lengths: How many labels of each row count.
        logit_lengths: How many steps of each row count.
        blank: The class that stands for no label.

    Returns:
        One loss per sample. Labels that need more steps than there are have the loss `IMPOSSIBLE` and no gradient:
        torch's infinity would turn every weight into NaN.

    Example:
        >>> lengths = torch.tensor([1])
        >>> ctc_losses(torch.tensor([[1]]), torch.zeros(1, 1, 2), lengths, lengths)
        tensor([0.6931])
    """
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits = logits.float()
    if logits.is_meta:
        return logits.new_empty(logits.shape[0])
    losses = F.ctc_loss(
        logits.log_softmax(dim=-1).transpose(0, 1),
        labels.long(),
        logit_lengths.long(),
        label_lengths.long(),
        blank=blank,
        reduction="none",
        zero_infinity=True,
    )
    needed = steps_needed(labels, label_lengths)
    return torch.where(needed > logit_lengths.to(needed.device), IMPOSSIBLE, losses)


def steps_needed(labels: torch.Tensor, label_lengths: torch.Tensor) -> torch.Tensor:
    """Returns how many steps each row of labels takes at least: one per label, and a blank between equal neighbours.

    Example:
        >>> steps_needed(torch.tensor([[1, 1, 2, 0]]), torch.tensor([3]))
        tensor([4])
    """
    places = torch.arange(1, labels.shape[-1], device=labels.device)
    repeated = (labels[:, 1:] == labels[:, :-1]) & (places < label_lengths.to(labels.device).unsqueeze(-1))
    return label_lengths.to(labels.device) + repeated.sum(dim=-1)


@op
def ctc(y_true: Any, y_pred: Any) -> Any:
    """Computes the CTC loss of padded labels.

    Args:
        y_true: Labels of shape `(batch_size, max_length)`, padded with 0, which is not a label.
        y_pred: Logits of shape `(batch_size, steps, classes)`, not normalized by a softmax.

    Returns:
        One value per sample.

    Raises:
        ValueError: If the shapes are different.

    Example:
        >>> ctc(torch.tensor([[1, 0]]), torch.zeros(1, 2, 2))
        tensor([0.2877])
    """
    y_pred = as_float_tensor(y_pred)
    labels = as_tensor(y_true, like=y_pred)
    if labels.ndim != 2:
        raise ValueError(
            "Targets `y_true` are expected to be a tensor of shape `(batch_size, max_length)` in integer format. "
            f"Received: y_true.shape={tuple(labels.shape)}. Pad the labels of each sample with 0 to equal length."
        )
    if y_pred.ndim != 3:
        raise ValueError(
            "Logits `y_pred` are expected to be a tensor of shape `(batch_size, max_length, num_classes)`. "
            f"Received: y_pred.shape={tuple(y_pred.shape)}. End the model with a layer that keeps the steps, such as "
            "`LSTM(units, return_sequences=True)` and `Dense(num_classes)`."
        )
    if labels.shape[0] != y_pred.shape[0]:
        raise ValueError(
            f"ctc: `y_true` and `y_pred` must have as many samples. Received: y_true.shape={tuple(labels.shape)}, "
            f"y_pred.shape={tuple(y_pred.shape)}."
        )
    steps = torch.full((y_pred.shape[0],), y_pred.shape[1])
    return ctc_losses(labels, y_pred, (labels != BLANK).sum(dim=-1), steps)
