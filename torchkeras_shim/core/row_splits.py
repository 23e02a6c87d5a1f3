"""Where the rows of ragged tensors begin and end, made from other ways to say it."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.errors import InvalidArgumentError

_INTEGERS = (torch.int32, torch.int64)


def as_splits(row_splits: Any) -> torch.Tensor:
    """Returns the places as a tensor: int32 stays, anything else is int64."""
    splits = torch.as_tensor(row_splits)
    return splits if splits.dtype in _INTEGERS and isinstance(row_splits, torch.Tensor) else splits.to(torch.int64)


def of_lengths(lengths: Any) -> torch.Tensor:
    """Returns the splits of rows of the given lengths.

    Example:
        >>> of_lengths([2, 0, 1])
        tensor([0, 2, 2, 3])
    """
    lengths = torch.as_tensor(lengths).to(torch.int64)
    return torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])


def of_rowids(value_rowids: Any, nrows: int | None = None) -> torch.Tensor:
    """Returns the splits of rows whose numbers are given for each value, and which never fall.

    Example:
        >>> of_rowids([0, 0, 2], nrows=4)
        tensor([0, 2, 2, 3, 3])
    """
    rows = torch.as_tensor(value_rowids, dtype=torch.int64)
    count = (int(rows[-1]) + 1 if len(rows) else 0) if nrows is None else int(nrows)
    if len(rows) and int(rows[-1]) >= count:
        raise ValueError(
            f"Expected nrows >= value_rowids[-1] + 1; got nrows={count}, value_rowids[-1]={int(rows[-1])}. "
            f"Write nrows={int(rows[-1]) + 1}, or leave it out."
        )
    if len(rows) and (int(rows[0]) < 0 or bool((rows.diff() < 0).any())):
        raise InvalidArgumentError(
            "Arguments to from_value_rowids do not form a valid RaggedTensor. The numbers of rows must not be "
            f"negative, and never fall. Received: value_rowids={rows.tolist()}. Sort the values by their rows."
        )
    return of_lengths(torch.bincount(rows, minlength=count))


def of_uniform(count: int, length: Any, nrows: Any = None) -> torch.Tensor:
    """Returns the splits of rows of one length.

    Args:
        count: The number of values.
        length: The length of each row.
        nrows: The number of rows, which nothing else says if the length is 0.

    Example:
        >>> of_uniform(4, 2)
        tensor([0, 2, 4])
    """
    length = int(length)
    if length < 0:
        raise ValueError(f"`uniform_row_length` must not be negative. Received: {length}")
    rows = (count // length if length else 0) if nrows is None else int(nrows)
    if rows * length != count:
        raise ValueError(
            "The values of rows of one length must be so many times that length. Received: "
            f"{count} values, uniform_row_length={length}, nrows={nrows}"
        )
    return torch.arange(rows + 1).mul(length)


def check(splits: torch.Tensor, count: int) -> None:
    """Raises an error if splits do not cut so many values into rows."""
    begins = "Arguments to from_row_splits do not form a valid RaggedTensor"
    received = f"Received: row_splits {splits.tolist()[:16]} for {count} values"
    if splits.ndim != 1 or not len(splits):
        raise InvalidArgumentError(f"{begins}: row_splits must be a vector that begins with 0. {received}")
    if int(splits[0]) != 0:
        raise InvalidArgumentError(f"{begins}:zero. The first of them must be 0. {received}")
    if bool((splits.diff() < 0).any()):
        raise InvalidArgumentError(f"{begins}:monotonic. They must not decrease. {received}")
    if int(splits[-1]) != count:
        raise InvalidArgumentError(f"{begins}. The last of them must be the number of values. {received}")


def places(starts: torch.Tensor, lengths: torch.Tensor, steps: Any = 1) -> torch.Tensor:
    """Returns the places of runs of values, one run after the other.

    Example:
        >>> places(torch.tensor([5, 0]), torch.tensor([2, 3]))
        tensor([5, 6, 0, 1, 2])
    """
    ends = lengths.cumsum(0)
    inside = torch.arange(int(ends[-1]) if len(ends) else 0) - torch.repeat_interleave(ends - lengths, lengths)
    return torch.repeat_interleave(starts, lengths).add(inside * steps)


def cut(lengths: torch.Tensor, part: slice) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Returns where a slice of each row begins within it, how many values it takes, and in which steps.

    Example:
        >>> cut(torch.tensor([4, 1]), slice(-2, None))
        (tensor([2, 0]), tensor([2, 1]), 1)
    """
    kinds, which = torch.unique(lengths, return_inverse=True)
    ranges = [range(*part.indices(length)) for length in kinds.tolist()]
    starts = torch.tensor([one.start for one in ranges], dtype=torch.int64)
    counts = torch.tensor([len(one) for one in ranges], dtype=torch.int64)
    return starts[which], counts[which], 1 if part.step is None else int(part.step)
