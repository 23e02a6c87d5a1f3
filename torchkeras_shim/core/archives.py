"""Unpacking tar and zip files that may come from anywhere.

An archive is unpacked into a folder of its own, which takes its place when all of it is there. Files are made before
links, so that nothing is written through a link. Whether a link stays inside is seen by its text alone, as the file
system gives up on long paths: it goes up no farther than to the folder, and then only down, where each link is such a
link again.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import shutil
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, cast

from torchkeras_shim.core import atomic

Path = tuple[str, ...]

_MAGIC: tuple[tuple[bytes, Callable[..., Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
)
_LONGEST_HEADER = 16 * 2**20
# Data unpack to some ten times their packed size. More than both of these is a bomb.
_ALWAYS_ALLOWED, _LARGEST_RATIO = 2**30, 200
_TOO_MUCH = f"it unpacks to more than {_LARGEST_RATIO} times its size, and to more than {_ALWAYS_ALLOWED >> 20} MiB"
_DAMAGES = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)


def unpack(path: str, folder: str, archive_format: str | list[str] | tuple[str, ...] | None = "auto") -> bool:
    """Unpacks an archive into a folder, beside or over what is there.

    What would be written outside the folder is left out with a warning: names that lead out of it, links that do, and
    files whose way leads through a link.

    Args:
        path: A tar file (as it is, or packed by gzip, bzip2 or xz) or a zip file.
        folder: Where to unpack it. It is made if it is missing.
        archive_format: What the file may be: `"tar"`, `"zip"`, a list of these, `"auto"` for both, `None` for none.

    Returns:
        Whether the file was such an archive.

    Raises:
        ValueError: If the archive is damaged, or unpacks to far more than data do.
        tarfile.SpecialFileError: If it holds a device or a pipe.
        NotImplementedError: If `archive_format` is unknown.

    Example:
        >>> import os, tempfile, zipfile
        >>> folder = tempfile.mkdtemp()
        >>> with zipfile.ZipFile(os.path.join(folder, "a.zip"), "w") as archive:
        ...     archive.writestr("inner/text.txt", "hello")
        >>> unpack(os.path.join(folder, "a.zip"), os.path.join(folder, "a"))
        True
        >>> os.listdir(os.path.join(folder, "a", "inner"))
        ['text.txt']
    """
    with open(path, "rb") as file, contextlib.ExitStack() as stack:
        try:
            members = _open(file, _formats(archive_format), stack)
            if members is None:
                return False
            os.makedirs(os.path.dirname(os.path.abspath(folder)), exist_ok=True)
            scratch = stack.enter_context(atomic.scratch_folder(folder))
            _Unpacking(scratch, _limit(file)).run(members)
            _move(scratch, os.path.realpath(folder))
        except _Bomb as error:
            raise ValueError(f"The archive {path} is refused: {error}.") from None
        except tarfile.FilterError:
            raise
        except _DAMAGES as error:
            reason = str(error) or type(error).__name__
            raise ValueError(
                f"The archive {path} is damaged: {reason}. Delete it, or pass `force_download=True` to `get_file`, to "
                "have it downloaded again."
            ) from error
    return True


class _Bomb(Exception):
    """An archive that is made to fill disks or memory."""


@dataclass
class _Member:
    name: str
    kind: str  # file, folder, link (symbolic) or copy (hard link)
    size: int = 0
    mode: int = 0o644
    target: str = ""
    open: Callable[[], IO[bytes] | None] = lambda: None


# What an archive holds ----------------------------------------------------------------------------------------------


def _formats(archive_format: str | list[str] | tuple[str, ...] | None) -> list[str]:
    if archive_format == "auto":
        return ["tar", "zip"]
    formats = [archive_format] if isinstance(archive_format, str) else list(archive_format or ())
    for name in formats:
        if name not in ("tar", "zip"):
            raise NotImplementedError(
                f"Unknown `archive_format`. Expected 'auto', 'tar', 'zip', a list of the last two, or None. "
                f"Received: {name!r}"
            )
    return formats


def _open(file: IO[bytes], formats: list[str], stack: contextlib.ExitStack) -> Iterator[_Member] | None:
    for name in formats:
        if name == "tar":
            with contextlib.suppress(tarfile.ReadError, EOFError, OSError, zlib.error, lzma.LZMAError):
                stream = stack.enter_context(_unpacked(file))
                bounded = cast("IO[bytes]", _Bounded(stream, _limit(file)))
                return _of_tar(stack.enter_context(tarfile.open(fileobj=bounded, mode="r:")))
        elif zipfile.is_zipfile(file):
            return _of_zip(stack.enter_context(zipfile.ZipFile(file)))
    return None


def _limit(file: IO[bytes]) -> int:
    return max(_ALWAYS_ALLOWED, _LARGEST_RATIO * os.fstat(file.fileno()).st_size)


def _unpacked(file: IO[bytes]) -> IO[bytes]:
    file.seek(0)
    start = file.read(6)
    file.seek(0)
    for magic, opened in _MAGIC:
        if start.startswith(magic):
            return cast("IO[bytes]", opened(file))
    return file


class _Bounded:
    """A stream that is not read farther than to a limit, nor in pieces that no header is so long as."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream, self._limit = stream, limit
        self.tell = stream.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LONGEST_HEADER:
            raise _Bomb(f"one of its headers is {size} bytes long")
        self._check(self._stream.tell() + size)
        return self._stream.read(size)

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        self._check(position)
        return self._stream.seek(position, whence)

    def _check(self, position: int) -> None:
        if position > self._limit:
            raise _Bomb(_TOO_MUCH)


def _of_tar(archive: tarfile.TarFile) -> Iterator[_Member]:
    for info in archive:
        if info.isdir():
            yield _Member(info.name, "folder")
        elif info.issym():
            yield _Member(info.name, "link", target=info.linkname)
        elif info.islnk():
            yield _Member(info.name, "copy", target=info.linkname)
        elif info.isreg():
            yield _Member(info.name, "file", info.size, info.mode, open=lambda info=info: archive.extractfile(info))  # type: ignore[misc]
        else:
            raise tarfile.SpecialFileError(info)


def _of_zip(archive: zipfile.ZipFile) -> Iterator[_Member]:
    for info in archive.infolist():
        if info.is_dir():
            yield _Member(info.filename, "folder")
        else:
            yield _Member(info.filename, "file", info.file_size, open=lambda info=info: archive.open(info))  # type: ignore[misc]


# Writing ------------------------------------------------------------------------------------------------------------


class _Unpacking:
    """Writes members below `root`, a new folder that nobody else writes to."""

    def __init__(self, root: str, limit: int) -> None:
        self._root, self._left = root, limit
        self._files: set[Path] = set()
        self._links: dict[Path, str] = {}

    def run(self, members: Iterator[_Member]) -> None:
        for member in members:
            path = _path_of(member.name)
            if path is None or not self._write(member, path):
                _warn(member.name)
        self._make_links()

    def _write(self, member: _Member, path: Path) -> bool:
        """Returns whether a member could be written."""
        if member.kind == "folder":
            return self._make_folder(path)
        if not path or not self._make_folder(path[:-1]) or os.path.isdir(self._at(path)):
            return False
        if member.kind == "link":
            self._links[path] = member.target
            return True
        self._links.pop(path, None)
        if member.kind == "copy":
            return self._copy(_path_of(member.target), path)
        self._left -= member.size
        if self._left < 0:
            raise _Bomb(_TOO_MUCH)
        self._write_file(member, path)
        return True

    def _at(self, path: Path) -> str:
        return os.path.join(self._root, *path)

    def _make_folder(self, path: Path) -> bool:
        try:
            os.makedirs(self._at(path), exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            return False
        return True

    def _write_file(self, member: _Member, path: Path) -> None:
        self._remove(path)  # an archive may hold a file twice: the last one counts
        mode = 0o777 if member.mode & 0o100 else 0o666
        descriptor = os.open(self._at(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        source = member.open()
        with open(descriptor, "wb") as file:
            if source is not None:
                with source:
                    shutil.copyfileobj(source, file, 2**20)
            if file.tell() != member.size:
                raise tarfile.ReadError(f"{member.name!r} has {file.tell()} of {member.size} bytes")
        self._files.add(path)

    def _copy(self, source: Path | None, path: Path) -> bool:
        if source is None or source not in self._files or source == path:
            return False
        self._remove(path)
        try:
            os.link(self._at(source), self._at(path))
        except OSError:  # not every file system has hard links
            shutil.copyfile(self._at(source), self._at(path))
        self._files.add(path)
        return True

    def _remove(self, path: Path) -> None:
        self._files.discard(path)
        with contextlib.suppress(FileNotFoundError):
            os.remove(self._at(path))

    def _make_links(self) -> None:
        for path, link in self._links.items():
            above = (self._at(path[:end]) for end in range(1, len(path)))
            taken = os.path.lexists(self._at(path)) or any(os.path.islink(folder) for folder in above)
            if taken or not _stays_inside(path, link):
                _warn("/".join(path))
            else:
                os.symlink(link, self._at(path))


def _stays_inside(path: Path, link: str) -> bool:
    names = _names(link)
    if names is None:
        return False
    up = next((index for index, name in enumerate(names) if name != ".."), len(names))
    return up < len(path) and ".." not in names[up:]


def _names(path: str) -> list[str] | None:
    """Returns the parts of a path, `None` if it is absolute or no path at all."""
    if os.name == "nt":
        path = path.replace("\\", "/")
    if "\0" in path or path.startswith("/") or os.path.isabs(path) or os.path.splitdrive(path)[0]:
        return None
    return [name for name in path.split("/") if name not in ("", ".")]


def _path_of(name: str) -> Path | None:
    """Returns the parts of a member's name, `None` if it leads out of the folder."""
    names = _names(name)
    if names is None:
        return None
    path: list[str] = []
    for part in names:
        if part != "..":
            path.append(part)
        elif not path:
            return None
        else:
            path.pop()
    return tuple(path)


def _warn(name: str) -> None:
    warnings.warn(f"Skipping invalid path during archive extraction: {name!r}.", stacklevel=5)


# Into place ---------------------------------------------------------------------------------------------------------


def _move(scratch: str, target: str) -> None:
    """Moves a folder to where nothing is yet, or what is in it into the folder that is there."""
    if not os.path.lexists(target):
        try:
            os.rename(scratch, target)
            return
        except OSError:
            if not os.path.isdir(target):  # otherwise another thread was faster
                raise
    for folder, folders, files in os.walk(scratch):
        inside = os.path.relpath(folder, scratch)
        for name in list(folders):
            there = os.path.normpath(os.path.join(target, inside, name))
            if os.path.islink(os.path.join(folder, name)):
                files.append(name)
            elif os.path.islink(there):
                _warn(os.path.normpath(os.path.join(inside, name)))
                folders.remove(name)
            else:
                os.makedirs(there, exist_ok=True)
        for name in files:
            os.replace(os.path.join(folder, name), os.path.join(target, inside, name))
