"""Ranking: sorting, the order that sorts, and the largest values of each row."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import torch

from torchkeras_shim.compat.tf.api import tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.tensors import like
from torchkeras_shim.core.errors import InvalidArgumentError


@tf_op("argsort")
def argsort(values: Any, axis: Any = -1, direction: str = "ASCENDING", stable: bool = False) -> Any:
    """The order that sorts along an axis, as int32; equal ones keep theirs."""
    return torch.argsort(like(values), dim=int(axis), descending=_descending(direction), stable=True).to(torch.int32)


@tf_op("sort")
def sort(values: Any, axis: Any = -1, direction: str = "ASCENDING") -> Any:
    """A tensor sorted along an axis."""
    return torch.sort(like(values), dim=int(axis), descending=_descending(direction), stable=True).values


def _descending(direction: str) -> bool:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(f"Argument `direction` must be one of 'ASCENDING' or 'DESCENDING'. Received: {direction!r}")
    return direction == "DESCENDING"


TopKV2 = namedtuple("TopKV2", ["values", "indices"])


@tf_op("math.top_k", "nn.top_k")
def top_k(input: Any, k: Any = 1, sorted: bool = True, index_type: Any = "int32") -> Any:
    """The largest values along the last axis and where they are, the first of equal ones first."""
    x = like(input)
    if int(k) > x.shape[-1]:
        raise InvalidArgumentError(f"input must have at least k columns. Had {x.shape[-1]}, needed {int(k)}")
    order = torch.argsort(x, dim=-1, descending=True, stable=True)[..., : int(k)]
    return TopKV2(torch.gather(x, -1, order), order.to(as_dtype(index_type).torch_dtype))


@tf_op("math.in_top_k", "nn.in_top_k")
def in_top_k(targets: Any, predictions: Any, k: Any) -> Any:
    """Whether each target is among the `k` largest predictions of its row."""
    targets, predictions = like(targets).long(), like(predictions)
    chosen = torch.gather(predictions, 1, targets[:, None])
    return ((predictions > chosen).sum(1) < int(k)) & torch.isfinite(predictions).all(1)
