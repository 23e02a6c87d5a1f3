"""What the loops of one process tell those of the others: `Alone` has nobody to tell, `Several` has.

All processes run the same script, so that each calls the same methods here in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import torch

from torchkeras_shim.data import DataAdapter
from torchkeras_shim.distribution.processes import Processes, known
from torchkeras_shim.distribution.strategies import joined
from torchkeras_shim.distribution.tensors import require_mesh
from torchkeras_shim.training.together import Several, require_whole


class Team(Protocol):
    """What a loop asks of the processes."""

    @property
    def processes(self) -> Processes | None:
        """All that train together with this one, if there are any."""

    @property
    def distribution(self) -> Any:
        """How they share the work."""

    def split(self, adapter: DataAdapter) -> DataAdapter:
        """Returns the data of this process."""

    def begin(self, model: Any) -> None:
        """Makes weights and random generators alike before a loop."""

    def agree_weights(self, model: Any) -> None:
        """Makes weights alike if they were made since the last time."""

    def agree_random(self) -> None:
        """Makes the random generators alike before an epoch."""

    def add_up(self, metrics: Sequence[Any], returned: Any) -> Any:
        """Makes the metrics those of all data. Returns what the last step returned, averaged."""

    def values_of(self, metrics: Sequence[Any]) -> list[list[torch.Tensor]]:
        """Returns what the metrics hold of all data so far."""

    def keep_once(self, metrics: Sequence[Any]) -> None:
        """Leaves in all processes together what each of them holds of all data."""

    def settle(self, optimizer: Any) -> None:
        """Makes what an optimizer has added up since its last update that of all data."""

    def end_epoch(self, model: Any, logs: dict[str, Any]) -> dict[str, Any]:
        """Makes what layers and the optimizer have gathered alike, and the logs."""

    def batch_hooks(
        self, callbacks: Any, kind: str, logs_of: Any, *, owner: Any, metrics: Sequence[Any] = ()
    ) -> tuple[Any, Any]:
        """Returns what to call before and after each batch, so that all stop if one does, and see the same logs."""

    def agree_callbacks(self, callbacks: Any) -> None:
        """Raises an error if a callback that acts on the training is not in all processes."""

    def stops(self, flag: bool) -> bool:
        """Returns whether a process wants to stop."""

    def speaking(self, callbacks: Any, verbose: Any, model: Any) -> tuple[Any, Any]:
        """Returns the callbacks that this process calls, and how much it prints."""

    def gathered(self, outputs: Any, adapter: DataAdapter) -> Any:
        """Returns the outputs of all processes in the order of the data."""

    def telling(self) -> Any:
        """Returns a context in which errors are noted for the launcher."""


class Alone:
    """A process of its own: there is nothing to agree on."""

    processes: Processes | None = None
    distribution: Any = None

    def split(self, adapter: DataAdapter) -> DataAdapter:
        """Returns the data."""
        return adapter

    def begin(self, model: Any) -> None:
        """Refuses a model of which only a part is here."""
        if model.__dict__.get("_is_cut") or known() is not None:
            require_whole(model)
            require_mesh(model, None)

    def agree_weights(self, model: Any) -> None:
        """Does nothing."""

    def agree_random(self) -> None:
        """Does nothing."""

    def add_up(self, metrics: Sequence[Any], returned: Any) -> Any:
        """Returns what the last step returned."""
        return returned

    def values_of(self, metrics: Sequence[Any]) -> list[list[torch.Tensor]]:
        """Returns what they hold."""
        return [list(metric.variables) for metric in metrics]

    def keep_once(self, metrics: Sequence[Any]) -> None:
        """Does nothing."""

    def settle(self, optimizer: Any) -> None:
        """Does nothing."""

    def end_epoch(self, model: Any, logs: dict[str, Any]) -> dict[str, Any]:
        """Returns the logs."""
        return logs

    def batch_hooks(
        self, callbacks: Any, kind: str, logs_of: Any, *, owner: Any, metrics: Sequence[Any] = ()
    ) -> tuple[Any, Any]:
        """Returns the hooks of the callbacks."""
        return callbacks.batch_hooks(kind, logs_of)  # type: ignore[no-any-return]

    def agree_callbacks(self, callbacks: Any) -> None:
        """Does nothing."""

    def stops(self, flag: bool) -> bool:
        """Returns the flag."""
        return flag

    def speaking(self, callbacks: Any, verbose: Any, model: Any) -> tuple[Any, Any]:
        """Returns both."""
        return callbacks, verbose

    def gathered(self, outputs: Any, adapter: DataAdapter) -> Any:
        """Returns the outputs."""
        return outputs

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Does nothing."""
        yield


def team() -> Team:
    """Returns the processes to work with, as the distribution in force has it."""
    found = joined()
    return ALONE if found is None else Several(*found)


ALONE = Alone()
