"""Keras's data sets in `.npz` files: arrays of numbers, and of lists of numbers, which numpy keeps as pickles."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
import zlib
from typing import Any

import numpy as np

from torchkeras_shim.datasets import pickles

Array = np.ndarray[Any, Any]


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns the arrays of a file, and lists in place of arrays of objects.

    Raises:
        ValueError: If the file is damaged, or a pickle in it refers to anything but numbers and arrays.
    """
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".npy"):
                    arrays[name.removesuffix(".npy")] = _read_array(io.BytesIO(archive.read(name)))
    except (zipfile.BadZipFile, zlib.error, pickle.UnpicklingError, EOFError, ValueError, TypeError) as error:
        raise ValueError(
            f"The file {os.fspath(path)} is damaged: {error}. Delete it to have it downloaded again."
        ) from None
    return arrays


def _read_array(stream: io.BytesIO) -> Any:
    version = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    _, _, dtype = header(stream)
    if dtype == np.dtype(object):
        found = pickles.load(stream.read())
        if not isinstance(found, pickles.PickledArray):
            raise pickle.UnpicklingError(f"it holds {type(found).__name__} in place of an array")
        return found.objects()
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)
