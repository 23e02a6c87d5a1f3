"""`keras.src.saving`: models in open files, stores of arrays, and whether what is being read is trusted."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO

import h5py

from torchkeras_shim import saving
from torchkeras_shim.core import sharing
from torchkeras_shim.saving import hdf5

_safe_mode: ContextVar[bool | None] = ContextVar("safe_mode", default=None)


class SafeModeScope:
    """Says, in a `with` block, whether what objects are made from is not to be trusted.

    This library does not trust any file, whatever it says; packages ask `in_safe_mode` before they open a path.

    Args:
        safe_mode: Whether it is not to be trusted.

    Example:
        >>> with SafeModeScope(True):
        ...     in_safe_mode()
        True
    """

    def __init__(self, safe_mode: bool | None = True) -> None:
        self.safe_mode = safe_mode

    def __enter__(self) -> None:
        self._token = _safe_mode.set(self.safe_mode)

    def __exit__(self, *error: object) -> None:
        _safe_mode.reset(self._token)


def in_safe_mode() -> bool | None:
    """Returns whether objects are being made from something that is not to be trusted, `None` if nothing is being read.

    Example:
        >>> in_safe_mode() is None
        True
    """
    return True if sharing.is_reading() else _safe_mode.get()


def save_model(model: Any, filepath: Any, weights_format: str = "h5", zipped: bool = True) -> None:
    """Saves a whole model into a `.keras` file.

    Args:
        model: The model.
        filepath: A path, or a file that is open for writing, such as an `io.BytesIO`.
        weights_format: Must be `"h5"`.
        zipped: `False` writes a folder instead.

    Raises:
        ValueError: If the weights are asked for in another format.
    """
    if weights_format != "h5":
        raise ValueError(f"Unknown `weights_format` argument. Expected 'h5'. Received: {weights_format}")
    if _is_path(filepath):
        saving.save_model(model, filepath, zipped=zipped)
        return
    with _folder() as folder:
        saving.save_model(model, folder / "model.keras")
        filepath.write((folder / "model.keras").read_bytes())


def load_model(filepath: Any, custom_objects: Any = None, compile: bool = True, safe_mode: bool = True) -> Any:
    """Loads a whole model from a `.keras` file.

    Args:
        filepath: A path, or a file that is open for reading.
        custom_objects: The user's own classes and functions by name.
        compile: Whether to compile the model as it was.
        safe_mode: Must be true.
    """
    with _on_disk(filepath, "model.keras") as path:
        return saving.load_model(path, custom_objects, compile, safe_mode)


def save_weights_only(model: Any, filepath: Any, max_shard_size: Any = None, objects_to_skip: Any = None) -> None:
    """Saves a model's weights into a `.weights.h5` file; see `keras.saving.save_weights`."""
    saving.save_weights(model, filepath, max_shard_size=max_shard_size, objects_to_skip=objects_to_skip)


def load_weights_only(model: Any, filepath: Any, skip_mismatch: bool = False, objects_to_skip: Any = None) -> None:
    """Loads a model's weights from a `.weights.h5` or `.keras` file; see `keras.saving.load_weights`."""
    saving.load_weights(model, filepath, skip_mismatch=skip_mismatch, objects_to_skip=objects_to_skip)


def _is_path(filepath: Any) -> bool:
    return isinstance(filepath, (str, os.PathLike))


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@contextmanager
def _on_disk(file: str | os.PathLike[str] | BinaryIO, name: str) -> Iterator[str | os.PathLike[str]]:
    """Gives the path of a file, of an open one that of a copy."""
    if isinstance(file, (str, os.PathLike)):
        yield file
        return
    with _folder() as folder:
        (folder / name).write_bytes(file.read())
        yield folder / name


class H5IOStore:
    """An HDF5 file as a store of arrays by path and name, in the layout of `.weights.h5` files.

    Args:
        path_or_io: A path, or an open file.
        mode: `"r"` or `"w"`.

    Example:
        >>> import io, numpy
        >>> file = io.BytesIO()
        >>> with H5IOStore(file, mode="w") as store:
        ...     store.make("lora/0")["a"] = numpy.ones(2)
        >>> with H5IOStore(file) as store:
        ...     store.get("lora/0")["a"][()]
        array([1., 1.])
    """

    def __init__(self, path_or_io: Any, mode: str = "r") -> None:
        if mode not in ("r", "w"):
            raise ValueError(f"`mode` should be either 'w' or 'r'. Received: {mode}")
        self.mode = mode
        self.h5_file = h5py.File(path_or_io, mode)

    def make(self, path: str) -> H5Entry:
        """Returns a new place for arrays."""
        group = self.h5_file.require_group(path) if path else self.h5_file
        return H5Entry(group.require_group("vars"))

    def get(self, path: str) -> H5Entry:
        """Returns the arrays of a place; none if there is no such place."""
        group = hdf5.find_group(self.h5_file, f"{path}/vars" if path else "vars")
        return H5Entry(group)

    def close(self) -> None:
        """Closes the file."""
        self.h5_file.close()

    def __enter__(self) -> H5IOStore:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class H5Entry(MutableMapping):  # type: ignore[type-arg]
    """The arrays of one place of a store, by name.

    Args:
        group: Where they are; `None` if there are none.
    """

    def __init__(self, group: h5py.Group | None) -> None:
        self.group = group

    def __getitem__(self, key: str) -> Any:
        found = None if self.group is None else hdf5.find_array(self.group, key)
        if found is None:
            raise KeyError(key)
        return hdf5.read(found) if "dtype" in found.attrs else found

    def __setitem__(self, key: str, value: Any) -> None:
        if self.group is None:
            raise KeyError(key)
        hdf5.write(self.group, key, value)

    def __delitem__(self, key: str) -> None:
        if self.group is None:
            raise KeyError(key)
        del self.group[key]

    def __iter__(self) -> Iterator[str]:
        return iter(() if self.group is None else self.group)

    def __len__(self) -> int:
        return 0 if self.group is None else len(self.group)
