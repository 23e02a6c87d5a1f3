"""A limit on what is read of a file in total: of HDF5 files, and of compressed members of archives.

Names in an HDF5 file may lead to one thing in many ways: a few kilobytes hold a graph of groups with more paths than
can be walked, or one array under a thousand names. An honest file is read once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torchkeras_shim.saving.errors import UnsafeFileError

# Small files may be read more often. The smallest group or array takes more bytes than a step is counted with, and is
# met about twice.
_STEPS, _BYTES_PER_STEP = 10_000, 100
# Compressed arrays are larger than what is stored of them; the same proportions hold for what a config asks for.
_ROOM, _TIMES_THE_FILE = 1 << 26, 16


class _Allowance:
    def __init__(self, steps: int, size: int) -> None:
        self.steps = steps
        self.size = size


_current: ContextVar[_Allowance | None] = ContextVar("allowance", default=None)


@contextmanager
def reading(size: int) -> Iterator[None]:
    """Limits what `spend` may spend, in a `with` block; inside of another one, both count together.

    Args:
        size: The size of a file that is open during the block.
    """
    outer = _current.get() or _Allowance(0, 0)
    inner = _Allowance(outer.steps + _STEPS + size // _BYTES_PER_STEP, outer.size + _ROOM + _TIMES_THE_FILE * size)
    token = _current.set(inner)
    try:
        yield
    finally:
        _current.reset(token)


def spend(steps: int = 0, size: int = 0) -> None:
    """Notes what is about to be read.

    Args:
        steps: How many groups, arrays, pieces or names.
        size: How many bytes.

    Raises:
        UnsafeFileError: If it is more than the open files can honestly hold.

    Example:
        >>> with reading(size=1000):
        ...     spend(size=1 << 40)
        Traceback (most recent call last):
        torchkeras_shim.saving.errors.UnsafeFileError: Not allowed: the file leads to far more than it holds.
    """
    left = _current.get()
    if left is None:
        return
    left.steps -= steps
    left.size -= size
    if left.steps < 0 or left.size < 0:
        raise UnsafeFileError("Not allowed: the file leads to far more than it holds.")
