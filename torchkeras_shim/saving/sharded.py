"""Weights in several files of limited size, and a JSON file that says which: Keras's sharded format."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from typing import Any

import h5py
import numpy as np

from torchkeras_shim.core.atomic import locked, replacing
from torchkeras_shim.saving import hdf5
from torchkeras_shim.saving.errors import DamagedFileError, OtherFileError, UnsafeFileError
from torchkeras_shim.saving.layout import Entry, walk
from torchkeras_shim.saving.weights_h5 import make_group, read_weights, values_of

_GIGABYTE = 1024**3
_LARGEST_INDEX = 1 << 24
_MOST_SHARDS = 10_000


def save(model: Any, path: str, max_shard_size: float, objects_to_skip: Any = None) -> None:
    """Writes weights to `name_<save>_00000.weights.h5`, `name_<save>_00001.weights.h5`, ..., and the index to `path`.

    Each save has names of its own, so that an index always leads to the files of one save; those of the previous save
    are removed when the new index is in its place.

    Args:
        model: The model; it must be built.
        path: The index, which ends in `.weights.json`.
        max_shard_size: How large a file may be, in GB.
        objects_to_skip: Layers that are left out.

    Raises:
        ValueError: If one weight is larger than a file may be.
    """
    if not isinstance(max_shard_size, (int, float)) or max_shard_size <= 0:
        raise ValueError(f"`max_shard_size` must be a positive number of GB. Received: max_shard_size={max_shard_size}")
    folder = os.path.dirname(os.path.realpath(path))
    base = os.path.basename(path)[: -len(".weights.json")]
    with contextlib.ExitStack() as stack:
        index_file = stack.enter_context(replacing(path))
        writer = _Writer(os.path.join(folder, f"{base}_{secrets.token_hex(4)}"), max_shard_size * _GIGABYTE, stack)
        for entry in walk(model, objects_to_skip):
            writer.write(entry)
        writer.close()
        with open(index_file, "w", encoding="utf-8") as file:
            json.dump({"metadata": {"total_size": writer.total}, "weight_map": writer.weight_map}, file, indent=4)
        with locked(folder):
            previous = _previous(path)
            try:
                stack.pop_all().close()  # all files get their names, the index last
            except BaseException:
                _remove(folder, writer.names)
                raise
            own = re.compile(rf"{re.escape(base)}_[0-9a-f]{{8}}_\d{{5,}}\.weights\.h5")
            keras = re.compile(rf"{re.escape(base)}_\d{{5}}\.weights\.h5")
            old = [name for name in os.listdir(folder) if own.fullmatch(name)]
            old += [name for name in previous if keras.fullmatch(name)]
            _remove(folder, set(old) - set(writer.names))
            _leave_first(os.path.join(folder, f"{base}_00000.weights.h5"))


def _leave_first(path: str) -> None:
    """Leaves an empty file under the name that Keras opens first, whatever the index says."""
    if not os.path.exists(path):
        with replacing(path) as temporary, hdf5.created(temporary):
            pass


def _previous(path: str) -> list[str]:
    """Returns the names of the files in an index that is about to be replaced."""
    try:
        return _shards(path)
    except (OSError, ValueError):  # there is none, or it is not one
        return []


def _remove(folder: str, names: Iterable[str]) -> None:
    for name in names:
        with contextlib.suppress(OSError):
            os.remove(os.path.join(folder, name))


class _Writer:
    """Fills one file after the other."""

    def __init__(self, base: str, limit: float, stack: contextlib.ExitStack) -> None:
        self.weight_map: dict[str, Any] = {}
        self.names: list[str] = []
        self.total = 0
        self._base = base
        self._limit = limit
        self._stack = stack
        self._used = 0
        self._file = self._open_next()

    def _open_next(self) -> h5py.File:
        path = f"{self._base}_{len(self.names):05}.weights.h5"
        self._name = os.path.basename(path)
        self.names.append(self._name)
        temporary = self._stack.enter_context(replacing(path))
        self._used = 0
        return self._stack.enter_context(hdf5.created(temporary))

    def write(self, entry: Entry) -> None:
        group, place = None, f"/{entry.path}/vars" if entry.path else "/vars"
        for key, value in values_of(entry.target):
            size = value.nbytes if hasattr(value, "nbytes") else np.asarray(value).nbytes
            if size > self._limit:
                raise ValueError(
                    f"The weight '{getattr(value, 'path', key)}' has {size} bytes, which exceeds the maximum shard "
                    f"size of {int(self._limit)}. Increase `max_shard_size`."
                )
            if self._used and self._used + size > self._limit:
                self._file.close()
                self._file = self._open_next()
                group = None
            if group is None:
                group = make_group(self._file, entry)
            hdf5.write(group, key, value)
            self._used += size
            self.total += size
            self._note(place)

    def _note(self, place: str) -> None:
        """Enters the present file in the index, where Keras has a list from a layer's second weight on."""
        known = self.weight_map.get(place)
        if known is None:
            self.weight_map[place] = self._name
            return
        files = known if isinstance(known, list) else [known]
        self.weight_map[place] = files if self._name in files else [*files, self._name]

    def close(self) -> None:
        self._file.close()


def load(model: Any, path: str, skip_mismatch: bool, objects_to_skip: Any = None) -> None:
    """Reads what `save`, or Keras, has written. Either all of it is loaded or nothing.

    Args:
        model: The model; it must be built, of the architecture of the files.
        path: The index.
        skip_mismatch: Whether layers whose weights do not fit are left out, with a warning.
        objects_to_skip: Layers that keep their weights.

    Raises:
        ValueError: If weights do not fit, a file is damaged, or the index leads out of its folder.
    """
    folder = os.path.dirname(os.path.realpath(path))
    with contextlib.ExitStack() as stack:
        with locked(folder, shared=True):  # nobody replaces the index before its files are open
            names = _shards(path)
            files = [stack.enter_context(_open_shard(folder, name, path)) for name in names]
        read_weights(model, files, path, skip_mismatch, objects_to_skip)


def _open_shard(folder: str, name: str, path: str) -> contextlib.AbstractContextManager[h5py.File]:
    shard = os.path.join(folder, name)
    if os.path.islink(shard):
        raise UnsafeFileError(f"Not allowed: '{path}' names the file '{name}', which is a link.")
    if not os.path.isfile(shard):
        raise DamagedFileError(f"'{path}' names the file '{name}', which does not lie beside it.")
    return hdf5.opened(shard, shard)


def _shards(path: str) -> list[str]:
    """Returns the names of the files in an index."""
    if os.path.getsize(path) > _LARGEST_INDEX:
        raise UnsafeFileError(f"Not allowed: the index '{path}' is longer than {_LARGEST_INDEX} bytes.")
    try:
        with open(path, encoding="utf-8") as file:
            index = json.load(file)
        named = [name for names in index["weight_map"].values() for name in _listed(names)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise OtherFileError(f"'{path}' is not an index of weights: {error!r}") from error
    names = list(dict.fromkeys(named))
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(r"[^/\\:\0]+\.weights\.h5", name):
            raise UnsafeFileError(
                f"Not allowed: '{path}' names {name!r}, which is not a weights file in the same folder."
            )
    if len(names) > _MOST_SHARDS:
        raise UnsafeFileError(f"Not allowed: '{path}' names {len(names)} files.")
    return names


def _listed(names: Any) -> Iterator[Any]:
    yield from names if isinstance(names, list) else [names]
