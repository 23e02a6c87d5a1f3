"""Writing a file so that an interruption never costs the previous one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def replacing(path: str) -> Iterator[str]:
    """Gives the path of a temporary file that takes the place of `path` at the end, or vanishes on an error.

    Args:
        path: The file to write. A link is followed, so that its target is replaced.

    Example:
        >>> import os, pathlib, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "file")
        >>> with replacing(path) as temporary, open(temporary, "w") as file:
        ...     _ = file.write("new")
        >>> pathlib.Path(path).read_text()
        'new'
    """
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "r+b") as file:
            os.fsync(file.fileno())  # the bytes must be on the disk before the name points to them
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)
        raise
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)  # and so must the name
        finally:
            os.close(descriptor)
