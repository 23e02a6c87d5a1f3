"""What the loops of one process tell those of the others: `Alone` has nobody to tell, `Several` has.

All processes run the same script, so that each calls the same methods here in the same order.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch

from torchkeras_shim.core import tree
from torchkeras_shim.core.random_state import RandomState
from torchkeras_shim.core.sharded import is_sharded
from torchkeras_shim.data import DataAdapter
from torchkeras_shim.data.splitting import Part, split
from torchkeras_shim.distribution.fully_sharded import FullySharded
from torchkeras_shim.distribution.portion import Work
from torchkeras_shim.distribution.processes import Processes, known, note_failure
from torchkeras_shim.distribution.strategies import distribution, joined
from torchkeras_shim.distribution.tensors import spread
from torchkeras_shim.layers import Layer, calling
from torchkeras_shim.layers.weights import StructureVersion
from torchkeras_shim.training.rounds import settle
from torchkeras_shim.training.sharding import shard

#: What ends the loop of each kind of batches.
_FLAGS = {"train": "stop_training", "test": "stop_evaluating", "predict": "stop_predicting"}


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

    def listening(self, on_end: Any, owner: Any, kind: str, callbacks: Any) -> Any:
        """Returns what to call after each batch, so that all stop if one does."""

    def stops(self, flag: bool) -> bool:
        """Returns whether a process wants to stop."""

    def speaking(self, callbacks: Any, verbose: Any) -> tuple[Any, Any]:
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
        if model.__dict__.get("_is_cut"):
            raise _is_cut(model)

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

    def listening(self, on_end: Any, owner: Any, kind: str, callbacks: Any) -> Any:
        """Returns the hook."""
        return on_end

    def stops(self, flag: bool) -> bool:
        """Returns the flag."""
        return flag

    def speaking(self, callbacks: Any, verbose: Any) -> tuple[Any, Any]:
        """Returns both."""
        return callbacks, verbose

    def gathered(self, outputs: Any, adapter: DataAdapter) -> Any:
        """Returns the outputs."""
        return outputs

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Does nothing."""
        yield


class Several:
    """One of several processes that train together.

    Args:
        processes: Those that share each batch with this one.
        distribution: How they share the work.
    """

    def __init__(self, processes: Processes, distribution: Any) -> None:
        everyone = known()
        assert everyone is not None
        self.processes: Processes = processes
        self.distribution: Any = distribution
        #: All processes, those included that have other parts of weights and the same rows.
        self.everyone: Processes = everyone

    def split(self, adapter: DataAdapter) -> DataAdapter:
        """Returns this process's part of the data."""
        return split(adapter, self.processes, self.distribution.auto_shard_dataset)

    def begin(self, model: Any) -> None:
        """Takes over the first process's random numbers, and its weights."""
        self.agree_random()
        self.agree_weights(model)

    def agree_weights(self, model: Any) -> None:
        """Takes over the first process's weights, if that has not been done since layers were built or changed."""
        if model.__dict__.get("_alike_since") != StructureVersion.value:
            if isinstance(self.distribution, FullySharded):
                if calling.is_built(model):
                    shard(model, self.processes, self.distribution)
                whole = [tensor for tensor in (*model.parameters(), *model.buffers()) if not is_sharded(tensor)]
                self.processes.spread(whole)
            elif model.__dict__.get("_is_cut"):
                raise _is_cut(model)
            else:
                spread(model, self.processes)
            model.__dict__["_alike_since"] = StructureVersion.value

    def agree_random(self) -> None:
        """Takes over where the first process's random generators stand."""
        state = self.everyone.from_first(RandomState())
        if self.everyone.rank:
            state.restore()

    def add_up(self, metrics: Sequence[Any], returned: Any) -> Any:
        """Adds up the metrics' states. Returns what a step of the model's own returned, averaged over the rows."""
        variables = [variable for metric in metrics for variable in metric.variables]
        self._merge(variables, list(map(_aggregation, variables)))
        return self._averaged(returned)

    def _merge(self, values: list[torch.Tensor], kinds: list[Any]) -> None:
        def of(*wanted: Any) -> list[torch.Tensor]:
            return [value for value, kind in zip(values, kinds, strict=True) if kind in wanted]

        with torch.no_grad():
            self.processes.add_up(of("sum", "mean"))
            for value in of("mean"):
                value.div_(self.processes.count)
            self.processes.spread(of("only_first_replica", "none", None))

    def values_of(self, metrics: Sequence[Any]) -> list[list[torch.Tensor]]:
        """Returns what the metrics of all processes hold together."""
        values = [[variable.detach().clone() for variable in metric.variables] for metric in metrics]
        kinds = [_aggregation(variable) for metric in metrics for variable in metric.variables]
        self._merge([value for group in values for value in group], kinds)
        return values

    def keep_once(self, metrics: Sequence[Any]) -> None:
        """Lets go of what the first process holds as well and would be added up."""
        if self.processes.rank:
            for metric in metrics:
                for variable in metric.variables:
                    if _aggregation(variable) == "sum":
                        variable.data.zero_()

    def _averaged(self, returned: Any) -> Any:
        handed = Work.handed
        if not isinstance(returned, dict) or handed is None:
            return returned
        result = dict(returned)
        names = sorted(name for name, value in result.items() if isinstance(value, (torch.Tensor, float, int)))
        scalars = [torch.as_tensor(result[name], dtype=torch.float64, device="cpu").detach() for name in names]
        if scalars and all(scalar.ndim == 0 for scalar in scalars):
            together = torch.stack(scalars) * handed.share
            self.processes.add_up([together])
            result.update(zip(names, together.float(), strict=True))
        return result

    def settle(self, optimizer: Any) -> None:
        """Makes what an optimizer has added up since its last update that of all data."""
        settle(optimizer, self.processes)

    def end_epoch(self, model: Any, logs: dict[str, Any]) -> dict[str, Any]:
        """Averages statistics that modules have taken of their own rows only. Returns the first process's logs."""
        self.settle(model.optimizer)
        own = () if self.distribution.batch_statistics == "local" else Layer  # those of raw torch modules always
        with torch.no_grad():
            kept = [
                buffer
                for module in model.modules()
                if not isinstance(module, own)
                for buffer in module._buffers.values()
                if buffer is not None and buffer.is_floating_point()
            ]
            self.processes.add_up(kept)
            for buffer in kept:
                buffer.div_(self.processes.count)
        return self.everyone.from_first(logs)  # type: ignore[no-any-return]

    def listening(self, on_end: Any, owner: Any, kind: str, callbacks: Any) -> Any:
        """Returns the hook; if callbacks of the user's may stop the loop, all processes compare after each batch."""
        if on_end is None or not callbacks.may_stop(kind):
            return on_end
        flag = _FLAGS[kind]

        def heard(index: int, result: Any) -> None:
            on_end(index, result)
            setattr(owner, flag, self.everyone.any(getattr(owner, flag)))

        return heard

    def stops(self, flag: bool) -> bool:
        """Returns whether any process wants to stop."""
        return self.everyone.any(flag)

    def speaking(self, callbacks: Any, verbose: Any) -> tuple[Any, Any]:
        """Returns the callbacks that this process calls, and how much it prints: the first one writes for all."""
        if self.everyone.rank == 0:
            return callbacks, verbose
        listed = tree.flatten(callbacks or [])
        return [one for one in listed if not getattr(one, "only_in_first_process", False)], 0

    def gathered(self, outputs: Any, adapter: DataAdapter) -> Any:
        """Returns the outputs of all processes in the order of the data, in each of them.

        Args:
            outputs: Arrays of this process's rows, borrowed ones among them.
            adapter: The data of this process.
        """
        assert isinstance(adapter, Part)
        counts = adapter.counts
        everywhere = self.processes.from_all(counts)
        if not any(map(sum, everywhere)):
            return outputs
        starts = np.zeros((len(counts), self.processes.count), dtype=np.int64)
        sizes = np.array(everywhere, dtype=np.int64).T
        starts.reshape(-1)[1:] = np.cumsum(sizes.reshape(-1))[:-1]
        places = [_runs(starts[:, rank], sizes[:, rank]) for rank in range(self.processes.count)]
        mine = np.array(counts, dtype=np.int64)
        shown = np.maximum(mine, 1)  # a borrowed row came out, too
        own = _runs(np.cumsum(shown) - shown, mine)
        return tree.map_structure(lambda array: self._joined(array[own], places), outputs)

    def _joined(self, array: np.ndarray[Any, Any], places: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        whole = np.empty((sum(map(len, places)), *array.shape[1:]), array.dtype)
        for rank, rows in enumerate(places):
            own = rank == self.processes.rank
            part = np.ascontiguousarray(array) if own else np.empty((len(rows), *array.shape[1:]), array.dtype)
            if part.size:
                self.processes.send_from(rank, torch.from_numpy(part.reshape(-1).view(np.uint8)))
                whole[rows] = part
        return whole

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Notes an error that ends a loop, for the launcher's summary.

        Raises:
            RuntimeError: If a loop of another thread is running: the processes would not meet in the same exchanges.
        """
        me = threading.get_ident()
        if any(thread != me for thread in _threads):
            raise RuntimeError(
                "`fit`, `evaluate` or `predict` is running in another thread. Processes that train together run one "
                "loop after another: wait for the first to end."
            )
        _threads.append(me)
        try:
            yield
        except BaseException as error:
            note_failure(error)
            raise
        finally:
            _threads.remove(me)


def _is_cut(model: Any) -> RuntimeError:
    return RuntimeError(
        f"The weights of model '{model.name}' are cut over processes, by `FullySharded`, but the distribution in force "
        f"is {distribution()!r}. Write `keras.distribution.set_distribution(keras.distribution.FullySharded())`, or "
        "make the model again and load the weights that this one has saved."
    )


def _aggregation(variable: Any) -> Any:
    """Returns how the values of a metric's variable in several processes become one."""
    return getattr(variable, "_aggregation", "sum")


def _runs(starts: np.ndarray[Any, Any], sizes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Returns the numbers from each start on, as many as its size says."""
    ends = np.cumsum(sizes)
    return np.repeat(starts - (ends - sizes), sizes) + np.arange(int(ends[-1]) if len(ends) else 0)


def team() -> Team:
    """Returns the processes to work with, as the distribution in force has it."""
    found = joined()
    return ALONE if found is None else Several(*found)


#: The threads of the loops that run together with other processes, once for each loop.
_threads: list[int] = []

ALONE = Alone()
