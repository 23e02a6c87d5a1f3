"""Distributions: how data and weights are laid out over processes, and which of them is in force."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from torchkeras_shim.core.console import mute, print_msg
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.distribution import processes
from torchkeras_shim.distribution.devices import list_devices
from torchkeras_shim.distribution.layouts import DeviceMesh, TensorLayout
from torchkeras_shim.distribution.processes import Processes

_BATCH = "batch"


class Distribution:
    """Base class of the ways to distribute data and weights.

    Args:
        device_mesh: The devices.
        batch_dim_name: The axis of the mesh along which batches are cut.
        auto_shard_dataset: Whether each process takes its rows of every batch by itself. `False` if the data given to
            a process is its part already.
    """

    def __init__(
        self, device_mesh: DeviceMesh, batch_dim_name: str | None = None, auto_shard_dataset: bool = True
    ) -> None:
        self._device_mesh, self._batch_dim_name = device_mesh, batch_dim_name
        self.auto_shard_dataset = auto_shard_dataset

    @property
    def device_mesh(self) -> DeviceMesh:
        """The devices."""
        return self._device_mesh

    @property
    def batch_dim_name(self) -> str | None:
        """The axis of the mesh along which batches are cut."""
        return self._batch_dim_name

    @property
    def num_processes(self) -> int:
        """How many processes there are."""
        known = processes.known()
        return 1 if known is None else known.count

    @property
    def num_model_replicas(self) -> int:
        """How many copies of the model there are."""
        raise NotImplementedError(f"{type(self).__name__} has to define `num_model_replicas`.")

    @property
    def data_shard_id(self) -> int:
        """Which part of the data this process has."""
        known = processes.known()
        rank, count = (0, 1) if known is None else (known.rank, known.count)
        return rank if self.num_model_replicas >= count else rank // (count // self.num_model_replicas)

    def get_data_layout(self, data_shape: Sequence[int | None]) -> TensorLayout:
        """Returns the layout of a batch: cut along its first axis."""
        return TensorLayout([self.batch_dim_name, *[None] * (len(data_shape) - 1)], self.device_mesh)

    def get_variable_layout(self, variable: Any) -> TensorLayout:
        """Returns the layout of a weight: not cut, unless a subclass says more."""
        return TensorLayout([None] * len(variable.shape), self.device_mesh)

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """Returns the layout of a tensor in the model, `None` if nothing is said of it."""
        return None

    def distribute_dataset(self, dataset: Any) -> Any:
        """Returns data as `fit` takes it, which is how it was given: `fit` itself takes this process's rows."""
        return dataset

    def share(self, known: Processes) -> tuple[Processes, Distribution]:
        """Returns the processes that share each batch with this one, and how they do so.

        Args:
            known: All processes.

        Raises:
            NotImplementedError: If training cannot follow this distribution.
        """
        raise NotImplementedError(
            f"Training by {type(self).__name__} is not supported. Write `keras.distribution.set_distribution("
            "keras.distribution.DataParallel())`."
        )

    def describe(self, known: Processes) -> str:
        """Returns what the first line of a training says."""
        return f"Training by {type(self).__name__} on {known.count} processes ({known.backend})."

    def place(self, variable: Any) -> Any:
        """Returns a new weight as this process is to hold it: whole, unless a subclass says more."""
        return variable

    @property
    def cuts(self) -> bool:
        """Whether weights or what is computed may be cut over processes."""
        return False

    def lay_out(self, tensor: Any, layout: TensorLayout, what: str) -> Any:
        """Returns a tensor of the model as a rule says: as it is, unless a subclass says more."""
        return tensor

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Puts this distribution in force in a `with` block."""
        before = _Current.value
        set_distribution(self)
        try:
            yield
        finally:
            _Current.value = before

    def __repr__(self) -> str:
        return f"<{type(self).__name__} device_mesh={self.device_mesh}>"


class DataParallel(Distribution):
    """Each process has the whole model, and its rows of every batch.

    `batch_size` counts the rows of all processes together: the weights after some steps are those of one process that
    was given the same batches.

    Args:
        device_mesh: A mesh with one axis.
        devices: The devices, if there is no mesh; all there are by default.
        auto_shard_dataset: Whether each process takes its rows of every batch by itself. `False` if the data given to
            a process is its part already.
        batch_statistics: `"global"` for `BatchNormalization`s that take the statistics of the whole batch, as in Keras
            on JAX, or `"local"` for those of each process's rows, which spares exchanges. Not in Keras.
        find_unused_parameters: What torch's `DistributedDataParallel` is told: whether to look in each step for
            weights that take no part in it. By default those of the first batch count for all. Not in Keras.

    Raises:
        ValueError: If `device_mesh` is not a mesh, or `batch_statistics` is something else.

    Example:
        >>> DataParallel(devices=["cpu:0"])
        <DataParallel device_mesh=<DeviceMesh shape=(1,), axis_names=['batch']>>
    """

    def __init__(
        self,
        device_mesh: DeviceMesh | None = None,
        devices: Any = None,
        auto_shard_dataset: bool = True,
        *,
        batch_statistics: str = "global",
        find_unused_parameters: bool = False,
    ) -> None:
        if batch_statistics not in ("global", "local"):
            raise ValueError(f"`batch_statistics` must be 'global' or 'local'. Received: {batch_statistics!r}")
        if device_mesh is not None and not isinstance(device_mesh, DeviceMesh):
            raise ValueError(
                "Expect `mesh` to be an instance of `DeviceMesh`. "
                f"Received: mesh={device_mesh} (of type {type(device_mesh)})"
            )
        if device_mesh is None:
            found = np.array(list(devices) if devices else list_devices())
            device_mesh = DeviceMesh(found.shape, [_BATCH], found)
        elif device_mesh.devices.ndim != 1:
            warnings.warn(
                "Expect the input mesh to be 1D, but received mesh.devices.ndim="
                f"{device_mesh.devices.ndim}. The first axis will be used for data-parallel sharding.",
                stacklevel=2,
            )
        super().__init__(device_mesh, device_mesh.axis_names[0], auto_shard_dataset)
        self.batch_statistics = batch_statistics
        self.find_unused_parameters = find_unused_parameters

    @property
    def num_model_replicas(self) -> int:
        """How many copies of the model there are: one for each device."""
        return int(self.device_mesh.devices.size)

    def share(self, known: Processes) -> tuple[Processes, Distribution]:
        """Returns all processes."""
        return known, self

    def describe(self, known: Processes) -> str:
        """Returns what the first line of a training says."""
        return (
            f"Training data-parallel on {known.count} processes ({known.backend}), each with its rows of every batch."
        )


class _Current:
    """Which distribution is in force: `_NOBODY_SAID` as long as that is left to the launcher."""

    value: Any = ...
    told = False


def distribution() -> Distribution | None:
    """Returns the distribution in force, `None` if there is none.

    Example:
        >>> distribution() is None
        True
    """
    return None if _Current.value is ... else _Current.value


def set_distribution(value: Distribution | None) -> None:
    """Puts a distribution in force for all models.

    Args:
        value: The distribution. `None` lets each process train for itself, under `torchrun` too.

    Raises:
        ValueError: If it is something else.

    Example:
        >>> set_distribution(None)
    """
    if value is not None and not isinstance(value, Distribution):
        raise ValueError(
            "Expected a distribution such as `keras.distribution.DataParallel()`. "
            f"Received: {value!r} (of type {type(value).__name__})"
        )
    _Current.value = value
    known = processes.known()
    if value is None:
        mute(False)
    elif known is not None:
        mute(known.rank > 0)


def get_distribution() -> Distribution | None:
    """Returns the distribution in force; another name of `distribution`, as torch and TensorFlow would call it."""
    return distribution()


def is_first() -> bool:
    """Returns whether this process writes files: the first one does, for all that train together."""
    known = None if _Current.value in (None, ...) else processes.known()
    return known is None or known.rank == 0


def placed(variable: Variable) -> Variable:
    """Returns a new weight as the distribution in force wants it held."""
    current = _Current.value
    if current is None or current is ...:
        return variable
    made: Variable = current.place(variable)
    return made


def joined() -> tuple[Processes, Any] | None:
    """Returns the processes that share batches with this one, and how; `None` if it is alone.

    Under `torchrun` it is data-parallel.

    Raises:
        NotImplementedError: If the distribution in force is not one that training can follow.
    """
    if _Current.value is None or (_Current.value is ... and not processes.under_launcher()):
        return None
    if processes.under_launcher():
        processes.initialize()
    known = processes.known()
    if known is None:
        return None
    if _Current.value is ...:
        _Current.value = DataParallel()
    shared, way = _Current.value.share(known)
    if not _Current.told:
        _Current.told = True
        print_msg(way.describe(known))
    return shared, way
