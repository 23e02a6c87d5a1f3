"""`tf.distribute` with one replica in each process. Under `torchrun`, `fit` trains on all of them."""

from __future__ import annotations

import enum
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from torchkeras_shim.compat.tf.api import public, refuse, tf_op
from torchkeras_shim.compat.tf.tensors import convert, like
from torchkeras_shim.core.device import device as device_scope
from torchkeras_shim.distribution.processes import under_launcher

_strategies: list[Strategy] = []


@public("distribute.ReduceOp")
class ReduceOp:
    """How the values of replicas are put together."""

    SUM = "SUM"
    MEAN = "MEAN"


@public("distribute.ReplicaContext")
class ReplicaContext:
    """What a function knows of its replica."""

    num_replicas_in_sync = 1
    replica_id_in_sync_group = 0

    def all_reduce(self, reduce_op: Any, value: Any, options: Any = None) -> Any:
        """Returns the value: there is one replica."""
        return value


@public("distribute.Strategy")
class Strategy:
    """One replica: `scope` places new tensors on its device, `run` calls a function.

    Example:
        >>> strategy = Strategy()
        >>> with strategy.scope():
        ...     doubled = strategy.run(lambda x: x * 2, args=(3,))
        >>> doubled, strategy.num_replicas_in_sync
        (6, 1)
    """

    num_replicas_in_sync = 1

    def __init__(self, device: str | None = None) -> None:
        self._device = device

    @contextmanager
    def scope(self) -> Iterator[Strategy]:
        """New variables and tensors of this block live on the strategy's device."""
        _strategies.append(self)
        try:
            if self._device is None:
                yield self
            else:
                with device_scope(self._device):
                    yield self
        finally:
            _strategies.remove(self)

    def run(self, fn: Callable[..., Any], args: Any = (), kwargs: Any = None, options: Any = None) -> Any:
        """Calls a function and returns its result."""
        return fn(*args, **(kwargs or {}))

    def reduce(self, reduce_op: Any, value: Any, axis: Any = None) -> Any:
        """Returns the value of the one replica, reduced along `axis` if that is given."""
        if axis is None:
            return value
        return convert(value).mean(axis) if str(reduce_op).upper().endswith("MEAN") else convert(value).sum(axis)

    def experimental_distribute_dataset(self, dataset: Any, options: Any = None) -> Any:
        """Returns the data set."""
        return dataset

    def distribute_datasets_from_function(self, dataset_fn: Callable[..., Any], options: Any = None) -> Any:
        """Returns the data set that a function makes."""
        return dataset_fn(InputContext())

    def experimental_local_results(self, value: Any) -> tuple[Any, ...]:
        """Returns the value, alone in a tuple."""
        return (value,)

    def gather(self, value: Any, axis: int) -> Any:
        """Returns the value."""
        return value


@public("distribute.InputOptions")
class InputOptions:
    """How elements come to the replicas. There is one, which takes them as the data set makes them.

    Raises:
        NotImplementedError: For a replication mode other than one element stream per worker.
    """

    def __init__(
        self,
        experimental_fetch_to_device: bool | None = None,
        experimental_replication_mode: Any = None,
        experimental_place_dataset_on_device: bool = False,
        experimental_per_replica_buffer_size: int = 1,
    ) -> None:
        if experimental_place_dataset_on_device:
            raise NotImplementedError(
                "InputOptions(experimental_place_dataset_on_device=True) is not supported: data sets work on the host. "
                "Leave it out."
            )
        if getattr(experimental_replication_mode, "name", "PER_WORKER") != "PER_WORKER":
            raise NotImplementedError("Elements come per worker: leave experimental_replication_mode out.")
        self.experimental_fetch_to_device = (
            True if experimental_fetch_to_device is None else bool(experimental_fetch_to_device)
        )
        self.experimental_replication_mode = InputReplicationMode.PER_WORKER
        self.experimental_place_dataset_on_device = False
        self.experimental_per_replica_buffer_size = int(experimental_per_replica_buffer_size)


@public("distribute.InputReplicationMode")
class InputReplicationMode(enum.Enum):
    """How often a function that makes a data set is called."""

    PER_WORKER = "PER_WORKER"
    PER_REPLICA = "PER_REPLICA"


@public("distribute.InputContext")
class InputContext:
    """What a function that makes a data set knows."""

    num_input_pipelines = 1
    input_pipeline_id = 0
    num_replicas_in_sync = 1

    def get_per_replica_batch_size(self, global_batch_size: int) -> int:
        """Returns the batch size."""
        return global_batch_size


@public("distribute.MirroredStrategy")
class MirroredStrategy(Strategy):
    """One replica on the default device. With several GPUs a warning says how to use them."""

    def __init__(self, devices: Any = None, cross_device_ops: Any = None) -> None:
        count = torch.cuda.device_count() if devices is None else len(devices)
        if count > 1 and not under_launcher():
            warnings.warn(
                f"MirroredStrategy uses one of {count} GPUs here. To use all, start the script by `torchrun "
                f"--nproc-per-node {count} script.py`: `fit` then trains on all of them.",
                stacklevel=2,
            )
        super().__init__(devices[0] if devices else None)


@public("distribute.OneDeviceStrategy")
class OneDeviceStrategy(Strategy):
    """One replica on a device."""


@public("distribute.get_strategy")
def get_strategy() -> Strategy:
    """Returns the strategy of the innermost scope, or the default one."""
    return _strategies[-1] if _strategies else Strategy()


@public("distribute.has_strategy")
def has_strategy() -> bool:
    """Returns whether a scope is open."""
    return bool(_strategies)


@public("distribute.get_replica_context")
def get_replica_context() -> ReplicaContext:
    """Returns what is known of the one replica."""
    return ReplicaContext()


@public("distribute.in_cross_replica_context")
def in_cross_replica_context() -> bool:
    """Returns whether a scope is open."""
    return bool(_strategies)


refuse(
    "TPUs and parameter servers are not supported. Start the script by `torchrun`, on several machines too, and `fit` "
    "trains on all of them.",
    "distribute.MultiWorkerMirroredStrategy",
    "distribute.TPUStrategy",
    "distribute.ParameterServerStrategy",
    "distribute.experimental",
    "distribute.cluster_resolver",
    "distribute.coordinator",
    "tpu",
)


@tf_op("nn.compute_average_loss")
def compute_average_loss(per_example_loss: Any, sample_weight: Any = None, global_batch_size: Any = None) -> Any:
    """The sum of the losses of examples divided by their number, or by that in all replicas: here there is one."""
    loss = like(per_example_loss)
    if not loss.ndim:
        raise ValueError("Please pass a tensor of at least rank 1 as `per_example_loss`, one loss for each example.")
    if sample_weight is not None:
        loss = loss * like(sample_weight).to(loss.dtype)
    return loss.sum() / (loss.shape[0] if global_batch_size is None else global_batch_size)


@tf_op("nn.scale_regularization_loss")
def scale_regularization_loss(regularization_loss: Any) -> Any:
    """The sum of the losses of layers, divided by the number of replicas: here there is one."""
    return like(regularization_loss).sum()
