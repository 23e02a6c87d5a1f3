"""Files that layers keep beside their weights, such as vocabularies: `save_assets(folder)`, `load_assets(folder)`.

A layer gets a folder of its own, under its path in the weights file. What comes out of an archive is written to a fresh
temporary folder, after every name has been checked, and within limits.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from torchkeras_shim.saving.archive import ASSETS
from torchkeras_shim.saving.errors import UnsafeFileError
from torchkeras_shim.saving.layout import walk

_PIECE = 1 << 20
#: A part of a name: no separator of any system, no drive, nothing hidden in a control character.
_PART = re.compile(r"[^/\\:\x00-\x1f]+")


def write(model: Any, folder: str) -> None:
    """Lets every layer that has assets write them below a folder."""
    for entry in walk(model):
        if callable(getattr(entry.target, "save_assets", None)):
            own = os.path.join(folder, *entry.path.split("/")) if entry.path else folder
            os.makedirs(own, exist_ok=True)
            entry.target.save_assets(own)


def add_to(target: zipfile.ZipFile, model: Any) -> None:
    """Writes the assets of a model into an archive."""
    if not has_any(model, "save_assets"):
        return
    with tempfile.TemporaryDirectory() as folder:
        write(model, folder)
        for place, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                path = os.path.join(place, name)
                relative = os.path.relpath(path, folder).replace(os.sep, "/")
                target.write(path, f"{ASSETS}/{relative}")


def has_any(model: Any, method: str) -> bool:
    """Returns whether a layer of a model has a method `save_assets` or `load_assets`."""
    return any(callable(getattr(entry.target, method, None)) for entry in walk(model))


def read(model: Any, sizes: dict[str, int], open_member: Callable[[str], BinaryIO], path: str) -> None:
    """Gives every layer that has assets a folder with those that are its own.

    Args:
        model: The model.
        sizes: The sizes of the members of an archive by name.
        open_member: Opens one of them; it checks them for what an archive can do.
        path: What the archive is called in messages.

    Raises:
        UnsafeFileError: If a name leads elsewhere.
    """
    for entry in walk(model):
        if not callable(getattr(entry.target, "load_assets", None)):
            continue
        prefix = f"{ASSETS}/{entry.path}/" if entry.path else f"{ASSETS}/"
        with tempfile.TemporaryDirectory() as folder:
            for name in _members(sizes, prefix):
                _extract(name, name[len(prefix) :], folder, open_member, path)
            entry.target.load_assets(folder)


def _members(sizes: dict[str, int], prefix: str) -> Iterator[str]:
    return (name for name in sizes if name.startswith(prefix) and not name.endswith("/"))


def _extract(name: str, relative: str, folder: str, open_member: Callable[[str], BinaryIO], path: str) -> None:
    parts = relative.split("/")
    if not all(_PART.fullmatch(part) and part.strip(". ") for part in parts):
        raise UnsafeFileError(f"Not allowed: '{path}' has an asset {name!r}, whose name is not a plain path.")
    place = os.path.join(folder, *parts)
    try:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open_member(name) as source, open(place, "xb") as target:
            shutil.copyfileobj(source, target, _PIECE)
    except (FileExistsError, NotADirectoryError) as error:
        raise UnsafeFileError(f"Not allowed: '{path}' has assets whose names collide: {name!r}.") from error
