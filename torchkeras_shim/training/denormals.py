"""Flush denormal numbers to zero while a model is at work on the CPU."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from functools import cache
from typing import Any

import torch

#: Set this environment variable to 0, and denormal numbers stay what they are.
SWITCH = "TORCHKERAS_SHIM_FLUSH_DENORMALS"

_Region = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def are_flushed() -> bool:
    """Returns whether this thread's arithmetic takes denormal numbers for zero."""
    return bool(torch.full((), 1e-40).mul_(1.0).item() == 0.0)


@contextlib.contextmanager
def flushed(device: torch.device) -> Iterator[None]:
    """Takes denormal numbers (below 1.2e-38 in float32) for zero inside the `with` block, as TensorFlow and XLA do.

    Processors handle them a hundred times slower than others, and training makes them: the running mean of a gradient
    that has become zero fades through them. At the end all threads are as before.

    Args:
        device: Where the model lives. Other devices than the CPU handle denormal numbers at full speed.
    """
    wanted = device.type == "cpu" and os.environ.get(SWITCH) != "0"
    if not wanted or are_flushed() or not torch.set_flush_denormal(True):
        yield
        return
    _tell_threads(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        _tell_threads(False)


def _tell_threads(flush: bool) -> None:
    """Sets the mode of the threads that share torch's kernels with this one: each thread has a mode of its own.

    Threads that OpenMP starts later take the mode of this one over. Where the library is not found, threads that run
    already stay as they are, which costs time and nothing else.
    """
    threads = torch.get_num_threads()
    library = _openmp() if threads > 1 else None
    if library is None:
        return

    def set_mode(_: Any) -> None:
        torch.set_flush_denormal(flush)

    region = _Region(set_mode)
    library.GOMP_parallel(region, None, threads, 0)


@cache
def _openmp() -> Any:
    """Returns the OpenMP library that torch has loaded, `None` if it cannot be told."""
    try:
        with open("/proc/self/maps") as maps:
            paths = {line.split()[-1] for line in maps if "/libgomp" in line or "/libiomp5" in line}
        here = [path for path in paths if "torch" in path] or sorted(paths)
        library = ctypes.CDLL(here[0]) if len(here) == 1 else None
    except OSError:
        return None
    return library if library is not None and hasattr(library, "GOMP_parallel") else None
