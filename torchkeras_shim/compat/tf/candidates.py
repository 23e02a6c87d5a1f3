"""Losses over a few classes that are drawn: `tf.nn.sampled_softmax_loss` and `nce_loss`, and the samplers."""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim.compat.tf.api import tf_op
from torchkeras_shim.compat.tf.random import _generator
from torchkeras_shim.compat.tf.tensors import like
from torchkeras_shim.core.errors import InvalidArgumentError

Candidates = namedtuple("Candidates", ["sampled_candidates", "true_expected_count", "sampled_expected_count"])


def _drawn(
    true_classes: Any,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: Any,
    draw: Callable[[torch.Tensor], torch.Tensor],
    chance: Callable[[torch.Tensor], torch.Tensor],
) -> Candidates:
    """Draws classes, and says how often each of them and of the true ones is to be expected."""
    if unique and num_sampled > range_max:
        raise InvalidArgumentError(
            f"Sampler's range is too small: {num_sampled} different classes cannot be drawn of {range_max}."
        )
    generator = _generator(seed, "candidates", num_sampled, range_max)
    chosen: list[int] = []
    seen: set[int] = set()
    tries = 0
    while len(chosen) < num_sampled:
        for one in draw(torch.rand(num_sampled, generator=generator)).clamp(0, range_max - 1).tolist():
            if len(chosen) == num_sampled:
                break
            tries += 1
            if unique and one in seen:
                continue
            seen.add(one)
            chosen.append(one)

    def expected(classes: torch.Tensor) -> torch.Tensor:
        p = chance(classes.float())
        return -torch.expm1(tries * torch.log1p(-p)) if unique else p * num_sampled

    sampled = torch.tensor(chosen, dtype=torch.int64)
    return Candidates(sampled, expected(like(true_classes)), expected(sampled))


@tf_op("random.log_uniform_candidate_sampler", "nn.log_uniform_candidate_sampler")
def log_uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, seed: Any = None
) -> Any:
    """Classes by Zipf's law, the first ones the most often."""
    scale = math.log(range_max + 1)
    return _drawn(
        true_classes,
        int(num_sampled),
        unique,
        int(range_max),
        seed,
        lambda uniform: (torch.exp(uniform * scale) - 1).long(),
        lambda classes: torch.log((classes + 2) / (classes + 1)) / scale,
    )


@tf_op("random.uniform_candidate_sampler", "nn.uniform_candidate_sampler")
def uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, seed: Any = None
) -> Any:
    """Classes, each as often as any other."""
    return _drawn(
        true_classes,
        int(num_sampled),
        unique,
        int(range_max),
        seed,
        lambda uniform: (uniform * range_max).long(),
        lambda classes: torch.full_like(classes, 1 / range_max),
    )


@tf_op("nn.sampled_softmax_loss")
def sampled_softmax_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = True,
    seed: Any = None,
) -> Any:
    """The softmax loss of the true classes among some that are drawn."""
    labels = like(labels).long().reshape(-1, num_true)
    if sampled_values is None:
        sampled_values = log_uniform_candidate_sampler(labels, num_true, num_sampled, True, num_classes, seed)
    logits, targets = _logits(weights, like(biases), labels, like(inputs), sampled_values, remove_accidental_hits)
    return -(targets * torch.log_softmax(logits, -1)).sum(-1)


@tf_op("nn.nce_loss")
def nce_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = False,
) -> Any:
    """The loss of telling the true classes from some that are drawn."""
    labels = like(labels).long().reshape(-1, num_true)
    if sampled_values is None:
        sampled_values = log_uniform_candidate_sampler(labels, num_true, num_sampled, True, num_classes)
    logits, targets = _logits(weights, like(biases), labels, like(inputs), sampled_values, remove_accidental_hits)
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(-1)


def _logits(
    weights: Any, biases: Any, labels: torch.Tensor, inputs: Any, sampled_values: Sequence[Any], remove_hits: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the outputs for the true classes and the drawn ones, less the logarithm of how often each is drawn."""
    weights = torch.cat([like(one) for one in weights]) if isinstance(weights, (list, tuple)) else like(weights)
    num_true = labels.shape[1]
    sampled, true_expected, sampled_expected = (like(one) for one in sampled_values)
    true = (inputs[:, None] * weights[labels]).sum(-1) + biases[labels] - torch.log(true_expected)
    drawn = inputs @ weights[sampled].T + biases[sampled] - torch.log(sampled_expected)
    if remove_hits:
        hits = (labels[:, :, None] == sampled).any(1)
        drawn = drawn.masked_fill(hits, torch.finfo(drawn.dtype).min)
    targets = torch.cat([torch.full_like(true, 1 / num_true), torch.zeros_like(drawn)], 1)
    return torch.cat([true, drawn], 1), targets
