"""MNIST's file format: a magic number, the sizes, the bytes."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from torchkeras_shim.datasets import store

_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}

Images = tuple[
    tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]"], tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]
]


def load(name: str, kerases: str | None = None) -> Images:
    """Returns a data set of MNIST's form, downloaded if it is missing.

    Files that are there are read as they are, packed or not, whatever their number of images.

    Args:
        name: The name of torchvision's class, which also is the name of the folder.
        kerases: The folder that Keras keeps the same files in.
    """
    folder = f"{name}/raw"
    raw = store.data_root() / folder
    if kerases and all(_find(store.data_root() / kerases, file) for file in _FILES.values()):
        raw = store.data_root() / kerases
    if not all(_find(raw, file) for file in _FILES.values()):
        store.download(name, folder, list(_FILES.values()), ", each as it is or packed as .gz")
    arrays = {key: read(_find(raw, file) or raw / file) for key, file in _FILES.items()}
    for part in ("train", "test"):
        images, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if len(images) != len(labels):
            raise ValueError(
                f"The files in {raw} do not belong together: {len(images)} images but {len(labels)} labels in the "
                f"{part} part. Replace both."
            )
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def _find(raw: Path, file: str) -> Path | None:
    return next((path for path in (raw / file, raw / f"{file}.gz") if path.is_file()), None)


def read(path: Path) -> np.ndarray[Any, Any]:
    """Returns the unsigned bytes of an IDX file, packed or not.

    Raises:
        ValueError: If the file is damaged.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        zeros, kind, rank = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{rank}I", content, 4)
    except (EOFError, struct.error, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"The file {path} is damaged: {error}. Delete it to have it downloaded again.") from None
    start = 4 + 4 * rank
    if (zeros, kind) != (0, 8) or len(content) - start != math.prod(shape):
        raise ValueError(
            f"The file {path} is damaged: expected an IDX file of unsigned bytes, of shape {shape} by its head. "
            f"Received: type code {kind} and {len(content) - start} bytes. Delete it to have it downloaded again."
        )
    return np.frombuffer(bytearray(content), np.uint8, offset=start).reshape(
        shape
    )  # a bytearray, so it may be written to
