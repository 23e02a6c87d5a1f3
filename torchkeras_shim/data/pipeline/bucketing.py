"""Which bucket an element of some length goes into."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.data.pipeline import specs


class Buckets:
    """Buckets of elements by their length.

    Args:
        length: Returns the length of an element.
        boundaries: The lengths at which a bucket ends and the next begins.
        batch_sizes: The batch size of each bucket.

    Raises:
        ValueError: If there is not one batch size more than there are boundaries.
    """

    def __init__(self, length: Callable[..., Any], boundaries: Any, batch_sizes: Any) -> None:
        self._length = length
        self._boundaries = [int(boundary) for boundary in boundaries]
        self._sizes = [int(size) for size in batch_sizes]
        if len(self._sizes) != len(self._boundaries) + 1:
            raise ValueError(
                "`len(bucket_batch_sizes)` must equal `len(bucket_boundaries) + 1` but `len(bucket_batch_sizes)="
                f"{len(self._sizes)}` and `len(bucket_boundaries)={len(self._boundaries)}`."
            )

    def key(self, *element: Any) -> int:
        """Returns the bucket of an element."""
        length = int(self._length(*element))
        return sum(length >= boundary for boundary in self._boundaries)

    def size(self, key: Any) -> int:
        """Returns the batch size of a bucket."""
        return self._sizes[int(key)]

    def shapes(self, key: int, spec: Any, given: Any) -> Any:
        """Returns shapes in which sizes that are not given are the longest that a bucket may have.

        Raises:
            ValueError: If an element is longer than the last boundary.
        """
        if key >= len(self._boundaries):
            raise ValueError(
                "When pad_to_bucket_boundary=True, elements must have length < max(bucket_boundaries). Received: "
                f"bucket_boundaries={self._boundaries}"
            )
        longest = self._boundaries[key] - 1

        def shape(part: Any, one: Any) -> torch.Size:
            sizes = (None,) * len(part.shape) if one is None else specs.as_shape(one)
            return torch.Size(longest if size is None else size for size in sizes)

        return specs.aligned(shape, spec, given)
