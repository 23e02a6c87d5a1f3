"""Sums and extremes of groups of rows."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.ops.promotion import as_tensor
from torchkeras_shim.ops.value_dependent import with_spec

__all__ = ["segment_max", "segment_min", "segment_prod", "segment_sum"]


def _segment(data: Any, segment_ids: Any, num_segments: int | None, reduce: str, empty: Any) -> torch.Tensor:
    """Reduces rows of equal ids; rows of negative ids, and of ids beyond the last segment, are left out."""
    data = as_tensor(data)
    ids = as_tensor(segment_ids, device=data.device).to(torch.int64)
    if ids.dim() != 1 or not data.dim() or ids.shape[0] != data.shape[0]:
        rule = "should be an 1-D vector," if ids.dim() != 1 else "and `data` should have same leading dimension."
        raise ValueError(
            f"Argument `segment_ids` {rule} It has one id per row of `data`. "
            f"Received: segment_ids.shape={tuple(ids.shape)}, data.shape={tuple(data.shape)}"
        )
    if num_segments is None:
        num_segments = int(ids.max()) + 1 if ids.numel() else 0
    inside = (ids >= 0) & (ids < num_segments)
    # One more segment takes what is left out: no shape then depends on the values.
    ids = torch.where(inside, ids, num_segments)
    if empty in ("lowest", "highest"):
        limits = torch.finfo(data.dtype) if data.is_floating_point() else torch.iinfo(data.dtype)
        empty = limits.min if empty == "lowest" else limits.max
    result = torch.full((num_segments + 1, *data.shape[1:]), empty, dtype=data.dtype, device=data.device)
    if reduce == "sum":
        return result.index_add(0, ids, data)[:num_segments]
    index = ids.reshape([-1] + [1] * (data.dim() - 1)).expand_as(data)
    return result.scatter_reduce(0, index, data, reduce)[:num_segments]


def _segment_spec(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    return KerasTensor((num_segments, *data.shape[1:]), data.dtype)


@with_spec(_segment_spec)
def segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """Adds up the rows of each segment.

    Args:
        data: A tensor.
        segment_ids: The segment of each row.
        num_segments: How many segments there are; by default the largest id plus one, which is read from the device.
        sorted: A promise that the ids ascend.

    Example:
        >>> segment_sum([1.0, 2.0, 3.0], [0, 1, 0], num_segments=2)
        tensor([4., 2.])
    """
    return _segment(data, segment_ids, num_segments, "sum", 0)


@with_spec(_segment_spec)
def segment_prod(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """Multiplies the rows of each segment (arguments as of `segment_sum`).

    Example:
        >>> segment_prod([1.0, 2.0, 3.0], [0, 1, 0], num_segments=2)
        tensor([3., 2.])
    """
    return _segment(data, segment_ids, num_segments, "prod", 1)


@with_spec(_segment_spec)
def segment_max(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """Returns the largest of the rows of each segment (arguments as of `segment_sum`).

    A segment without rows gives the type's lowest number.

    Example:
        >>> segment_max([1.0, 2.0, 3.0], [0, 1, 0], num_segments=2)
        tensor([3., 2.])
    """
    return _segment(data, segment_ids, num_segments, "amax", "lowest")


@with_spec(_segment_spec)
def segment_min(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """Returns the smallest of the rows of each segment (arguments as of `segment_sum`).

    A segment without rows gives the type's largest number.

    Example:
        >>> segment_min([1.0, 2.0, 3.0], [0, 1, 0], num_segments=2)
        tensor([1., 2.])
    """
    return _segment(data, segment_ids, num_segments, "amin", "highest")
