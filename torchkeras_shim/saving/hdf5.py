"""Reading and writing arrays in HDF5 files, with no trust in the file.

HDF5 lets a name point into another file (external and soft links, external and virtual storage) and lets a few bytes
declare an array of any size. Both are refused here before anything is read.
"""

from __future__ import annotations

import functools
import itertools
import math
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, ParamSpec, TypeVar

import h5py
import numpy as np
import torch

from torchkeras_shim.core import sharded
from torchkeras_shim.saving import heaps
from torchkeras_shim.saving.allowance import reading, spend
from torchkeras_shim.saving.errors import DamagedFileError, OtherFileError, UnsafeFileError
from torchkeras_shim.saving.hdf5_target import created

__all__ = [
    "DamagedFileError",
    "UnsafeFileError",
    "all_arrays",
    "arrays",
    "created",
    "find_array",
    "find_group",
    "guarded",
    "has_names",
    "names",
    "opened",
    "read",
    "read_any",
    "text",
    "verify",
    "write",
    "write_names",
]

# A compressed array may be this much larger than what is stored of it; weights never shrink that far.
_LARGEST_EXPANSION = 1000
# The same for all that is in an attribute: names of layers, a model's config.
_LARGEST_ATTRIBUTE = 1 << 26
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# What comes with every h5py and keeps to the size of its input: shuffle, fletcher32, LZF; gzip is unpacked here first.
# Szip, n-bit and scale-offset write as much as the file says, others would make the HDF5 library look for plugins.
_GZIP, _CHECKSUM = 1, 3
_FILTERS = frozenset((_GZIP, 2, _CHECKSUM, 32000))
# What fits into the header of an HDF5 object.
_LARGEST_HEADER = 64512

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def opened(source: str | BinaryIO, path: str) -> Iterator[h5py.File]:
    """Opens an HDF5 file for reading, in a `with` block within which it is only read.

    Args:
        source: The path, or an open binary file.
        path: What the file is called in messages.

    Raises:
        OSError: If it is a file of another kind, or damaged.
    """
    try:
        file = h5py.File(source, "r")
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        if _begins_as_hdf5(source):
            raise DamagedFileError(f"'{path}' cannot be opened as an HDF5 file: it is damaged: {error}") from error
        raise OtherFileError(f"'{path}' cannot be opened as an HDF5 file: it is not one.") from error
    try:
        with reading(file.id.get_filesize()):
            yield file
    finally:
        file.close()


def _begins_as_hdf5(source: str | BinaryIO) -> bool:
    if isinstance(source, str):
        with open(source, "rb") as file:
            return file.read(len(_SIGNATURE)) == _SIGNATURE
    source.seek(0)
    return source.read(len(_SIGNATURE)) == _SIGNATURE


def guarded(function: Callable[P, T]) -> Callable[P, T]:
    """Turns the many errors of the HDF5 library about broken files into one."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except (UnsafeFileError, DamagedFileError):
            raise
        except Exception as error:
            raise DamagedFileError(f"The H5 file is damaged: {error}") from error

    return wrapper


@guarded
def find_group(parent: h5py.Group, path: str) -> h5py.Group | None:
    """Returns the group at a path below `parent`, or `None` if there is none.

    Raises:
        UnsafeFileError: If a link on the way leads elsewhere.
    """
    current = parent
    for part in path.split("/") if path else ():
        child = _child(current, part)
        if not isinstance(child, h5py.Group):
            return None
        current = child
    return current


@guarded
def find_array(parent: h5py.Group, path: str) -> h5py.Dataset | None:
    """Returns the array at a path below `parent`, unread, or `None` if there is none."""
    *folders, name = path.split("/")
    group = find_group(parent, "/".join(folders))
    child = None if group is None else _child(group, name)
    return child if isinstance(child, h5py.Dataset) else None


@guarded
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
    spend(steps=1)
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
        raise UnsafeFileError(f"Not allowed: '{dataset.name}' is not an array of numbers: it has no shape.")
    filters = _filters(dataset)
    if not set(filters) <= _FILTERS or len(set(filters)) < len(filters) or _is_gzip_inside(filters):
        raise UnsafeFileError(
            f"Not allowed: '{dataset.name}' is compressed in an unknown way: {filters}. Write it again with gzip or "
            "without compression."
        )


def _is_gzip_inside(filters: list[int]) -> bool:
    """Returns whether something else than a checksum is made of what gzip has packed."""
    return _GZIP in filters and filters[filters.index(_GZIP) + 1 :] not in ([], [_CHECKSUM])


def _filters(dataset: h5py.Dataset) -> list[int]:
    properties = dataset.id.get_create_plist()
    return [properties.get_filter(index)[0] for index in range(properties.get_nfilters())]


def _is_bfloat16(dataset: h5py.Dataset) -> bool:
    # Keras also says so in an attribute; there is nothing else that two bytes without a type could be.
    return bool(dataset.dtype == np.dtype("V2"))


@guarded
def all_arrays(file: h5py.File) -> list[str]:
    """Returns the full names of all arrays in a file."""
    found: list[str] = []
    groups = [("", file)]
    while groups:
        place, group = groups.pop()
        for name in group:
            if isinstance(group.get(name, getlink=True), h5py.HardLink):
                spend(steps=1)
                child = group[name]
                if isinstance(child, h5py.Dataset):
                    found.append(f"{place}/{name}")
                elif isinstance(child, h5py.Group):
                    groups.append((f"{place}/{name}", child))
    return sorted(found)


@guarded
def verify(dataset: h5py.Dataset) -> None:
    """Makes sure that an array can be read in full, without keeping it.

    Raises:
        UnsafeFileError: If the declared size is out of all proportion to the stored one.
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
        _verify_pieces(dataset, max(declared, 1 << 20))
        return
    offset = dataset.id.get_offset()
    if offset is not None and offset + declared > size:
        raise DamagedFileError(f"The H5 file ends before the data of '{dataset.name}' do.")


def _verify_pieces(dataset: h5py.Dataset, limit: int) -> None:
    """Unpacks an array piece by piece.

    Args:
        dataset: The array.
        limit: How large one piece may be.
    """
    size = math.prod(dataset.chunks) * dataset.dtype.itemsize
    if size > limit:
        raise UnsafeFileError(f"Not allowed: '{dataset.name}' declares pieces of {dataset.chunks}.")
    spend(steps=math.prod(-(-length // piece) for length, piece in zip(dataset.shape, dataset.chunks, strict=True)))
    filters = _filters(dataset)
    for part in dataset.iter_chunks():
        if _GZIP in filters:
            _check_gzip(dataset, tuple(one.start for one in part), filters, size)
        dataset[part]  # decompressed and checked


def _check_gzip(dataset: h5py.Dataset, place: tuple[int, ...], filters: list[int], size: int) -> None:
    """The HDF5 library would unpack whatever comes, and look at its size afterwards."""
    info = dataset.id.get_chunk_info_by_coord(place)
    if info.byte_offset is None or info.filter_mask & 1 << filters.index(_GZIP):
        return
    if info.size > dataset.file.id.get_filesize():
        raise DamagedFileError(f"The H5 file ends before the data of '{dataset.name}' do.")
    _, stored = dataset.id.read_direct_chunk(place)
    unpacked = zlib.decompressobj().decompress(stored, size + 16)  # a checksum may be added
    if len(unpacked) > size + 4:
        raise UnsafeFileError(f"Not allowed: '{dataset.name}' unpacks to more than it declares.")


@guarded
def read(dataset: h5py.Dataset) -> torch.Tensor:
    """Returns the values of an array that `verify` has found good and whose shape the caller has checked."""
    array = np.asarray(dataset[()])
    if _is_bfloat16(dataset):
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    if array.dtype.itemsize == 16 and array.dtype.kind == "f":
        array = array.astype(np.float64)  # torch has no longer floats
    return torch.from_numpy(np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(dataset.shape))


def read_any(dataset: h5py.Dataset) -> torch.Tensor:
    """Returns the values of an array that nobody expects to have a certain shape."""
    verify(dataset)
    spend(size=math.prod(dataset.shape) * dataset.dtype.itemsize)
    return read(dataset)


@guarded
def has_names(group: h5py.Group, name: str) -> bool:
    """Returns whether a group has such a list of names."""
    return name in group.attrs or f"{name}0" in group.attrs


@guarded
def text(group: h5py.Group, name: str) -> str | None:
    """Returns an attribute that is a text, or `None` if there is none.

    Raises:
        UnsafeFileError: If it is something else.
    """
    if name not in group.attrs:
        return None
    value = _read_texts(group, name, "text")
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if not isinstance(value, str):
        raise UnsafeFileError(f"Not allowed: the attribute '{name}' of '{group.name}' is not text.")
    return value


@guarded
def names(group: h5py.Group, name: str) -> list[str]:
    """Returns an attribute that is a list of names, which long lists are cut into pieces for: `name0`, `name1`, ...

    Raises:
        UnsafeFileError: If it is something else.
    """
    keys = [name]
    if name not in group.attrs:
        pieces = (f"{name}{index}" for index in itertools.count())
        keys = list(itertools.takewhile(lambda key: key in group.attrs, pieces))
    found: list[str] = []
    for key in keys:
        values = np.asarray(_read_texts(group, key, "a list of names")).ravel().tolist()
        found.extend(value.decode("utf-8") if isinstance(value, bytes) else value for value in values)
    if not all(isinstance(value, str) for value in found):
        raise UnsafeFileError(f"Not allowed: the attribute '{name}' of '{group.name}' is not a list of names.")
    return found


def _read_texts(group: h5py.Group, name: str, kind: str) -> Any:
    """Returns the value of an attribute of texts, within the limits of the file."""
    attribute = h5py.h5a.open(group.id, name.encode("utf-8"))
    count = math.prod(attribute.shape) if attribute.shape is not None else 1
    if count == 0:
        return []  # an empty list has whatever type its writer gave it
    file_type = attribute.get_type()
    if not isinstance(file_type, h5py.h5t.TypeStringID):
        raise UnsafeFileError(f"Not allowed: the attribute '{name}' of '{group.name}' is not {kind}.")
    size = group.file.id.get_filesize()
    declared = count * file_type.get_size()
    spend(steps=count)
    if file_type.is_variable_str():
        _check_references(group.file, count)
    if declared > min(_LARGEST_ATTRIBUTE, size):
        raise UnsafeFileError(f"Not allowed: the attribute '{name}' of '{group.name}' declares {declared} bytes.")
    return group.attrs[name]


def _check_references(file: h5py.File, count: int) -> None:
    """Makes sure that so many texts of any length can be read."""
    if file.userblock_size or file.id.get_create_plist().get_sizes() != (8, 8):
        raise UnsafeFileError("Not allowed: the H5 file does not begin as it should.")
    longest = heaps.check(file.filename)
    if count > 1 and count * longest > file.id.get_filesize() + (1 << 20):
        heaps.check_references(file.filename)


def write_names(group: h5py.Group, name: str, values: list[str]) -> None:
    """Writes a list of names as an attribute, in pieces where it is longer than HDF5 allows.

    Raises:
        ValueError: If a name is too long by itself.
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
    tensor = sharded.whole(value).detach() if isinstance(value, torch.Tensor) else torch.as_tensor(np.asarray(value))
    if tensor.dtype == torch.bfloat16:
        dataset = group.create_dataset(name, data=tensor.view(torch.int16).numpy(force=True).view("V2"))
        dataset.attrs["dtype"] = "bfloat16"
    else:
        group.create_dataset(name, data=tensor.numpy(force=True))
