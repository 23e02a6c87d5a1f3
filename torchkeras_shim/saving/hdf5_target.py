"""Writing HDF5 files onto disks that may be full."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h5py


@contextmanager
def created(path: str) -> Iterator[h5py.File]:
    """Makes a new HDF5 file, in a `with` block that writes into it.

    Raises:
        OSError: If it cannot be written in full.
    """
    with open(path, "w+b", buffering=0) as raw:
        target = _Target(raw)
        try:
            with h5py.File(target, "w") as file:
                yield file
        finally:
            if target.error is not None:
                raise OSError(target.error.errno, target.error.strerror, path) from target.error


class _Target(io.RawIOBase):
    """A file that goes on as if nothing were wrong when a disk is full, and keeps the error for later.

    The HDF5 library cannot close a file whose last pieces cannot be written: it crashes the process in the end.
    """

    def __init__(self, raw: io.FileIO) -> None:
        super().__init__()
        self.error: OSError | None = None
        self._raw = raw
        self._position = self._size = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence] + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._attempt(lambda: self._write_all(view))
        self._position += len(view)
        self._size = max(self._size, self._position)
        return len(view)

    def _write_all(self, view: memoryview) -> None:
        self._raw.seek(self._position)
        while view:
            view = view[self._raw.write(view) :]

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        view[:] = bytes(len(view))
        self._raw.seek(self._position)
        count, more = 0, 1
        while more and count < len(view):
            more = self._raw.readinto(view[count:]) or 0
            count += more
        self._position += len(view)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        self._size = self._position if size is None else size
        self._attempt(lambda: self._raw.truncate(self._size))
        return self._size

    def _attempt(self, action: Callable[[], Any]) -> None:
        if self.error is None:
            try:
                action()
            except OSError as error:
                self.error = error
