"""One of several processes that train together: what it tells the others, and hears of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from torchkeras_shim.callbacks.by_first import ByFirst
from torchkeras_shim.core import tree
from torchkeras_shim.core.random_state import RandomState
from torchkeras_shim.core.sharded import any_sharded, is_sharded, is_waiting
from torchkeras_shim.data import DataAdapter
from torchkeras_shim.data.splitting import Part, split
from torchkeras_shim.distribution.fully_sharded import FullySharded
from torchkeras_shim.distribution.portion import Work
from torchkeras_shim.distribution.processes import Processes, known, note_failure
from torchkeras_shim.distribution.strategies import distribution
from torchkeras_shim.distribution.tensors import require_mesh, spread
from torchkeras_shim.layers import Layer, calling
from torchkeras_shim.layers.weights import StructureVersion
from torchkeras_shim.training.logs import LazyLogs
from torchkeras_shim.training.rounds import settle
from torchkeras_shim.training.sharding import shard

#: What ends the loop of each kind of batches.
_FLAGS = {"train": "stop_training", "test": "stop_evaluating", "predict": "stop_predicting"}

#: What torch says of a connection to a process that is gone.
_BROKEN = ("Connection closed by peer", "Connection reset by peer", "remote process exited")

#: The threads of the loops that run together with other processes, once for each loop.
_threads: list[int] = []


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
        require_mesh(model, self.distribution)
        self.agree_random()
        self.agree_weights(model)

    def agree_weights(self, model: Any) -> None:
        """Takes over the first process's weights, if that has not been done since layers were built or changed.

        Raises:
            RuntimeError: If they were cut by another distribution.
        """
        gathers = isinstance(self.distribution, FullySharded)
        if not gathers:
            require_whole(model)
        if model.__dict__.get("_alike_since") == StructureVersion.value:
            return
        if gathers:
            if calling.is_built(model):
                shard(model, self.processes, self.distribution)
            whole = [tensor for tensor in (*model.parameters(), *model.buffers()) if not is_sharded(tensor)]
            self.processes.spread(whole)
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

    def batch_hooks(
        self, callbacks: Any, kind: str, logs_of: Any, *, owner: Any, metrics: Sequence[Any] = ()
    ) -> tuple[Any, Any]:
        """Returns what to call before and after each batch.

        If callbacks look at batches in any process, all stop if one does, and the logs are those of all data. That
        costs two small exchanges for each batch; otherwise the logs, for a progress bar, are those of the rows here.
        """
        heeds, saves = self.everyone.largest(
            callbacks.heeds_batches(kind), kind == "train" and callbacks.saves_within_epochs()
        )
        if kind == "train":
            Work.watched = bool(saves)
        if not heeds:
            return callbacks.batch_hooks(kind, logs_of)  # type: ignore[no-any-return]
        flag, whole = _FLAGS[kind], _Whole(self, metrics)
        on_begin, on_end = callbacks.batch_hooks(kind, whole.logs_from(logs_of))

        def heard(index: int, result: Any) -> None:
            result = whole.take(result)
            if on_end is not None:
                on_end(index, result)
            setattr(owner, flag, self.everyone.any(getattr(owner, flag)))

        return on_begin, heard

    def agree_callbacks(self, callbacks: Any) -> None:
        """Raises an error if a callback that acts on the training is not in all processes.

        Raises:
            ValueError: If the processes have others.
        """
        everywhere = self.everyone.from_all(callbacks.acting())
        if any(names != everywhere[0] for names in everywhere):
            raise ValueError(
                f"The callbacks that act on the training are not the same in all processes, by rank: {everywhere}. "
                "Hand the same list to `fit` in each: what only prints or writes files is called in the first one."
            )

    def stops(self, flag: bool) -> bool:
        """Returns whether any process wants to stop."""
        return self.everyone.any(flag)

    def speaking(self, callbacks: Any, verbose: Any, model: Any) -> tuple[Any, Any]:
        """Returns the callbacks that this process calls, and how much it prints: the first one writes for all."""
        listed = tree.flatten(callbacks or [])
        if any_sharded(model.parameters()):
            listed = [ByFirst(one) if _reads_alone(one) else one for one in listed]
        if self.everyone.rank == 0:
            return listed, verbose
        own = [one for one in listed if isinstance(one, ByFirst) or not getattr(one, "only_in_first_process", False)]
        return own, 0

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
            _explain(error)
            note_failure(error)
            raise
        finally:
            _threads.remove(me)


def _explain(error: BaseException) -> None:
    """Says what a broken connection means."""
    if any(words in str(error) for words in _BROKEN) and hasattr(error, "add_note"):  # from Python 3.11 on
        error.add_note(
            "Another process has ended while this one was waiting for it. If it has failed, its own error says why; "
            "if not, the processes did not call the same `fit`, `evaluate` and `predict`: call each of them in all."
        )


class _Whole:
    """The running results of all data, which logs are read from while each process goes on with its own.

    Args:
        team: The processes.
        metrics: The metrics; without any, logs stay what they are.
    """

    def __init__(self, team: Several, metrics: Sequence[Any]) -> None:
        self._team, self._metrics = team, metrics
        self._variables: list[torch.Tensor] = []
        self._values: list[torch.Tensor] = []

    def take(self, returned: Any) -> Any:
        """Adds up what the metrics hold now. Returns what the step returned, averaged."""
        if not self._metrics:
            return returned
        self._variables = [variable for metric in self._metrics for variable in metric.variables]
        self._values = [value for group in self._team.values_of(self._metrics) for value in group]
        return self._team._averaged(returned)

    def logs_from(self, logs_of: Any) -> Any:
        """Returns a function from what a step returned to logs of all data, read at the first look."""
        if not self._metrics:
            return logs_of

        def logs(returned: Any) -> LazyLogs:
            variables, values = self._variables, self._values

            def read() -> dict[str, Any]:
                own = [variable.detach().clone() for variable in variables]
                _write(variables, values)
                try:
                    return dict(logs_of(returned).items())
                finally:
                    _write(variables, own)

            return LazyLogs(read)

        return logs


def _write(variables: Sequence[torch.Tensor], values: Sequence[torch.Tensor]) -> None:
    with torch.no_grad():
        for variable, value in zip(variables, values, strict=True):
            variable.copy_(value)


def _reads_alone(callback: Any) -> bool:
    """Returns whether the first process alone calls a callback that may read weights."""
    return getattr(callback, "only_in_first_process", False) and getattr(callback, "reads_weights", True)


def require_whole(model: Any) -> None:
    """Refuses a model of which only a part is here while nothing says how it is cut.

    Raises:
        RuntimeError: If weights are cut by `FullySharded`, which is not in force.
    """
    if model.__dict__.get("_is_cut") or any(map(is_waiting, model.parameters())):
        raise RuntimeError(
            f"The weights of model '{model.name}' are cut over processes, by `FullySharded`, but the distribution in "
            f"force is {distribution()!r}. Write `keras.distribution.set_distribution("
            "keras.distribution.FullySharded())`, or make the model again and load the weights that this one has saved."
        )


def _aggregation(variable: Any) -> Any:
    """Returns how the values of a metric's variable in several processes become one."""
    return getattr(variable, "_aggregation", "sum")


def _runs(starts: np.ndarray[Any, Any], sizes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Returns the numbers from each start on, as many as its size says."""
    ends = np.cumsum(sizes)
    return np.repeat(starts - (ends - sizes), sizes) + np.arange(int(ends[-1]) if len(ends) else 0)
