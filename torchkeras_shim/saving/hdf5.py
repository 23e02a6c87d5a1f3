"""Reading and writing arrays in HDF5 files, with no trust in the file.

HDF5 lets a name point into another file (external and soft links, external and virtual storage) and lets a few bytes
declare an array of any size. Both are refused here before anything is read.
"""

from __future__ import annotations

import math
from typing import Any

import h5py
import numpy as np
import torch

# A compressed array may be this much larger than what is stored of it; weights never shrink that far.
_LARGEST_EXPANSION = 1000


class UnsafeFileError(ValueError):
    """A file that no honest program writes: reading on could leak or exhaust something."""


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
        if child.external or child.is_virtual:
            raise UnsafeFileError(f"Not allowed: the data of '{child.name}' are not in the H5 file itself.")
        if child.dtype.kind not in "biufc" and not _is_bfloat16(child):
            raise UnsafeFileError(f"Not allowed: '{child.name}' is of type {child.dtype}, not an array of numbers.")
    return child


def _is_bfloat16(dataset: h5py.Dataset) -> bool:
    return bool(dataset.dtype == np.dtype("V2") and dataset.attrs.get("dtype") == "bfloat16")


def read(dataset: h5py.Dataset) -> torch.Tensor:
    """Returns the values of an array whose shape the caller has checked.

    Raises:
        UnsafeFileError: where the declared size is out of all proportion to the stored one.
    """
    declared = math.prod(dataset.shape) * dataset.dtype.itemsize
    stored = dataset.id.get_storage_size()
    if declared > (1 << 20) and declared > _LARGEST_EXPANSION * stored:
        raise UnsafeFileError(
            f"Not allowed: '{dataset.name}' declares {declared} bytes, but the file holds only {stored} of them."
        )
    array = np.array(dataset[()])
    if _is_bfloat16(dataset):
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(dataset.shape))


def write(group: h5py.Group, name: str, value: Any) -> None:
    """Writes a tensor or array into a group. bfloat16, which HDF5 lacks, is written as Keras writes it."""
    tensor = value.detach() if isinstance(value, torch.Tensor) else torch.as_tensor(np.asarray(value))
    if tensor.dtype == torch.bfloat16:
        dataset = group.create_dataset(name, data=tensor.view(torch.int16).numpy(force=True).view("V2"))
        dataset.attrs["dtype"] = "bfloat16"
    else:
        group.create_dataset(name, data=tensor.numpy(force=True))
