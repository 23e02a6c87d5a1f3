"""Reading and writing arrays in HDF5 files, with no trust in the file.

HDF5 lets a name point into another file (external and soft links, external and virtual storage) and lets a few bytes
declare an array of any size. Both are refused here before anything is read.
"""

from __future__ import annotations

import functools
import io
import itertools
import math
import mmap
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, ParamSpec, TypeVar

import h5py
import numpy as np
import torch

# A compressed array may be this much larger than what is stored of it; weights never shrink that far.
_LARGEST_EXPANSION = 1000
# The same for all that is in an attribute: names of layers, a model's config.
_LARGEST_ATTRIBUTE = 1 << 26
# Compression that comes with every h5py: gzip, shuffle, fletcher32, szip, n-bit, scale-offset, LZF. Others would make
# the HDF5 library look for plugins.
_FILTERS = frozenset((1, 2, 3, 4, 5, 6, 32000))
# How a block of texts begins: a name and a version.
_HEAP = b"GCOL\x01"
# What fits into the header of an HDF5 object.
_LARGEST_HEADER = 64512

P = ParamSpec("P")
T = TypeVar("T")


class UnsafeFileError(ValueError):
    """A file that no honest program writes: reading on could leak or exhaust something."""


class DamagedFileError(ValueError):
    """A file that was cut short or changed."""


@contextmanager
def opened(source: str | BinaryIO, path: str) -> Iterator[h5py.File]:
    """Opens an HDF5 file for reading, in a `with` block within which it is only read.

    Args:
        source: The path, or an open binary file.
        path: What the file is called in messages.

    Raises:
        OSError: for a file of another kind.
    """
    try:
        file = h5py.File(source, "r")
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise OSError(f"'{path}' cannot be opened as an HDF5 file: {error}") from error
    try:
        yield file
    finally:
        file.close()


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


def _guarded(function: Callable[P, T]) -> Callable[P, T]:
    """Turns the many errors of the HDF5 library about broken files into one."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except (UnsafeFileError, DamagedFileError):
            raise
        except Exception as error:
            raise DamagedFileError(f"The H5 file is damaged: {error}") from error

    return guarded


@_guarded
def find_group(parent: h5py.Group, path: str) -> h5py.Group | None:
    """Returns the group at a path below `parent`, or `None` where there is none.

    Raises:
        UnsafeFileError: where a link on the way leads elsewhere.
    """
    current = parent
    for part in path.split("/") if path else ():
        child = _child(current, part)
        if not isinstance(child, h5py.Group):
            return None
        current = child
    return current


@_guarded
def find_array(parent: h5py.Group, path: str) -> h5py.Dataset | None:
    """Returns the array at a path below `parent`, unread, or `None` where there is none."""
    *folders, name = path.split("/")
    group = find_group(parent, "/".join(folders))
    child = None if group is None else _child(group, name)
    return child if isinstance(child, h5py.Dataset) else None


@_guarded
def arrays(group: h5py.Group | None) -> dict[str, h5py.Dataset]:
    """Returns the arrays right inside a group, unread."""
    found = {} if group is None else {name: _child(group, name) for name in group}
    return {name: child for name, child in found.items() if isinstance(child, h5py.Dataset)}


def _child(group: h5py.Group, name: str) -> Any:
    link = group.get(name, getlink=True)
    if link is None:
        return None
    if not isinstance(link, h5py.HardLink):
        raise UnsafeFileError(
            f"Not allowed: H5 file with {type(link).__name__} '{name}' in '{group.name}'. It may lead to another file."
        )
    child = group[name]
    if isinstance(child, h5py.Dataset):
        _check(child)
    return child


def _check(dataset: h5py.Dataset) -> None:
    """Refuses everything but numbers that are stored in the file itself."""
    if dataset.external or dataset.is_virtual:
        raise UnsafeFileError(f"Not allowed: the data of '{dataset.name}' are not in the H5 file itself.")
    dtype = dataset.dtype
    if not _is_bfloat16(dataset) and (dtype.kind not in "biufc" or dtype.itemsize > 16 or dtype.subdtype is not None):
        raise UnsafeFileError(f"Not allowed: '{dataset.name}' is of type {dtype}, not an array of numbers.")
    if dataset.shape is None:
        raise UnsafeFileError(f"Not allowed: '{dataset.name}' is no array of numbers: it has no shape.")
    properties = dataset.id.get_create_plist()
    filters = {properties.get_filter(index)[0] for index in range(properties.get_nfilters())}
    if not filters <= _FILTERS:
        raise UnsafeFileError(f"Not allowed: '{dataset.name}' is compressed in an unknown way: {sorted(filters)}.")


def _is_bfloat16(dataset: h5py.Dataset) -> bool:
    # Keras also says so in an attribute; there is nothing else that two bytes without a type could be.
    return bool(dataset.dtype == np.dtype("V2"))


@_guarded
def all_arrays(file: h5py.File) -> list[str]:
    """Returns the full names of all arrays in a file."""
    found: list[str] = []
    file.visititems(lambda name, item: found.append(f"/{name}") if isinstance(item, h5py.Dataset) else None)
    return found


@_guarded
def verify(dataset: h5py.Dataset) -> None:
    """Makes sure that an array can be read in full, without keeping it.

    Raises:
        UnsafeFileError: where the declared size is out of all proportion to the stored one.
    """
    declared = math.prod(dataset.shape) * dataset.dtype.itemsize
    stored = dataset.id.get_storage_size()
    size = dataset.file.id.get_filesize()
    if stored > size or (declared > (1 << 20) and declared > _LARGEST_EXPANSION * stored):
        raise UnsafeFileError(
            f"Not allowed: '{dataset.name}' declares {declared} bytes, but the file holds only {min(stored, size)} of "
            "them."
        )
    if dataset.chunks is not None:
        if math.prod(dataset.chunks) * dataset.dtype.itemsize > _LARGEST_EXPANSION * max(stored, 1 << 10):
            raise UnsafeFileError(f"Not allowed: '{dataset.name}' declares pieces of {dataset.chunks}.")
        for part in dataset.iter_chunks():
            dataset[part]  # decompressed and checked, piece by piece
        return
    offset = dataset.id.get_offset()
    if offset is not None and offset + declared > size:
        raise DamagedFileError(f"The H5 file ends before the data of '{dataset.name}' do.")


@_guarded
def read(dataset: h5py.Dataset) -> torch.Tensor:
    """Returns the values of an array that `verify` has found good and whose shape the caller has checked."""
    array = np.asarray(dataset[()])
    if _is_bfloat16(dataset):
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    if array.dtype.itemsize == 16 and array.dtype.kind == "f":
        array = array.astype(np.float64)  # torch has no longer floats
    return torch.from_numpy(np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(dataset.shape))


@_guarded
def has_names(group: h5py.Group, name: str) -> bool:
    """Tells whether a group has such a list of names."""
    return name in group.attrs or f"{name}0" in group.attrs


@_guarded
def text(group: h5py.Group, name: str) -> str | None:
    """Returns an attribute that is a text, or `None` where there is none.

    Raises:
        UnsafeFileError: where it is something else.
    """
    if name not in group.attrs:
        return None
    _check_attribute(group, name)
    value = group.attrs[name]
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if not isinstance(value, str):
        raise UnsafeFileError(f"Not allowed: the attribute '{name}' of '{group.name}' is no text.")
    return value


@_guarded
def names(group: h5py.Group, name: str) -> list[str]:
    """Returns an attribute that is a list of names, which long lists are cut into pieces for: `name0`, `name1`, ...

    Raises:
        UnsafeFileError: where it is something else.
    """
    keys = [name]
    if name not in group.attrs:
        pieces = (f"{name}{index}" for index in itertools.count())
        keys = list(itertools.takewhile(lambda key: key in group.attrs, pieces))
    found: list[str] = []
    for key in keys:
        _check_attribute(group, key)
        values = np.asarray(group.attrs[key]).ravel().tolist()
        found.extend(value.decode("utf-8") if isinstance(value, bytes) else value for value in values)
    if not all(isinstance(value, str) for value in found):
        raise UnsafeFileError(f"Not allowed: the attribute '{name}' of '{group.name}' is no list of names.")
    return found


def _check_attribute(group: h5py.Group, name: str) -> None:
    if group.file.userblock_size:
        raise UnsafeFileError("Not allowed: the H5 file does not begin where it should.")
    status = os.stat(group.file.filename)
    _check_heaps(group.file.filename, status.st_mtime_ns, status.st_size)
    attribute = h5py.h5a.open(group.id, name.encode("utf-8"))
    declared = math.prod(attribute.shape or (0,)) * attribute.dtype.itemsize
    if declared > min(_LARGEST_ATTRIBUTE, 64 * group.file.id.get_filesize()):
        raise UnsafeFileError(f"Not allowed: the attribute '{name}' of '{group.name}' declares {declared} bytes.")


@functools.lru_cache(maxsize=1)
def _check_heaps(path: str, changed: int, size: int) -> None:
    """Walks the blocks of a file that hold the texts of its attributes: the HDF5 library walks broken ones for ever."""
    if size == 0:
        return
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = data.find(_HEAP)
        while start >= 0:
            # A weight may look like one by chance, but nothing refers to its place.
            if data.find(struct.pack("<Q", start)) >= 0:
                _check_heap(data, start, size)
            start = data.find(_HEAP, start + 1)


def _check_heap(data: mmap.mmap, start: int, file_size: int) -> None:
    if start + 16 > file_size:
        return
    (length,) = struct.unpack_from("<Q", data, start + 8)
    end = min(start + length, file_size)
    place = start + 16
    while place + 16 <= end:
        index, size = struct.unpack_from("<H6xQ", data, place)
        # Free space counts its own header; other things are padded to eight bytes.
        step = size if index == 0 else 16 + (size + 7) // 8 * 8
        if step < 16 or place + step > end:
            raise DamagedFileError(f"The H5 file is damaged: there is nothing to read at byte {place}.")
        place += step


def write_names(group: h5py.Group, name: str, values: list[str]) -> None:
    """Writes a list of names as an attribute, in pieces where it is longer than HDF5 allows.

    Raises:
        ValueError: for a name that is too long by itself.
    """
    encoded = [value.encode("utf-8") for value in values]
    longest = max(map(len, encoded), default=1)
    if longest > _LARGEST_HEADER:
        raise ValueError(f"The name '{max(values, key=len)[:50]}...' is too long for an H5 file.")
    size = max(_LARGEST_HEADER // max(longest, 1), 1)
    if len(encoded) <= size:
        group.attrs[name] = encoded
        return
    for index in range(0, len(encoded), size):
        group.attrs[f"{name}{index // size}"] = encoded[index : index + size]


def write(group: h5py.Group, name: str, value: Any) -> None:
    """Writes a tensor or array into a group. bfloat16, which HDF5 lacks, is written as Keras writes it."""
    tensor = value.detach() if isinstance(value, torch.Tensor) else torch.as_tensor(np.asarray(value))
    if tensor.dtype == torch.bfloat16:
        dataset = group.create_dataset(name, data=tensor.view(torch.int16).numpy(force=True).view("V2"))
        dataset.attrs["dtype"] = "bfloat16"
    else:
        group.create_dataset(name, data=tensor.numpy(force=True))
