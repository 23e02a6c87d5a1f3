"""The processes that work together: how they find one another, and the few things they tell one another.

The engine is `torch.distributed`. CPU tensors go through gloo, those of CUDA devices through NCCL.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from torchkeras_shim.core.atomic import replacing
from torchkeras_shim.core.console import mute
from torchkeras_shim.core.torch_private import end_with_parent
from torchkeras_shim.distribution.meeting import meeting_place

#: After how many seconds a process gives up waiting for another one.
TIMEOUT = 600.0

#: How long a process that ends waits for threads that are about to let go of tensors. They take microseconds, on a
#: busy machine until it is their turn.
_SECONDS_TO_LET_GO = 0.25

_ADDRESSES, _COUNT, _RANK = (
    "KERAS_DISTRIBUTION_JOB_ADDRESSES",
    "KERAS_DISTRIBUTION_NUM_PROCESSES",
    "KERAS_DISTRIBUTION_PROCESS_ID",
)
_DEFAULT_PORT = "29500"
_ERROR_FILE, _LAUNCHER = "TORCHELASTIC_ERROR_FILE", "TORCHELASTIC_RUN_ID"


class Processes:
    """Processes that train together, seen from one of them.

    Args:
        group: Torch's group of them; all by default.

    Attributes:
        rank: This one's number among them.
        count: How many there are.
    """

    def __init__(self, group: Any = None) -> None:
        self.group = group
        self.rank = dist.get_rank(group)
        self.count = dist.get_world_size(group)
        self.backend = dist.get_backend(group)

    # Tensors --------------------------------------------------------------------------------------------------------

    def add_up(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replaces tensors, in place, by their sums over the processes: one exchange for each type and device."""
        self._reduce(tensors, dist.ReduceOp.SUM)

    def take_largest(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replaces tensors, in place, by the largest values among the processes."""
        self._reduce(tensors, dist.ReduceOp.MAX)

    def _reduce(self, tensors: Sequence[torch.Tensor], operation: Any) -> None:
        for group in _alike(tensors):
            if len(group) == 1 and group[0].is_contiguous():
                dist.all_reduce(group[0].detach(), operation, group=self.group)
                continue
            flat = torch.cat([tensor.detach().reshape(-1) for tensor in group])
            dist.all_reduce(flat, operation, group=self.group)
            _unpack(flat, group)

    def spread(self, tensors: Sequence[torch.Tensor]) -> None:
        """Overwrites tensors with those of the first process."""
        for group in _alike(tensors):
            flat = torch.cat([tensor.detach().reshape(-1) for tensor in group])
            dist.broadcast(flat, group=self.group, group_src=0)
            if self.rank:
                _unpack(flat, group)

    def send_from(self, rank: int, tensor: torch.Tensor) -> None:
        """Overwrites a tensor on the host with that of one process."""
        dist.broadcast(tensor, group=self.group, group_src=rank)

    # Numbers on the host --------------------------------------------------------------------------------------------

    def sum_of(self, *numbers: int) -> list[int]:
        """Returns the sums of whole numbers over the processes."""
        return self._of(numbers, dist.ReduceOp.SUM)

    def largest(self, *numbers: int) -> list[int]:
        """Returns the largest of whole numbers among the processes."""
        return self._of(numbers, dist.ReduceOp.MAX)

    def any(self, flag: bool) -> bool:
        """Returns whether a flag is set in any process."""
        return bool(self.largest(int(flag))[0])

    def _of(self, numbers: Sequence[int], operation: Any) -> list[int]:
        tensor = torch.tensor(numbers, dtype=torch.int64, device="cpu")
        dist.all_reduce(tensor, operation, group=self.group)
        return tensor.tolist()

    def from_first(self, value: Any) -> Any:
        """Returns what the first process has."""
        box = [value if self.rank == 0 else None]
        dist.broadcast_object_list(box, group=self.group, device=torch.device("cpu"), group_src=0)
        return box[0]

    def from_all(self, value: Any) -> list[Any]:
        """Returns what each process has, by rank."""
        found: list[Any] = [None] * self.count
        with torch.device("cpu"):
            dist.all_gather_object(found, value, group=self.group)
        return found


def _alike(tensors: Sequence[torch.Tensor]) -> list[list[torch.Tensor]]:
    groups: dict[Any, list[torch.Tensor]] = {}
    for tensor in tensors:
        if tensor.numel():
            groups.setdefault((tensor.dtype, tensor.device), []).append(tensor)
    return list(groups.values())


def _unpack(flat: torch.Tensor, tensors: Sequence[torch.Tensor]) -> None:
    with torch.no_grad():
        for tensor, part in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
            tensor.detach().copy_(part.reshape(tensor.shape))


# Getting together ----------------------------------------------------------------------------------------------------


def under_launcher() -> bool:
    """Returns whether `torchrun`, or what sets the same variables, has started this as one of several processes."""
    environment = os.environ
    return int(environment.get("WORLD_SIZE") or 1) > 1 and all(
        name in environment for name in ("RANK", "MASTER_ADDR", "MASTER_PORT")
    )


def is_initialized() -> bool:
    """Returns whether this process knows of others."""
    return dist.is_available() and dist.is_initialized()


def initialize(
    job_addresses: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    *,
    timeout: float = TIMEOUT,
) -> None:
    """Joins the processes that were started for one training. Under `torchrun`, `fit` does so by itself.

    Each process calls it before anything else. What is not given is looked for in the environment:
    `KERAS_DISTRIBUTION_JOB_ADDRESSES`, `KERAS_DISTRIBUTION_NUM_PROCESSES` and `KERAS_DISTRIBUTION_PROCESS_ID`, then
    the variables that `torchrun` sets.

    Args:
        job_addresses: `"host:port"` of process 0, at which all meet; of a list by commas the first one counts.
        num_processes: How many processes there are.
        process_id: Which of them this is, from 0 on.
        timeout: After how many seconds a process gives up waiting for another one. Not in Keras.

    Raises:
        ValueError: If it is not known who the others are.

    Example:
        >>> initialize()  # doctest: +SKIP
    """
    if is_initialized():
        return
    environment = os.environ
    job_addresses = job_addresses or environment.get(_ADDRESSES)
    count = num_processes if num_processes is not None else environment.get(_COUNT, environment.get("WORLD_SIZE"))
    rank = process_id if process_id is not None else environment.get(_RANK, environment.get("RANK"))
    if count is None or rank is None or not (job_addresses or "MASTER_ADDR" in environment):
        raise ValueError(
            "`initialize` does not know the other processes. Start the script by `torchrun --nproc-per-node 2 "
            "script.py`, or write `initialize('host:port', num_processes=2, process_id=...)`. Received: "
            f"job_addresses={job_addresses}, num_processes={count}, process_id={rank}"
        )
    if not 0 <= int(rank) < int(count):
        raise ValueError(
            f"`process_id` must be from 0 to `num_processes - 1`. Received: process_id={rank}, num_processes={count}"
        )
    if job_addresses:
        host, _, port = job_addresses.split(",")[0].strip().partition(":")
        environment["MASTER_ADDR"], environment["MASTER_PORT"] = host, port or _DEFAULT_PORT
    if _LAUNCHER in environment:  # it starts processes in sessions of their own: nobody would end them in its place
        end_with_parent()
    store = meeting_place(int(rank), int(count), timeout)
    dist.init_process_group(
        _backend(int(rank)), store=store, rank=int(rank), world_size=int(count), timeout=timedelta(seconds=timeout)
    )
    mute(int(rank) > 0)
    atexit.register(_leave)


def _backend(rank: int) -> str:
    """Chooses this process's device, if there are any, and the ways in which tensors are exchanged."""
    if not (torch.cuda.is_available() and dist.is_nccl_available()):
        return "gloo"
    place = int(os.environ.get("LOCAL_RANK", rank))
    if place >= torch.cuda.device_count():
        raise ValueError(
            f"Process {rank} is number {place} on this machine, which has {torch.cuda.device_count()} GPUs: one "
            f"process for each. Start `torchrun --nproc-per-node {torch.cuda.device_count()}`; for processes on the "
            "CPU, hide the GPUs by CUDA_VISIBLE_DEVICES=''."
        )
    torch.cuda.set_device(place)
    return "cpu:gloo,cuda:nccl"


def _leave() -> None:
    if not is_initialized():
        return
    # A thread of gloo's lets go of the tensors of an exchange after it has said that the exchange is done, and needs
    # the interpreter for that. Before Python 3.14 the whole process aborts if the interpreter is gone by then.
    time.sleep(_SECONDS_TO_LET_GO)
    if getattr(sys, "last_type", None) is None:
        dist.destroy_process_group()


def note_failure(error: BaseException) -> None:
    """Writes an error to where `torchrun` looks for what ended a process, so that its summary says so.

    The file is there as a whole or not at all: torch writes it bit by bit, and a process that is ended while it does
    leaves half a file, at which `torchrun` itself fails instead of starting the processes again.
    """
    path = os.environ.get(_ERROR_FILE)
    if path is None:
        return
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler  # 0.2 s

    with replacing(path) as temporary:
        os.environ[_ERROR_FILE] = str(temporary)
        try:
            get_error_handler().record_exception(error)
        finally:
            os.environ[_ERROR_FILE] = path


_known: Processes | None = None


def known() -> Processes | None:
    """Returns the processes that this one has joined; `None` if there are none or it is alone."""
    global _known
    if not is_initialized() or dist.get_world_size() == 1:
        _known = None
    elif _known is None:
        _known = Processes()
    return _known
