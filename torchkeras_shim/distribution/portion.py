"""Which rows of a batch are this process's, and what a step of several processes tells the layers and losses in it."""

from __future__ import annotations

from typing import NamedTuple

import torch

from torchkeras_shim.distribution.processes import Processes


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

    #: The portion of the batch that is at work, if statistics of batches are to be those of all processes.
    portion: Portion | None = None
    #: Whether its row is a borrowed one.
    borrowed = False
    #: The portion at work, if losses are to be shares: those of all processes add up to the loss of the whole batch.
    sharing: Portion | None = None
    #: What the loss just computed was divided by, if that is something else than a number of rows.
    denominator: torch.Tensor | None = None
    #: The processes that have the other portions, while a step is at work.
    processes: Processes | None = None
    #: The portion of the batch that was handed out last.
    handed: Portion | None = None
    #: Whether the optimizer's state is written between two batches: what it gathers is that of all data then.
    watched = False

    @classmethod
    def begin(cls, processes: Processes, *, sharing: bool, statistics_of_all: bool) -> Portion:
        """Begins a step on the batch that was handed out last. Returns what of it is here.

        Args:
            processes: The processes that have the other portions.
            sharing: Whether losses are to be shares.
            statistics_of_all: Whether statistics of batches are to be those of all processes.
        """
        portion = cls.handed
        assert portion is not None
        cls.processes = processes
        cls.borrowed = not portion.rows
        cls.sharing = portion if sharing else None
        cls.portion = portion if statistics_of_all else None
        return portion

    @classmethod
    def end(cls) -> None:
        """Ends the step."""
        cls.portion = cls.sharing = cls.processes = None
        cls.borrowed = False


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
