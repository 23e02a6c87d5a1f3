"""Connectionist temporal classification: the loss, and what a network's output spells."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_float, as_tensor

__all__ = ["ctc_decode", "ctc_loss"]


@op
def ctc_loss(target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0) -> Any:
    """Returns the negative log-probability of each label sequence under all its alignments with the output.

    torch's kernel needs the lengths on the host: on another device they are read from there.

    Args:
        target: Labels `(batch, length)`.
        output: Logits `(batch, steps, classes)`.
        target_length: How many labels of each row count, `(batch,)`.
        output_length: How many steps of each row count, `(batch,)`.
        mask_index: The class that stands for "no label".

    Example:
        >>> ctc_loss([[1]], torch.zeros(1, 1, 2), [1], [1])
        tensor([0.6931])
    """
    output = as_float(output)
    if output.dim() != 3:
        raise ValueError(f"Expected `output` of shape (batch, steps, classes). Received: {tuple(output.shape)}")
    if output.dtype in (torch.float16, torch.bfloat16):
        output = output.float()
    if output.device.type == "meta":
        return output[:, 0, 0]
    target = as_tensor(target, device=output.device).to(torch.int64)
    return F.ctc_loss(
        F.log_softmax(output, dim=-1).transpose(0, 1),
        target,
        as_tensor(output_length, device=output.device).to(torch.int64),
        as_tensor(target_length, device=output.device).to(torch.int64),
        blank=mask_index % output.shape[-1],
        reduction="none",
    )


@op
def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> Any:
    """Returns the label sequences that a network's output spells.

    Args:
        inputs: Logits `(batch, steps, classes)`.
        sequence_lengths: How many steps of each row count, `(batch,)`.
        strategy: `"greedy"` takes the best class of each step, `"beam_search"` the most probable sequences (it runs on
            the host).
        beam_width: How many sequences the beam search keeps.
        top_paths: How many it returns.
        merge_repeated: Whether the greedy strategy counts equal neighbours once. A beam search always does.
        mask_index: The class that stands for "no label".

    Returns:
        `(labels, scores)`. Labels: `(1, batch, steps)` or `(top_paths, batch, steps)` with `-1` after the end. Scores:
        `(batch, 1)`, the negative sum of the best logits, or `(batch, top_paths)`, log-probabilities.

    Raises:
        ValueError: If the strategy is anything else.

    Example:
        >>> ctc_decode([[[0.0, 9.0], [0.0, 9.0], [9.0, 0.0]]], [3])[0]
        tensor([[[ 1, -1, -1]]], dtype=torch.int32)
    """
    inputs = as_float(inputs)
    if inputs.dtype in (torch.float16, torch.bfloat16):
        inputs = inputs.float()
    lengths = as_tensor(sequence_lengths, device=inputs.device).to(torch.int64)
    blank = mask_index % inputs.shape[-1]
    if strategy == "greedy":
        return _greedy(inputs, lengths, merge_repeated, blank)
    if strategy == "beam_search":
        return _beam_search(inputs, lengths, beam_width, top_paths, blank)
    raise ValueError(f"Invalid strategy {strategy}. Supported values are 'greedy' and 'beam_search'.")


def _greedy(
    inputs: torch.Tensor, lengths: torch.Tensor, merge_repeated: bool, blank: int
) -> tuple[torch.Tensor, torch.Tensor]:
    steps = inputs.shape[1]
    best, labels = inputs.max(dim=-1)
    counts = torch.arange(steps, device=inputs.device) < lengths.unsqueeze(1)
    scores = -torch.where(counts, best, torch.zeros_like(best)).sum(dim=1, keepdim=True)
    keep = counts & (labels != blank)
    if merge_repeated:
        keep[:, 1:] &= labels[:, 1:] != labels[:, :-1]
    order = torch.argsort((~keep).to(torch.uint8), dim=1, stable=True)  # what is kept moves to the front
    kept = torch.where(keep, labels, torch.full_like(labels, -1)).gather(1, order)
    return kept.to(torch.int32).unsqueeze(0), scores


def _beam_search(
    inputs: torch.Tensor, lengths: torch.Tensor, width: int, top_paths: int, blank: int
) -> tuple[torch.Tensor, torch.Tensor]:
    batch, steps, _ = inputs.shape
    if inputs.device.type == "meta":
        return inputs.new_empty(top_paths, batch, steps, dtype=torch.int32), inputs.new_empty(batch, top_paths)
    labels = np.full((top_paths, batch, steps), -1, dtype=np.int32)
    scores = np.full((batch, top_paths), -np.inf)
    log_probabilities = torch.log_softmax(inputs.detach().double(), dim=-1).numpy(force=True)
    for row, length in enumerate(lengths.tolist()):
        for path, (prefix, score) in enumerate(_search(log_probabilities[row, :length], width, blank)[:top_paths]):
            labels[path, row, : len(prefix)] = prefix
            scores[row, path] = score
    device = inputs.device
    return torch.from_numpy(labels).to(device), torch.from_numpy(scores).to(inputs.dtype).to(device)


def _search(frames: np.ndarray[Any, Any], width: int, blank: int) -> list[tuple[tuple[int, ...], float]]:
    """Returns the best label sequences of one sample and their log-probabilities.

    A sequence is reached by alignments that end in its last label and by those that end in a blank. Only these two sums
    are kept per sequence.
    """
    prefixes: list[tuple[int, ...]] = [()]
    in_blank, in_label = np.zeros(1), np.full(1, -np.inf)
    for frame in frames:
        total = np.logaddexp(in_blank, in_label)
        stay_blank = total + frame[blank]
        last = np.array([prefix[-1] if prefix else blank for prefix in prefixes])
        stay_label = np.where(last == blank, -np.inf, in_label + frame[last])
        grow = total[:, None] + frame[None, :]
        rows = np.arange(len(prefixes))
        # The same label once more is a new one only after a blank.
        grow[rows, last] = np.where(last == blank, -np.inf, in_blank + frame[last])
        grow[:, blank] = -np.inf
        index = {prefix: i for i, prefix in enumerate(prefixes)}
        for i, prefix in enumerate(prefixes):
            parent = index.get(prefix[:-1]) if prefix else None
            if parent is not None:  # what grows into a sequence that is there already belongs to it
                stay_label[i] = np.logaddexp(stay_label[i], grow[parent, prefix[-1]])
                grow[parent, prefix[-1]] = -np.inf
        candidates = np.concatenate([np.logaddexp(stay_blank, stay_label), grow.reshape(-1)])
        best = np.argsort(-candidates, kind="stable")[:width]
        best = best[candidates[best] > -np.inf]
        count, classes = len(prefixes), frame.shape[0]
        blanks, ends, chosen = [], [], []
        for one in best:
            if one < count:
                chosen.append(prefixes[one])
                blanks.append(stay_blank[one])
                ends.append(stay_label[one])
            else:
                parent, label = divmod(int(one) - count, classes)
                chosen.append((*prefixes[parent], label))
                blanks.append(-np.inf)
                ends.append(candidates[one])
        prefixes, in_blank, in_label = chosen, np.array(blanks), np.array(ends)
    total = np.logaddexp(in_blank, in_label)
    order = np.argsort(-total, kind="stable")
    return [(prefixes[i], float(total[i])) for i in order]
