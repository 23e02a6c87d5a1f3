"""The blocks of an HDF5 file that hold the texts of its attributes, looked at before the HDF5 library does.

The library walks broken blocks for ever, and reads a text as often as something refers to it.
"""

from __future__ import annotations

import functools
import mmap
import os
import struct
from collections.abc import Iterator

from torchkeras_shim.saving.errors import DamagedFileError, UnsafeFileError

# How a block begins: a name and a version, then three zeros that nobody compares.
_HEAP = b"GCOL\x01"
# How often, in bytes, a file may be searched from one end to the other.
_LONGEST_SEARCH = 1 << 34


def check(path: str) -> int:
    """Makes sure that all blocks can be walked. Returns the size of the longest text.

    Raises:
        DamagedFileError: If one cannot.
    """
    status = os.stat(path)
    return _check(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=1)
def _check(path: str, changed: int, size: int) -> int:
    longest = 0
    steps = size // 8 + 1000
    with open(path, "rb") as file, _mapped(file.fileno(), size) as data:
        for start in _starts(data):
            for _, length in _objects(data, start, size):
                longest = max(longest, length)
                steps -= 1
                if steps < 0:
                    raise UnsafeFileError("Not allowed: H5 file with blocks of texts inside one another.")
    return longest


def check_references(path: str) -> None:
    """Makes sure that the texts of a file, as often as something refers to them, are not longer than the file.

    Raises:
        UnsafeFileError: If they are.
    """
    size = os.path.getsize(path)
    left = 2 * size + (1 << 20)
    with open(path, "rb") as file, _mapped(file.fileno(), size) as data:
        starts = list(_starts(data))
        if len(starts) * size > _LONGEST_SEARCH:
            raise UnsafeFileError("Not allowed: H5 file with too many blocks of texts.")
        for start in starts:
            lengths = dict(_objects(data, start, size))
            for at in _places(data, struct.pack("<Q", start)):
                # A reference: the length of the text, the place of its block, the text's number there.
                if 4 <= at <= size - 12 and struct.unpack_from("<I", data, at - 4)[0]:
                    left -= lengths.get(struct.unpack_from("<I", data, at + 8)[0], 0)
                    if left < 0:
                        raise UnsafeFileError("Not allowed: the H5 file counts the same texts many times.")


def _mapped(descriptor: int, size: int) -> mmap.mmap:
    return mmap.mmap(descriptor, 0 if size else 1, access=mmap.ACCESS_READ)


def _places(data: mmap.mmap, wanted: bytes) -> Iterator[int]:
    at = data.find(wanted)
    while at >= 0:
        yield at
        at = data.find(wanted, at + 1)


def _starts(data: mmap.mmap) -> Iterator[int]:
    for start in _places(data, _HEAP):
        if start + 16 > len(data):
            continue
        if data[start + 5 : start + 8] == bytes(3):
            yield start
        # A weight may look like one by chance; nothing refers to its place.
        elif data.find(struct.pack("<Q", start)) >= 0:
            raise DamagedFileError(f"The H5 file is damaged at byte {start + 5}.")


def _objects(data: mmap.mmap, start: int, file_size: int) -> Iterator[tuple[int, int]]:
    """Yields the numbers and lengths of the texts in a block."""
    (length,) = struct.unpack_from("<Q", data, start + 8)
    end = min(start + length, file_size)
    place = start + 16
    while place + 16 <= end:
        index, size = struct.unpack_from("<H6xQ", data, place)
        # Free space counts its own header; other things are padded to eight bytes.
        step = size if index == 0 else 16 + (size + 7) // 8 * 8
        if step < 16 or place + step > end:
            raise DamagedFileError(f"The H5 file is damaged: there is nothing to read at byte {place}.")
        if index:
            yield index, size
        place += step
