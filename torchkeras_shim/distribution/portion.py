"""Which rows of a batch are this process's, and what a step of several processes tells the layers and losses in it."""

from __future__ import annotations

from typing import NamedTuple

import torch


class Portion(NamedTuple):
    """One process's part of a batch.

    A process that gets no row of a small batch works on a borrowed one, which counts for nothing: all processes meet
    in the same collectives then.

    Attributes:
        rows: How many of the rows count here; 0 if the one at hand is borrowed.
        total: How many rows the batch has in all processes together.
    """

    rows: int
    total: int

    @property
    def share(self) -> float:
        """The part of the batch that is here."""
        return self.rows / self.total


class Work:
    """The step that this process runs together with others; all `None` while there is none.

    Class attributes, because layers and losses ask on their way through a step: one look and no call.
    """

    #: The portion of the batch that is at work. Statistics of batches are those of all processes then.
    portion: Portion | None = None
    #: The same, if losses are to be this process's share of the loss of the whole batch: the shares add up to it.
    sharing: Portion | None = None
    #: What the loss just computed was divided by, if that is something else than a number of rows.
    denominator: torch.Tensor | None = None
    #: The portion of the batch that was handed out last.
    handed: Portion | None = None


def bounds(rows: int, rank: int, count: int) -> tuple[int, int]:
    """Returns where the part of one process begins and ends in a batch.

    Args:
        rows: How many rows the batch has.
        rank: The process.
        count: How many processes there are.

    Example:
        >>> [bounds(10, rank, 4) for rank in range(4)]
        [(0, 3), (3, 6), (6, 8), (8, 10)]
    """
    each, rest = divmod(rows, count)  # no process gets more of a smaller batch
    start = rank * each + min(rank, rest)
    return start, start + each + (rank < rest)
