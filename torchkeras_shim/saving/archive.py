"""Reading and writing `.keras` files: zip archives, or folders, of a few known members.

Members are read in place or into memory, within limits; nothing is unpacked, and no name in a file becomes a path.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from torchkeras_shim.saving import allowance
from torchkeras_shim.saving.errors import DamagedFileError, OtherFileError, UnsafeFileError

METADATA, CONFIG, WEIGHTS, ASSETS = "metadata.json", "config.json", "model.weights.h5", "assets"

_LARGEST_TEXT = 1 << 26
# Weights hardly shrink when compressed, and Keras does not compress them at all.
_LARGEST_EXPANSION = 100
_MOST_MEMBERS = 100_000
_SIGNATURE = b"PK\x03\x04"
# Others need memory for a dictionary whose size the file chooses.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_LOCAL_HEADER = struct.Struct("<4s22xHH")


class Archive:
    """An open `.keras` file; make one with `opened`."""

    def __init__(self, path: str, members: dict[str, int], open_member: Callable[[str], BinaryIO]) -> None:
        self.path = path
        self._members = members
        self._open_member = open_member

    def text(self, name: str) -> str | None:
        """Returns a member that is a text, `None` if there is none."""
        if name not in self._members:
            return None
        with _readable(self.path), self._open_member(name) as file:
            data = file.read(_LARGEST_TEXT + 1)
            if len(data) > _LARGEST_TEXT:
                raise UnsafeFileError(f"Not allowed: '{name}' of '{self.path}' is longer than {_LARGEST_TEXT} bytes.")
            return data.decode("utf-8")

    def sizes(self) -> dict[str, int]:
        """Returns the sizes of all members by name."""
        return dict(self._members)

    def member(self, name: str) -> BinaryIO:
        """Returns a member as an open file, whose checksum was found right."""
        with _readable(self.path):
            return self._open_member(name)

    def weights_size(self) -> int:
        """Returns the number of bytes of the weights, 0 if there are none."""
        return self._members.get(WEIGHTS, 0)

    def weights(self) -> BinaryIO:
        """Returns the weights as an open file, whose checksum was found right.

        Raises:
            ValueError: If there are none.
        """
        if WEIGHTS not in self._members:
            held = " Weights in the numpy format are not supported." if "model.weights.npz" in self._members else ""
            raise DamagedFileError(f"'{self.path}' holds no '{WEIGHTS}'.{held}")
        with _readable(self.path):
            return self._open_member(WEIGHTS)


@contextlib.contextmanager
def opened(path: str) -> Iterator[Archive]:
    """Opens a `.keras` file, or folder, in a `with` block.

    Raises:
        ValueError: If it is damaged, or of a kind that no honest program writes.
    """
    if os.path.isdir(path):
        yield _open_folder(path)
        return
    with open(path, "rb") as file:
        _check_kind(path, file.read(len(_SIGNATURE)))
        with _readable(path):
            archive = zipfile.ZipFile(file)
        with archive:
            members = _check_members(path, archive)
            sizes = {name: info.file_size for name, info in members.items()}
            with allowance.reading(os.path.getsize(path)):
                yield Archive(path, sizes, lambda name: _open_zipped(path, file, archive, members[name]))


def _check_kind(path: str, beginning: bytes) -> None:
    if beginning != _SIGNATURE:
        kind = "is empty" if not beginning else "is an HDF5 file" if beginning == b"\x89HDF" else "is not a zip archive"
        advice = " If it holds a model, let its name end in `.h5`." if beginning == b"\x89HDF" else ""
        raise OtherFileError(f"'{path}' is not a `.keras` file: it {kind}.{advice}")


@contextlib.contextmanager
def _readable(path: str) -> Iterator[None]:
    """Turns the many errors about broken archives into one."""
    try:
        yield
    except (UnsafeFileError, DamagedFileError):
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        OSError,
        OverflowError,
        RuntimeError,
        ValueError,
    ) as error:
        raise DamagedFileError(f"'{path}' is not a whole `.keras` file, it is damaged: {error}") from error


def _check_members(path: str, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    infos = archive.infolist()
    if len(infos) > _MOST_MEMBERS:
        raise UnsafeFileError(f"Not allowed: '{path}' has {len(infos)} members.")
    for info in infos:
        name = info.filename
        if name.startswith("/") or "\\" in name or re.match(r"[A-Za-z]:", name) or ".." in name.split("/"):
            raise UnsafeFileError(f"Not allowed: '{path}' has a member {name!r}, which leads out of the archive.")
        if name in members:
            raise UnsafeFileError(f"Not allowed: '{path}' has two members {name!r}.")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise UnsafeFileError(f"Not allowed: '{path}' has a link as member {name!r}.")
        if info.flag_bits & 1:
            raise UnsafeFileError(f"Not allowed: '{path}' has an encrypted member {name!r}.")
        if info.compress_type not in _METHODS:
            raise UnsafeFileError(f"Not allowed: '{path}' has a member {name!r} that is compressed in an unknown way.")
        members[name] = info
    if sum(info.compress_size for info in infos) > os.path.getsize(path):
        raise UnsafeFileError(f"Not allowed: '{path}' has members that lie over one another.")
    return members


def _open_zipped(path: str, file: BinaryIO, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> BinaryIO:
    limit = max(info.compress_size * _LARGEST_EXPANSION, 1 << 20)
    if info.file_size > limit:
        raise UnsafeFileError(
            f"Not allowed: '{info.filename}' of '{path}' declares {info.file_size} bytes, but only "
            f"{info.compress_size} are there."
        )
    if info.compress_type != zipfile.ZIP_STORED:
        allowance.spend(size=info.file_size)  # it is unpacked in memory
        with archive.open(info) as member:
            data = member.read(min(limit, info.file_size) + 1)
        if len(data) > limit:
            raise UnsafeFileError(f"Not allowed: '{info.filename}' of '{path}' is a bomb of more than {limit} bytes.")
        return io.BytesIO(data)
    if info.file_size != info.compress_size:
        raise DamagedFileError(f"'{path}' is damaged: '{info.filename}' has two different sizes.")
    with archive.open(info) as member:
        while member.read(1 << 20):  # to the end, where the checksum is compared
            pass
    file.seek(info.header_offset)
    magic, name_length, extra_length = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    if magic != _SIGNATURE:
        raise DamagedFileError(f"'{path}' is damaged at '{info.filename}'.")
    start = info.header_offset + _LOCAL_HEADER.size + name_length + extra_length
    # Buffered: the HDF5 library asks for many small pieces.
    return io.BufferedReader(_Window(file, start, info.file_size))


class _Window(io.RawIOBase):
    """A part of an open file as a file of its own: large weights are never copied out of the archive."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        super().__init__()
        self._file = file
        self._start = start
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)[: max(self._size - self._position, 0)]  # type: ignore[arg-type]
        self._file.seek(self._start + self._position)
        count: int = self._file.readinto(view)  # type: ignore[attr-defined]
        self._position += count
        return count


def _open_folder(path: str) -> Archive:
    members = {}
    for name in (METADATA, CONFIG, WEIGHTS):
        member = os.path.join(path, name)
        if os.path.islink(member):
            raise UnsafeFileError(f"Not allowed: '{name}' of '{path}' is a link.")
        if os.path.isfile(member):
            members[name] = os.path.getsize(member)
    if os.path.islink(os.path.join(path, ASSETS)):
        raise UnsafeFileError(f"Not allowed: the assets of '{path}' are a link.")
    for folder, subfolders, names in os.walk(os.path.join(path, ASSETS)):
        for name in (*subfolders, *names):
            if os.path.islink(os.path.join(folder, name)):
                raise UnsafeFileError(f"Not allowed: '{name}' in the assets of '{path}' is a link.")
        for name in names:
            member = os.path.join(folder, name)
            if not os.path.isfile(member):
                raise UnsafeFileError(f"Not allowed: '{name}' in the assets of '{path}' is not a file.")
            members[os.path.relpath(member, path).replace(os.sep, "/")] = os.path.getsize(member)
    return Archive(path, members, lambda name: open(os.path.join(path, name), "rb"))
