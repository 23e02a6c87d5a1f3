"""The warning about an old spelling, which comes once for each."""

from __future__ import annotations

import sys
import warnings

_said: set[str] = set()


def say(old: str, new: str) -> None:
    """Warns that a script uses an old spelling, the first time it does.

    Args:
        old: What the script says.
        new: What it says today; nothing if it only has to be left out.
    """
    if old in _said:
        return
    _said.add(old)
    advice = f"accepted here: today it is `{new}`" if new else "ignored here: leave it out"
    warnings.warn(f"`{old}` is an old spelling, {advice}.", DeprecationWarning, _level())


def forget() -> None:
    """Has every warning come again."""
    _said.clear()


def _level() -> int:
    """Returns the `stacklevel` of the first line that is not of this library."""
    package = __name__.partition(".")[0]
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == package:
        level, frame = level + 1, frame.f_back
    return level
