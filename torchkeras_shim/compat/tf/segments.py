"""Segments: rows put together by the number that each of them has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.compat.tf.api import tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.tensors import like
from torchkeras_shim.core.errors import InvalidArgumentError

#: How segments are put together: torch's name of it, and what an empty one holds.
_SEGMENTS = {"sum": ("sum", 0), "prod": ("prod", 1), "max": ("amax", None), "min": ("amin", None), "mean": ("mean", 0)}


def in_segments(x: Any, ids: Any, count: int, mode: str, empty_zero: bool) -> torch.Tensor:
    """Returns what the rows of each segment make.

    Args:
        x: The rows.
        ids: The segment of each row; rows of others than the first `count` are left out.
        count: The number of segments.
        mode: `"sum"`, `"prod"`, `"max"`, `"min"` or `"mean"`.
        empty_zero: Whether an extreme of no rows is 0. Otherwise it is the type's lowest or highest value.
    """
    x, ids = like(x), like(ids).long()
    tail = x.shape[ids.ndim :]
    flat, places = x.reshape(-1, *tail), ids.reshape(-1)
    inside = (places >= 0) & (places < count)
    flat, places = flat[inside], places[inside]
    how, start = _SEGMENTS[mode]
    if start is None:
        kind = as_dtype(x.dtype)
        start = 0 if empty_zero else (kind.min if mode == "max" else kind.max)
    result = torch.full((count, *tail), start, dtype=x.dtype, device=x.device)
    index = places.reshape(-1, *[1] * len(tail)).expand_as(flat)
    return result.scatter_reduce(0, index, flat, how, include_self=False)


def _make_segments(mode: str) -> None:
    def sorted_segments(data: Any, segment_ids: Any) -> Any:
        ids = like(segment_ids)
        if (ids.diff() < 0).any():
            raise InvalidArgumentError("segment ids are not increasing")
        return in_segments(data, ids, int(ids[-1]) + 1 if ids.numel() else 0, mode, empty_zero=True)

    def unsorted_segments(data: Any, segment_ids: Any, num_segments: Any) -> Any:
        return in_segments(data, segment_ids, int(num_segments), mode, empty_zero=False)

    both: dict[str, Callable[..., Any]] = {"segment_": sorted_segments, "unsorted_segment_": unsorted_segments}
    for prefix, function in both.items():
        function.__name__ = f"{prefix}{mode}"
        function.__doc__ = f"The {mode} of the rows with each segment id."
        tf_op(f"math.{prefix}{mode}")(function)


for _mode in _SEGMENTS:
    _make_segments(_mode)


@tf_op("math.unsorted_segment_sqrt_n")
def unsorted_segment_sqrt_n(data: Any, segment_ids: Any, num_segments: Any) -> Any:
    """The sum of the rows with each segment id, divided by the root of their number."""
    count = in_segments(torch.ones(like(segment_ids).shape), segment_ids, int(num_segments), "sum", False).clamp(min=1)
    total = in_segments(data, segment_ids, int(num_segments), "sum", False)
    return total / torch.sqrt(count).to(total.dtype).reshape(-1, *[1] * (total.ndim - 1))
