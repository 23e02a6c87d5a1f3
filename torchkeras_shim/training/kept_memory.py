"""Keep the memory that a step of a model on the CPU has freed for the next step."""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import torch

#: Set this environment variable to 0, and freed memory goes back to the system whenever the C library likes.
SWITCH = "TORCHKERAS_SHIM_KEEP_MEMORY"

# The parameters of `mallopt`, from glibc's malloc.h, and what they are if nobody has changed them. glibc raises its
# two thresholds by itself, to these at most, until one of them is set.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_NEVER = -1
_USUAL = ((_MMAP_MAX, 65536), (_MMAP_THRESHOLD, 32 << 20), (_TRIM_THRESHOLD, 64 << 20))

#: After loops of so many seconds memory is given back. It takes time, and so does getting it anew in the next loop:
#: glibc itself gives back what lies at the end of its heap.
_LONG = 1.0


class _Keepers:
    """How many loops want freed memory to be kept."""

    lock = threading.Lock()
    count = 0


@contextlib.contextmanager
def kept(device: torch.device) -> Iterator[None]:
    """Keeps freed memory in the process inside the `with` block, and gives it back to the system at the end.

    Otherwise glibc gives the memory of a large tensor back as soon as it is freed, and the next one of the same size
    gets it anew, page by page, each filled with zeros first: for a network of convolutions that is up to half of the
    time of a batch. It does nothing where there is no glibc, where the environment sets glibc's allocator, and for
    other devices than the CPU, whose memory torch keeps itself.

    Args:
        device: Where the model lives.
    """
    library = _allocator() if device.type == "cpu" and os.environ.get(SWITCH) != "0" else None
    if library is None:
        yield
        return
    start = time.perf_counter()
    with _Keepers.lock:
        _Keepers.count += 1
        if _Keepers.count == 1:
            library.mallopt(_TRIM_THRESHOLD, _NEVER)
            library.mallopt(_MMAP_MAX, 0)
    try:
        yield
    finally:
        with _Keepers.lock:
            _Keepers.count -= 1
            if not _Keepers.count:
                for parameter, value in _USUAL:
                    library.mallopt(parameter, value)
                if time.perf_counter() - start > _LONG:
                    library.malloc_trim(0)


@cache
def _allocator() -> Any:
    """Returns the C library if it is glibc and nobody has set its allocator, else `None`."""
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows has no such name
        return None
    known = all(hasattr(library, name) for name in ("gnu_get_libc_version", "mallopt", "malloc_trim"))
    told = any(name.startswith("MALLOC_") for name in os.environ) or "malloc" in os.environ.get("GLIBC_TUNABLES", "")
    return library if known and not told else None
