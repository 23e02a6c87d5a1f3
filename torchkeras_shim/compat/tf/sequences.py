"""Sequences of labels: what a decoder reads, and how far two of them are apart."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.compat.tf.api import tf_op
from torchkeras_shim.compat.tf.sparse import as_sparse
from torchkeras_shim.compat.tf.tensors import like
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.sparse import SparseTensor
from torchkeras_shim.ops.ctc import ctc_decode


@tf_op("nn.ctc_greedy_decoder")
def ctc_greedy_decoder(
    inputs: Any, sequence_length: Any, merge_repeated: bool = True, blank_index: int | None = None
) -> Any:
    """The likeliest label of each step without blanks, and the negative sum of the largest outputs.

    Args:
        inputs: Outputs of shape (steps, batch, classes).
        sequence_length: How many steps each sample has.
        merge_repeated: Whether a label that comes several times in a row counts once.
        blank_index: Which class is the blank, the last one by default.
    """
    x, lengths = like(inputs), like(sequence_length).tolist()
    blank = x.shape[-1] - 1 if blank_index is None else int(blank_index) % x.shape[-1]
    highest, best = x.max(-1)
    rows, totals = [], []
    for sample, length in enumerate(lengths):
        labels = best[:length, sample]
        new = torch.ones_like(labels, dtype=torch.bool)
        if merge_repeated:
            new[1:] = labels.diff() != 0
        rows.append(labels[new & (labels != blank)])
        totals.append(-highest[:length, sample].sum())
    return [RaggedTensor.from_rows(rows).to_sparse()], torch.stack(totals)[:, None]


@tf_op("nn.ctc_beam_search_decoder")
def ctc_beam_search_decoder(inputs: Any, sequence_length: Any, beam_width: int = 100, top_paths: int = 1) -> Any:
    """The most probable sequences of labels, best first, and their log-probabilities; the last class is the blank.

    Args:
        inputs: Outputs of shape (steps, batch, classes), before a softmax.
        sequence_length: How many steps each sample has.
        beam_width: How many sequences the search keeps.
        top_paths: How many it returns.
    """
    if top_paths > beam_width:
        raise InvalidArgumentError(f"Requested more paths than the beam width: {top_paths} > {beam_width}.")
    x = like(inputs).transpose(0, 1)
    paths, scores = ctc_decode(
        x, like(sequence_length), "beam_search", beam_width=beam_width, top_paths=top_paths, mask_index=-1
    )
    decoded = [RaggedTensor.from_rows([row[row >= 0].long() for row in path]).to_sparse() for path in paths]
    return decoded, scores


@tf_op("nn.collapse_repeated")
def collapse_repeated(labels: Any, seq_length: Any) -> Any:
    """Rows of labels without those that repeat the one before, filled up with zeros, and their lengths."""
    x, lengths = like(labels), like(seq_length)
    inside = torch.arange(x.shape[1]) < lengths[:, None]
    inside[:, 1:] &= x.diff(dim=1) != 0
    counts = inside.sum(1)
    rows = RaggedTensor.from_row_lengths(x[inside], counts)
    return rows.to_tensor(), counts.to(torch.int32)


@tf_op("edit_distance")
def edit_distance(hypothesis: Any, truth: Any, normalize: bool = True) -> Any:
    """How many insertions, deletions and changes make one sequence of the other, over the length of the true one."""
    ours, theirs = as_sparse(hypothesis), as_sparse(truth)
    sizes = [max(pair) for pair in zip(ours.shape[:-1], theirs.shape[:-1], strict=True)]
    found = torch.zeros(sizes)
    first, second = _rows(ours), _rows(theirs)
    for place in {*first, *second}:
        guess, true = first.get(place, []), second.get(place, [])
        distance = float(_distance(guess, true))
        if normalize:
            distance = distance / len(true) if true else (float("inf") if guess else 0.0)
        found[place] = distance
    return found


def _rows(sparse: SparseTensor) -> dict[tuple[int, ...], list[Any]]:
    found: dict[tuple[int, ...], list[Any]] = {}
    for place, item in zip(sparse.indices[:, :-1].tolist(), sparse.values.tolist(), strict=True):
        found.setdefault(tuple(place), []).append(item)
    return found


def _distance(guess: list[Any], true: list[Any]) -> int:
    """Returns Levenshtein's distance."""
    costs = list(range(len(true) + 1))
    for row, item in enumerate(guess, 1):
        before, costs[0] = costs[0], row
        for column, other in enumerate(true, 1):
            before, costs[column] = (
                costs[column],
                min(costs[column] + 1, costs[column - 1] + 1, before + (item != other)),
            )
    return costs[-1]
