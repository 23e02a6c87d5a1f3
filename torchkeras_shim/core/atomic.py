"""Writing files and folders so that an interruption never costs the previous ones.

Everything is written beside its target under a name of its own, and takes the target's place in one step. Several
threads, processes and machines may do so at once: the last one wins. What a killed process leaves behind is removed by
the next one that writes into the same folder.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import secrets
import shutil
import socket
import stat
import time
import zlib
from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# `.name.place-process-token.tmp`, with an ending of their own for files that go with it. The name is cut: it is there
# for people, and the whole must not be longer than a file's name may be.
_TEMPORARY = re.compile(r"\..*\.([0-9a-f]{8})-([0-9]+)-[0-9a-f]{8}\.tmp(\..*)?")
_LONGEST_NAME = 40
# A file that nobody has touched for so long is no longer being written, whoever wrote it.
_SECONDS_TO_STALE = 24 * 60 * 60
_SECONDS_TO_LOCK = 10
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2

_live: set[str] = set()


@contextlib.contextmanager
def replacing(path: str) -> Iterator[str]:
    """Gives the path of a temporary file that takes the place of `path` at the end, or vanishes on an error.

    The file keeps its permissions. Errors of the system name `path`.

    Args:
        path: The file to write. A link is followed, so that its target is replaced.

    Raises:
        OSError: If the file cannot be written, or `path` is something else than a file.

    Example:
        >>> import os, pathlib, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "file")
        >>> with replacing(path) as temporary, open(temporary, "w") as file:
        ...     _ = file.write("new")
        >>> pathlib.Path(path).read_text()
        'new'
    """
    target = os.path.realpath(path)
    with _temporary(target, path) as temporary:
        mode = _mode_of_file(target, path)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        if mode is None:
            mode = stat.S_IMODE(os.stat(temporary).st_mode)
        os.chmod(temporary, mode)
        yield temporary
        os.chmod(temporary, mode)  # a library may have put a file of its own under this name
        with open(temporary, "r+b") as file:
            os.fsync(file.fileno())  # the bytes must be on the disk before the name points to them
        os.replace(temporary, target)
        _sync_folder(os.path.dirname(target))  # and so must the name


@contextlib.contextmanager
def replacing_folder(path: str) -> Iterator[str]:
    """Gives the path of a temporary folder that takes the place of `path` at the end, or vanishes on an error.

    Args:
        path: The folder to write. Folders above it are made.

    Example:
        >>> import os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "folder")
        >>> with replacing_folder(path) as temporary, open(os.path.join(temporary, "file"), "w") as file:
        ...     _ = file.write("new")
        >>> os.listdir(path)
        ['file']
    """
    target = os.path.realpath(path)
    parent = os.path.dirname(target)
    os.makedirs(parent, exist_ok=True)
    with _temporary(target, path) as temporary:
        os.mkdir(temporary)
        yield temporary
        _sync_folder(temporary)
        _swap_in(temporary, target)
        _sync_folder(parent)


@contextlib.contextmanager
def scratch_folder(path: str) -> Iterator[str]:
    """Gives the path of an empty folder beside `path`, which vanishes at the end unless it was moved elsewhere.

    Args:
        path: What the folder is for. The folder that it is in must exist.

    Example:
        >>> import os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "folder")
        >>> with scratch_folder(path) as scratch:
        ...     os.rename(scratch, path)
        >>> os.path.isdir(path)
        True
    """
    with _temporary(os.path.realpath(path), path) as temporary:
        os.mkdir(temporary)
        yield temporary


def latest_folder(path: str) -> str:
    """Returns where the folder that `replacing_folder` wrote to `path` is: where a process was killed at the one moment
    without it (only on systems that cannot exchange two folders), its predecessor lies beside it.
    """
    previous = _previous(os.path.realpath(path))
    return previous if not os.path.lexists(path) and os.path.isdir(previous) else path


@contextlib.contextmanager
def locked(folder: str, shared: bool = False) -> Iterator[None]:
    """Keeps out everybody else who locks that folder, threads and processes, during a `with` block.

    Locks serve to keep several files together; where a system cannot lock folders, or somebody does not give up the
    lock, the block runs without.

    Args:
        folder: A folder.
        shared: Whether others who share the lock may come in.
    """
    descriptor = None
    if fcntl is not None:
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
    try:
        if descriptor is not None:
            _lock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _lock(descriptor: int, kind: int) -> None:
    give_up = time.monotonic() + _SECONDS_TO_LOCK
    while time.monotonic() < give_up:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(0.01)
        except OSError:
            return


# Temporary names ----------------------------------------------------------------------------------------------------


def _place() -> str:
    """Returns what stands for this machine or container, within which numbers of processes mean something."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return f"{zlib.crc32(f'{socket.gethostname()}/{namespace}'.encode()):08x}"


@contextlib.contextmanager
def _temporary(target: str, path: str) -> Iterator[str]:
    """Gives a free name beside `target`, under which nothing is left in the end, and lets errors speak of `path`."""
    folder, name = os.path.split(target)
    _remove_stale(folder)
    token = secrets.token_hex(4)
    temporary = os.path.join(folder, f".{name[:_LONGEST_NAME]}.{_place()}-{os.getpid()}-{token}.tmp")
    _live.add(temporary)
    try:
        yield temporary
    except (OSError, RuntimeError) as error:
        named = _named(error, temporary, target, path)
        if named is error:
            raise
        raise named from error
    finally:
        _remove(temporary)
        _live.discard(temporary)


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except (IsADirectoryError, PermissionError):  # the system decides which of both it is for a folder
        shutil.rmtree(path, ignore_errors=True)
    except OSError:
        pass


def _named(error: Exception, temporary: str, target: str, path: str) -> Exception:
    """Returns an error about a temporary file as one about the file that was asked for."""
    number = error.errno if isinstance(error, OSError) else None
    if temporary in str(error) and (found := re.search(r"errno = (\d+)", str(error))):  # the HDF5 library's way
        number = int(found[1])
    filename = getattr(error, "filename", None)
    mentioned = temporary in str(error) or filename is None or (filename == target and target != path)
    return error if number is None or not mentioned else OSError(number, os.strerror(number), path)


def _remove_stale(folder: str) -> None:
    """Removes temporary files of processes that are no more."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _TEMPORARY.fullmatch(entry.name)
            if match and _is_stale(entry, match[1], int(match[2])):
                _remove(entry.path)


def _is_stale(entry: os.DirEntry[str], place: str, process: int) -> bool:
    try:
        if time.time() - entry.stat(follow_symlinks=False).st_mtime > _SECONDS_TO_STALE:
            return True
    except FileNotFoundError:
        return False
    if place != _place() or os.name != "posix":
        return False
    if process == os.getpid():  # an earlier one may have had the same number
        return not any(entry.path.startswith(temporary) for temporary in tuple(_live))
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass
    return False


# Files --------------------------------------------------------------------------------------------------------------


def _mode_of_file(target: str, path: str) -> int | None:
    """Returns the permissions of a file, `None` if there is none.

    Raises:
        OSError: If it must not be replaced.
    """
    try:
        status = os.stat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Not a regular file, so nothing is saved there", path)
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    return stat.S_IMODE(status.st_mode)


def _sync_folder(folder: str) -> None:
    if os.name == "posix":
        with contextlib.suppress(OSError):  # not every file system can
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


# Folders ------------------------------------------------------------------------------------------------------------


def _previous(target: str) -> str:
    folder, name = os.path.split(target)
    return os.path.join(folder, f".{name}.previous")


def _swap_in(folder: str, target: str) -> None:
    """Puts a folder in the place of another one, if there is any."""
    previous = _previous(target)
    while True:
        if os.path.isdir(target):
            shutil.copymode(target, folder)
            if _exchange(folder, target):
                break
            shutil.rmtree(previous, ignore_errors=True)
            with contextlib.suppress(FileNotFoundError):
                os.rename(target, previous)
        try:
            os.rename(folder, target)
            break
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # somebody else was faster
                raise
    shutil.rmtree(previous, ignore_errors=True)


def _exchange(one: str, other: str) -> bool:
    """Exchanges two folders in one step. Returns whether the system can."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if os.name == "posix" else None
    if function is None:
        return False
    paths = os.fsencode(one), os.fsencode(other)
    return bool(function(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0)
