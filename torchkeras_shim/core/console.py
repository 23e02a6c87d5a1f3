"""The one way by which this library prints messages: to stdout, or to the `logging` module where that is asked for."""

from __future__ import annotations

import logging
import os
import sys

_logger = logging.getLogger("torchkeras_shim")
_interactive = True
#: Of several processes that a launcher such as `torchrun` has started, the first one speaks for all.
_muted = int(os.environ.get("WORLD_SIZE") or 1) > 1 and int(os.environ.get("RANK") or 0) > 0


def mute(muted: bool) -> None:
    """Lets messages of this process be dropped, or not: another process says the same."""
    global _muted
    _muted = muted


def enable_interactive_logging() -> None:
    """Sends progress bars, summaries and messages to stdout, which is the default.

    Example:
        >>> enable_interactive_logging()
        >>> is_interactive_logging_enabled()
        True
    """
    global _interactive
    _interactive = True


def disable_interactive_logging() -> None:
    """Sends progress bars, summaries and messages to the logger `"torchkeras_shim"` at level INFO instead of stdout.

    Example:
        >>> disable_interactive_logging()
        >>> is_interactive_logging_enabled()
        False
        >>> enable_interactive_logging()
    """
    global _interactive
    _interactive = False


def is_interactive_logging_enabled() -> bool:
    """Returns whether messages go to stdout.

    Example:
        >>> is_interactive_logging_enabled()
        True
    """
    return _interactive


def print_msg(message: object, line_break: bool = True) -> None:
    """Prints a message.

    Args:
        message: What to print.
        line_break: Whether a new line follows.

    Example:
        >>> print_msg("hello")
        hello
    """
    if _muted:
        return
    text = str(message)
    if not _interactive:
        _logger.info(text)
        return
    if line_break:
        text += "\n"
    try:
        sys.stdout.write(text)
    except UnicodeEncodeError:
        # A console of a narrow encoding: a plainer bar, and no character that it cannot show.
        encoding = sys.stdout.encoding or "utf-8"
        plain = text.replace("━", "=")
        sys.stdout.write(plain.encode(encoding, errors="ignore").decode(encoding))
    sys.stdout.flush()
