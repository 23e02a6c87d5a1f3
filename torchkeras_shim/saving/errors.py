"""What is wrong with a file, and which file it is."""

from __future__ import annotations

import errno
import functools
import inspect
import os
import stat
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_LONGEST_MESSAGE = 4000

P = ParamSpec("P")
T = TypeVar("T")


class UnsafeFileError(ValueError):
    """A file that no honest program writes: reading on could leak or exhaust something."""


class DamagedFileError(OSError, ValueError):
    """A file that was cut short or changed."""


class OtherFileError(OSError, ValueError):
    """A file of another kind than its name says."""


class MissingFileError(FileNotFoundError, ValueError):
    """A file that is not there: Keras raises one or the other, depending on the format."""


def names_its_file(function: Callable[P, T]) -> Callable[P, T]:
    """Lets the errors of a function that has an argument `filepath` say which file they are about.

    Example:
        >>> @names_its_file
        ... def load(filepath):
        ...     raise ValueError("Too long.")
        >>> load("model.keras")
        Traceback (most recent call last):
        ValueError: Too long. (File: 'model.keras')
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def named(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            if isinstance(error, ValueError):
                shorten(error)
            arguments = signature.bind_partial(*args, **kwargs).arguments
            path = str(arguments.get("filepath"))
            # A text alone is what is shown; what has more parts is somebody else's to explain.
            if len(error.args) == 1 and str(error) == error.args[0] and path not in error.args[0]:
                error.args = (f"{error.args[0]} (File: '{path}')",)
            raise

    return named


def check_file(path: str, folder: bool = False) -> None:
    """Refuses to open what would wait for ever, or never end: pipes, devices, sockets.

    Args:
        path: The path.
        folder: Whether it may be a folder.

    Raises:
        OSError: If it is not a file.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode) and not folder:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OtherFileError(errno.EINVAL, "Expected a regular file, not a pipe or device", path)


def shorten(error: Exception) -> None:
    """Cuts the middle out of a message that repeats more of a file than anybody reads."""
    if len(error.args) == 1 and isinstance(error.args[0], str) and len(error.args[0]) > _LONGEST_MESSAGE:
        text, half = error.args[0], _LONGEST_MESSAGE // 2
        error.args = (f"{text[:half]} ... ({len(text) - 2 * half} characters) ... {text[-half:]}",)
