"""What every kind of data looks like to the training loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

#: One step's data: inputs, targets and sample weights, tensors or structures of them; what is absent is `None`.
Batch = tuple[Any, Any, Any]

#: How many samples a batch has when nobody says.
DEFAULT_BATCH_SIZE = 32


class DataAdapter(ABC):
    """One source of batches. The tensors it yields already live on the device that it was made for.

    A subclass of the user's own may be handed to `fit`, `evaluate` and `predict` in the place of `x`.
    """

    #: How many batches one pass has, or `None` where that is not known beforehand.
    num_batches: int | None = None
    #: The size of every batch but perhaps the last, or `None` where that is not known.
    batch_size: int | None = None
    #: How many samples one pass has, or `None` where that is not known.
    num_samples: int | None = None
    #: Whether every pass begins at the first batch; data that is consumed as it goes cannot.
    restarts: bool = True

    #: Whether a pass is known to have no end, so that somebody must say how many batches are wanted.
    endless: bool = False

    @abstractmethod
    def batches(self) -> Iterator[Batch]:
        """Returns an iterator over one pass of the data, of `(x, y, sample_weight)`."""

    @property
    def partial_batch_size(self) -> int | None:
        """The size of a smaller last batch, or `None` if there is none or nobody knows."""
        if self.num_samples is None or self.batch_size is None:
            return None
        return self.num_samples % self.batch_size or None

    @property
    def has_partial_batch(self) -> bool | None:
        """Whether the last batch is smaller than the others, or `None` where nobody knows."""
        if self.num_samples is None or self.batch_size is None:
            return None
        return self.num_samples % self.batch_size > 0

    @property
    def places(self) -> list[str]:
        """Where the data lives and how it gets to the device, a line for each part."""
        return [f"{type(self).__name__.removesuffix('Adapter')}, moved batch by batch"]

    def on_epoch_begin(self) -> None:  # noqa: B027 - most data does not care
        """Is called before each pass."""

    def on_epoch_end(self) -> None:  # noqa: B027
        """Is called after each pass."""
